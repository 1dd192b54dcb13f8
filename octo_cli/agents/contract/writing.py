"""The approved text becomes a file: once, at one place, whatever happens between the two."""

import os
from pathlib import Path

from msgspec import structs

from octo_cli.agents.contract.draft import Draft, in_thread, with_wording
from octo_cli.agents.contract.fields import values_of
from octo_cli.documents.files import write_once
from octo_cli.errors import StorageError
from octo_cli.storage import DocumentDraft, Finished, record_digest
from octo_cli.wire.work import Artifact


async def written(draft: Draft) -> tuple[Artifact, Finished]:
    """Write the draft's text and return what stands where, and what binds it. Raises StorageError when it cannot be."""
    kit, paper, state = draft.kit, draft.paper, draft.state
    version = await in_thread(kit.storage.next_version, state["document_id"])
    wanted = DocumentDraft(
        document_id=state["document_id"],
        version=version,
        thread_id=kit.thread_id,
        document_type=paper.name,
        title=draft.title,
        language=draft.language,
        doc_hash=state["doc_hash"],
        text=state["draft"],
        fields=with_wording(state),
        path=str(_target(draft, version)),
    )
    # The first reservation of this very text counts: a second try after a crash writes the same file, wherever it runs.
    reserved = await in_thread(kit.storage.reserve_document, wanted, kit.now())
    try:
        path = await in_thread(write_once, Path(reserved.path), reserved.text)
    except StorageError:
        await in_thread(kit.storage.give_up_document, reserved)
        raise
    kept = await in_thread(kit.storage.finish_document, reserved, kit.now(), path=str(path))
    artifact: Artifact = structs.replace(reserved.artifact, path=str(path))
    return artifact, Finished(kept.version, record_digest(kept))


def shown_path(path: str) -> str:
    """Relative to where the person is when that is shorter to read."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def _target(draft: Draft, version: int) -> Path:
    """Where the document goes: `-o` names a folder or one file; several documents share a file's name, told apart."""
    stem, output = draft.paper.file_stem(values_of(draft.fields), draft.language), draft.kit.output
    name = f"{stem}.md" if version == 1 else f"{stem}-v{version}.md"
    if output is None or output.suffix.lower() not in ("", ".md"):
        # A file of another kind is for the answer.
        return (draft.kit.settings.documents / name).absolute()
    if os.path.isdir(output) or not output.suffix:  # noqa: PTH112 (a name too long is no folder, and no crash)
        return (output / name).absolute()
    if draft.state["request"]["steps"] > 1:
        return output.with_name(f"{output.stem}-{draft.paper.name}{output.suffix}").absolute()
    return output.absolute()
