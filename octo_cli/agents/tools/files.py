"""Tools on the files of the workspace, the folder Octo was called in: nothing they are given leads out of it."""

import asyncio
import difflib
import os
import tempfile
import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from octo_cli.agents.tools import Tool, fenced, parameters, risks
from octo_cli.errors import Failed

if TYPE_CHECKING:
    from octo_cli.agents.kit import Kit

Args = Mapping[str, Any]

_MOST_BYTES: Final = 1_000_000
_MOST_LINES: Final = 400
_MOST_FILES: Final = 500
_MOST_HITS: Final = 200
_LONGEST_LINE: Final = 400
# Folders full of what nobody wrote by hand.
_PASSED_OVER: Final = frozenset({".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache"})


def reading_tools() -> tuple[Tool, ...]:
    """They change nothing and run unasked, except where a name says that it holds secrets."""
    return (
        Tool(
            "read_file",
            "Reads lines of a text file in the workspace.",
            "read",
            parameters(
                1,
                path={"type": "string", "description": "relative to the workspace"},
                start={"type": "integer", "description": "1 is the first line"},
                lines={"type": "integer", "description": f"at most {_MOST_LINES}"},
            ),
            _in_thread(_read),
            subject="path",
            risk=risks.of_reading,
        ),
        Tool(
            "list_files",
            "Lists the files below a folder of the workspace.",
            "read",
            parameters(
                0,
                path={"type": "string", "description": "relative to the workspace; '.' for all"},
                pattern={"type": "string", "description": "such as *.py"},
            ),
            _in_thread(_list),
            subject="path",
        ),
        Tool(
            "find_in_files",
            "Finds the lines of the workspace's text files that contain a text.",
            "read",
            parameters(
                1,
                text={"type": "string", "description": "found as it is, whatever its case"},
                path={"type": "string", "description": "relative to the workspace"},
                pattern={"type": "string", "description": "such as *.py"},
            ),
            _in_thread(_find),
            subject="path",
        ),
    )


def writing_tools() -> tuple[Tool, ...]:
    """They change one file a call, shown as a diff first, and whole or not at all."""
    path = {"type": "string", "description": "relative to the workspace"}
    return (
        Tool(
            "write_file",
            "Writes a text file in the workspace, new or over what it held.",
            "write",
            parameters(path=path, content={"type": "string"}),
            _in_thread(lambda args, kit: _write(_Change.writing(args, kit))),
            subject="path",
            shown=lambda args, kit: _Change.writing(args, kit).diff,
            risk=risks.of_writing,
        ),
        Tool(
            "edit_file",
            "Replaces a passage of a text file in the workspace; the passage must occur exactly once.",
            "write",
            parameters(
                path=path,
                old={"type": "string", "description": "exactly as it stands in the file"},
                new={"type": "string"},
            ),
            _in_thread(lambda args, kit: _write(_Change.editing(args, kit))),
            subject="path",
            shown=lambda args, kit: _Change.editing(args, kit).diff,
            risk=risks.of_writing,
        ),
    )


def _in_thread(work: Callable[[Args, "Kit"], Any]) -> Callable[[Args, "Kit"], Awaitable[Any]]:
    async def run(args: Args, kit: "Kit") -> Any:
        return await asyncio.to_thread(work, args, kit)

    return run


def _read(args: Args, kit: "Kit") -> dict[str, Any]:
    path = _inside(args["path"], kit)
    _keep_secret(path, args["path"], kit)
    lines = _text(path, kit).splitlines()
    start = max(int(args.get("start", 1)), 1)
    count = min(max(int(args.get("lines", _MOST_LINES)), 1), _MOST_LINES)
    part = lines[start - 1 : start - 1 + count]
    return {"path": _name(path, kit), "start": start, "of": len(lines), "text": "\n".join(part)}


def _list(args: Args, kit: "Kit") -> dict[str, Any]:
    folder = _inside(args.get("path", "."), kit)
    names = [_name(path, kit) for path in _files(folder, args.get("pattern", "*"))]
    return {"files": names[:_MOST_FILES], "more": max(len(names) - _MOST_FILES, 0)}


def _find(args: Args, kit: "Kit") -> dict[str, Any]:
    sought = _nfc(args["text"]).casefold()
    if not sought.strip():
        raise Failed("tool_text_empty")
    hits: list[dict[str, Any]] = []
    for path in _files(_inside(args.get("path", "."), kit), args.get("pattern", "*")):
        hits += _hits(path, sought, kit)
        if len(hits) >= _MOST_HITS:
            break
    return {"hits": hits[:_MOST_HITS], "cut": len(hits) >= _MOST_HITS}


