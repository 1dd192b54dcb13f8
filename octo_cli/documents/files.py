"""Writing a finished text to disk: whole or not at all, never over another text, the same however often it is tried."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from octo_cli.errors import StorageError

MOST_NAMES = 10_000


def doc_hash(text: str) -> str:
    """The hash a person approves: SHA-256 of the text's UTF-8 bytes, as "sha256:<hex>"."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def write_once(path: Path, text: str | bytes) -> Path:
    """Write `text` to `path`, or beside it as `…-v2`, `…-v3` when another text stands there. Returns where it stands.

    Trying again after a crash finds the file and changes nothing. Raises StorageError when the folder cannot be
    written.
    """
    content = text.encode() if isinstance(text, str) else text
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for candidate in _names(path):
            if _placed(candidate, content):
                return candidate
    except OSError as error:
        raise StorageError(_code(error), path=path, reason=error.strerror) from error
    raise StorageError("document_unwritable", path=path, reason=os.strerror(errno.EEXIST))


def write_over(path: Path, text: str | bytes) -> Path:
    """Write `text` to `path` in place of what stands there. Raises StorageError when the folder cannot be written."""
    content = text.encode() if isinstance(text, str) else text
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _drafted(path, content) as draft:
            draft.replace(path)
    except OSError as error:
        raise StorageError(_code(error), path=path, reason=error.strerror) from error
    return path


def _names(path: Path) -> Iterator[Path]:
    yield path
    stem, _, number = path.stem.rpartition("-v")
    first = int(number) if stem and number.isdigit() else 1
    base = stem if stem and number.isdigit() else path.stem
    for n in range(first + 1, first + MOST_NAMES):
        yield path.with_name(f"{base}-v{n}{path.suffix}")


def _placed(path: Path, content: bytes) -> bool:
    """Whether `content` stands at `path` now; False when something else does."""
    if path.exists():
        return path.is_file() and path.read_bytes() == content
    with _drafted(path, content) as draft:
        return _linked(draft, path, content)


@contextmanager
def _drafted(path: Path, content: bytes) -> Iterator[Path]:
    """`content` in a file beside `path`, on the disk."""
    # The name follows from target and content, so that a killed attempt leaves nothing a second one does not remove.
    draft = path.with_name(f".{path.name}.{hashlib.sha256(content).hexdigest()[:12]}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _linked(draft: Path, path: Path, content: bytes) -> bool:
    try:
        os.link(draft, path)
    except FileExistsError:
        return path.is_file() and path.read_bytes() == content
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EXDEV, errno.EMLINK):
            raise
        # A file system without hard links: the name is free by a look of a moment ago, and rename is still whole.
        draft.replace(path)
    return True


def _code(error: OSError) -> str:
    return "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "document_unwritable"