def _hits(path: Path, sought: str, kit: "Kit") -> list[dict[str, Any]]:
    # What may not be read unasked is not searched either.
    if risks.is_secret(path.parts) or not path.resolve().is_relative_to(kit.settings.workspace.resolve()):
        return []
    try:
        lines = _text(path, kit).splitlines()
    except Failed:
        return []
    return [
        {"path": _name(path, kit), "line": number, "text": line[:_LONGEST_LINE]}
        for number, line in enumerate(lines, 1)
        if sought in _nfc(line).casefold()
    ]


class _Change:
    """One file as it is and as it would be. `before` is None for a new one."""

    def __init__(self, path: Path, name: str, before: str | None, after: str) -> None:
        self.path = path
        self.name = name
        self.before = before
        self.after = after
        if len(after.encode("utf-8", "replace")) > _MOST_BYTES:
            raise Failed("tool_file_too_large", path=name, limit=_MOST_BYTES)

    @classmethod
    def writing(cls, args: Args, kit: "Kit") -> "_Change":
        path = _inside(args["path"], kit)
        return cls(path, _name(path, kit), _text(path, kit) if path.exists() else None, args["content"])

    @classmethod
    def editing(cls, args: Args, kit: "Kit") -> "_Change":
        path = _inside(args["path"], kit)
        before, name = _text(path, kit), _name(path, kit)
        # An empty passage occurs everywhere; counting it is counting gaps.
        count = before.count(args["old"]) if args["old"] else 0
        if count != 1:
            raise Failed("tool_passage_not_once", path=name, count=count)
        return cls(path, name, before, before.replace(args["old"], args["new"]))

    @property
    def diff(self) -> str:
        lines = difflib.unified_diff(
            *((self.before or "").splitlines(), self.after.splitlines()),
            fromfile=self.name if self.before is not None else "/dev/null",
            tofile=self.name,
            lineterm="",
        )
        return fenced("\n".join(lines), "diff")


def _write(change: _Change) -> dict[str, Any]:
    """Put the whole text in the file's place in one step; its rights stay as they were."""
    path, content = change.path, change.after.encode("utf-8")
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                os.fsync(file.fileno())
            Path(draft).chmod(mode)
            Path(draft).replace(path)
        finally:
            Path(draft).unlink(missing_ok=True)
    except OSError as error:
        raise Failed("tool_file_unwritable", path=change.name, reason=error.strerror or str(error)) from error
    return {"path": change.name, "bytes": len(content), "new": change.before is None}


def _inside(raw: str, kit: "Kit") -> Path:
    """The path a tool was given, with every link followed. Raises Failed unless it lies in the workspace."""
    root = kit.settings.workspace.resolve()
    try:
        found = next((path for path in _spellings(root / Path(raw).expanduser()) if path.exists()), None)
        path = (found or root / Path(_nfc(raw)).expanduser()).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise Failed("tool_path_unusable", path=raw, reason=str(error)) from error
    if not path.is_relative_to(root):
        raise Failed("tool_path_outside", path=raw, workspace=root)
    return path


def _spellings(path: Path) -> Iterator[Path]:
    """As given, composed, decomposed: macOS and archives write 한글 in more ways than one."""
    yield path
    yield Path(_nfc(str(path)))
    yield Path(unicodedata.normalize("NFD", str(path)))


def _keep_secret(path: Path, raw: str, kit: "Kit") -> None:
    # A link with a harmless name was ruled on by that name.
    name = path.relative_to(kit.settings.workspace.resolve())
    if risks.is_secret(name.parts) and not risks.is_secret(PurePosixPath(raw).parts):
        raise Failed("tool_file_secret", path=raw)


def _text(path: Path, kit: "Kit") -> str:
    """A file's text. Raises Failed for what is none, or too much."""
    name = _name(path, kit)
    try:
        if not path.is_file():
            raise Failed("tool_file_missing", path=name)
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise Failed("tool_path_unusable", path=name, reason=error.strerror or str(error)) from error
    if len(raw) > _MOST_BYTES:
        raise Failed("tool_file_too_large", path=name, limit=_MOST_BYTES)
    if b"\0" in raw:
        raise Failed("tool_file_binary", path=name)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Failed("tool_file_binary", path=name) from error


def _files(folder: Path, pattern: str) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _PASSED_OVER)
        for name in sorted(names):
            if fnmatchcase(_nfc(name), pattern):
                yield Path(place, name)


def _name(path: Path, kit: "Kit") -> str:
    root = kit.settings.workspace.resolve()
    return _nfc(path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path))


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
