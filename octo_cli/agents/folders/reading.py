"""Which files count, and what text the plain ones hold. Reads, never writes; follows no link; knows no index."""

import codecs
import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from octo_cli.values.text import clean, one_line

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MARKDOWN: Final = frozenset({b".md", b".markdown"})
TEXT: Final = frozenset({b".txt", b".text", b".rst", b".org", b".csv", b".tsv", b".log", b".tex"})
_CODE: Final = """
    py pyi js mjs cjs jsx ts tsx java kt kts scala groovy go rs c h cc cpp cxx hpp hh cs m mm swift dart rb php pl pm
    lua r jl ex exs erl hs ml mli clj cljs lisp el vim sh bash zsh fish ps1 bat sql graphql proto vue svelte css scss
    less json jsonc yaml yml toml ini cfg conf xml gradle cmake tf j2
"""
CODE: Final = frozenset(f".{suffix}".encode() for suffix in _CODE.split())
# What only a parser can read, by the kind `formats` knows it by.
FORMATS: Final[Mapping[bytes, str]] = MappingProxyType(
    {b".pdf": "pdf", b".docx": "docx", b".html": "html", b".htm": "html", b".xhtml": "html"}
)
SUFFIXES: Final = MARKDOWN | TEXT | CODE | FORMATS.keys()
LARGEST: Final = 5 * 1024 * 1024
# Pictures and fonts weigh more than the words between them.
LARGEST_PACKED: Final = 50 * 1024 * 1024
# Hidden ones (.git, .venv) are left out by their dot.
_NOT_WRITTEN_BY_HAND: Final = frozenset({b"node_modules", b"__pycache__", b"venv", b"CVS"})

Reason = Literal["binary", "too_large", "unreadable", "link", "encrypted", "broken", "no_text", "slow"]
# What a place in a file is counted by.
Unit = Literal["line", "page", "paragraph"]


class Stamp(NamedTuple):
    """What shows that a file changed. Bytes and nanoseconds."""

    size: int
    mtime: int
    ctime: int


class Skipped(NamedTuple):
    """A file or folder that was not searched; `path` as it is shown."""

    path: str
    reason: Reason


@dataclass(frozen=True)
class Paper:
    """A finished document of Octo's own. `path` is its file, `doc_hash` "sha256:…" of the text that `load` returns."""

    document_id: str
    title: str
    version: int
    path: Path
    doc_hash: str
    load: Callable[[], str]


class Shelf(NamedTuple):
    """One person's finished documents in one database; `name` tells it from every other."""

    name: str
    papers: tuple[Paper, ...]


@dataclass(slots=True)
class Survey:
    """What stands in the folders now. Paths are bytes, because a file name need not be text.

    `roots` are the folders that are there, each with the name it is shown by. A shelf is a root too, under a name no
    folder can have, and `papers` are what stands on it.
    """

    roots: dict[bytes, str] = field(default_factory=dict)
    missing: list[Path] = field(default_factory=list)
    files: dict[bytes, Stamp] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    papers: dict[bytes, Paper] = field(default_factory=dict)

    def add(self, shelf: Shelf) -> None:
        """Search `shelf` too. A file in the folders that is one of its papers is not searched twice."""
        root = b"\0" + shelf.name.encode(errors="surrogateescape")
        self.roots[root] = shelf.name
        for paper in shelf.papers:
            path = root + _SEPARATOR + paper.document_id.encode() + b".md"
            self.papers[path] = paper
            self.files[path] = Stamp(paper.version, int(paper.doc_hash[-15:], 16), 0)
            file = os.fsencode(os.path.realpath(paper.path))
            if file in self.files and _is_copy(file, paper):
                del self.files[file]

    def covers(self, path: bytes) -> bool:
        """Whether `path` lies in a folder that was walked, so that its absence means it is gone."""
        return any(is_inside(path, root) for root in self.roots)

    def shown(self, path: bytes) -> str:
        """`path` as it is written for a person: from its folder's name on, or a paper's file."""
        if paper := self.papers.get(path):
            return _text(os.fsencode(paper.path))
        root = next((root for root in self.roots if is_inside(path, root)), path)
        inside = path.removeprefix(root).removeprefix(_SEPARATOR)
        return f"{self.roots[root]}/{_text(inside)}" if inside else self.roots[root]


def survey(folders: Sequence[Path], stopped: Callable[[], bool]) -> Survey:
    """Walk `folders`; a folder that is not there is named and the rest walked."""
    found = Survey()
    names = _names(folders)
    for folder in folders:
        try:
            root = os.fsencode(folder.resolve(strict=True))
            os.scandir(root).close()
        except (OSError, RuntimeError):  # RuntimeError: links in a circle
            found.missing.append(folder)
            continue
        found.roots.setdefault(root, names[folder])
        for path, entry in _walk(root, stopped):
            _note(found, path, entry)
    return found


def read(path: bytes) -> bytes:
    """The file's bytes. Raises OSError, also when the file has become a link, or larger than may be read."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a file")
        most = largest(path)
        raw = file.read(most + 1)
    if len(raw) > most:
        raise OSError("too large")
    return raw


def text_of(raw: bytes) -> str | None:
    """The text in a file's bytes: NFC, lines ended by "\\n", without controls and colours; None when it is not text."""
    text = _decoded(raw)
    if text is None or len(_CONTROLS.findall(text)) * 10 > len(text):
        return None
    # Only line ends may make a line, so that line numbers are those of an editor.
    return clean(_OTHER_BREAKS.sub(" ", _COLOURS.sub("", text)))


def largest(path: bytes) -> int:
    """The most bytes a file of this name may have."""
    return LARGEST_PACKED if kind_of(path) in ("pdf", "docx") else LARGEST


def kind_of(path: bytes) -> str | None:
    """What `formats` reads the file as; None for plain text."""
    return FORMATS.get(suffix_of(path))


def unit_of(path: bytes) -> Unit:
    units: dict[str | None, Unit] = {"pdf": "page", "docx": "paragraph"}
    return units.get(kind_of(path), "line")


def has_headings(path: bytes) -> bool:
    """Whether `#` begins a heading in the file's text; a PDF has none, code has comments."""
    return suffix_of(path) in MARKDOWN or kind_of(path) in ("docx", "html")


def is_code(path: bytes) -> bool:
    return suffix_of(path) in CODE


def is_inside(path: bytes, root: bytes) -> bool:
    return path.startswith(root.rstrip(_SEPARATOR) + _SEPARATOR)


_SEPARATOR: Final = os.fsencode(os.sep)
_COLOURS: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_OTHER_BREAKS: Final = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS: Final = re.compile("[\x00-\x08\x0e-\x1a\x1f]")

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def _decoded(raw: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, errors="replace")
    if b"\0" in raw:
        return _unmarked_utf16(raw)
    for encoding in ("utf-8", "cp949"):
        text = _strict(raw, encoding)
        if text is not None:
            return text
    # One broken byte in a long note must not hide the rest of it.
    text = raw.decode("utf-8", errors="replace")
    return text if text.count("\ufffd") * 100 < len(text) else None


def _unmarked_utf16(raw: bytes) -> str | None:
    """UTF-16 without a mark shows in its zeros: spaces and line ends have theirs all on the same side."""
    little, big = raw[1::2].count(0), raw[0::2].count(0)
    if max(little, big) < 10 * min(little, big) or max(little, big) * 100 < len(raw):
        return None
    text = _strict(raw, "utf-16-le" if little > big else "utf-16-be")
    if text is None or "\0" in text:
        return None
    unknown = sum(unicodedata.category(char) in ("Cn", "Co") for char in text[:4096])
    return None if unknown * 100 > min(len(text), 4096) else text


def _strict(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _walk(root: bytes, stopped: Callable[[], bool]) -> Iterator[tuple[bytes, "os.DirEntry[bytes] | None"]]:
    """Files that count and links below `root`, folder by folder; None for a folder that cannot be listed."""
    waiting: list[tuple[bytes, tuple[_Rules, ...]]] = [(root, ())]
    while waiting and not stopped():
        folder, rules = waiting.pop()
        try:
            listed = _listed(folder)
        except FileNotFoundError:
            continue
        except OSError:
            yield folder, None
            continue
        rules += _rules_of(folder)
        for entry, is_folder in listed:
            if _is_ignored(entry.path, rules, is_folder=is_folder):
                continue
            if is_folder:
                waiting.append((entry.path, rules))
            elif _leads_out(entry, root) if entry.is_symlink() else suffix_of(entry.name) in SUFFIXES:
                yield entry.path, entry


def _listed(folder: bytes) -> list[tuple["os.DirEntry[bytes]", bool]]:
    """What a folder holds that is neither hidden nor a machine's own, by name, and whether it is a folder itself."""
    with os.scandir(folder) as entries:
        seen = [
            entry for entry in entries if not entry.name.startswith(b".") and entry.name not in _NOT_WRITTEN_BY_HAND
        ]
        return [(entry, entry.is_dir(follow_symlinks=False)) for entry in sorted(seen, key=lambda entry: entry.name)]


class _Rules(NamedTuple):
    """What a `.gitignore` leaves out of its folder."""

    folder: bytes
    patterns: "GitIgnoreSpec"


def _rules_of(folder: bytes) -> tuple[_Rules, ...]:
    file = folder + _SEPARATOR + b".gitignore"
    if not os.path.lexists(file):
        return ()
    from pathspec import GitIgnoreSpec

    try:
        patterns = GitIgnoreSpec.from_lines((text_of(read(file)) or "").splitlines())
    except (OSError, ValueError):  # ValueError: a pattern that is none; better to find too much
        return ()
    return (_Rules(folder, patterns),)


def _is_ignored(path: bytes, rules: Sequence[_Rules], *, is_folder: bool) -> bool:
    """Whether a `.gitignore` on the way down leaves `path` out; the nearest that speaks of it decides."""
    for folder, patterns in reversed(rules):
        inside = path[len(folder.rstrip(_SEPARATOR)) + 1 :] + b"/" * is_folder
        verdict = patterns.check_file(os.fsdecode(inside)).include
        if verdict is not None:
            return verdict
    return False


def _leads_out(link: "os.DirEntry[bytes]", root: bytes) -> bool:
    """Whether a link to something that would count leads out of the folder; inside, what it leads to is met anyway."""
    try:
        counts = link.is_dir() or suffix_of(link.name) in SUFFIXES
        return counts and not is_inside(os.path.realpath(link.path) + _SEPARATOR, root)
    except OSError:
        return False


def _note(found: Survey, path: bytes, entry: "os.DirEntry[bytes] | None") -> None:
    """Put a path where it belongs in the survey: among the files, among the skipped, or nowhere."""
    try:
        status = entry.stat(follow_symlinks=False) if entry else None
    except FileNotFoundError:
        return
    except OSError:
        status = None
    if status is None:
        found.skipped.append(Skipped(found.shown(path), "unreadable"))
    elif stat.S_ISLNK(status.st_mode):
        found.skipped.append(Skipped(found.shown(path), "link"))
    elif stat.S_ISREG(status.st_mode) and status.st_size > largest(path):
        found.skipped.append(Skipped(found.shown(path), "too_large"))
    elif stat.S_ISREG(status.st_mode):
        found.files[path] = Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _is_copy(file: bytes, paper: Paper) -> bool:
    try:
        return hashlib.sha256(read(file)).hexdigest() == paper.doc_hash.removeprefix("sha256:")
    except OSError:
        return False


def _names(folders: Sequence[Path]) -> dict[Path, str]:
    """Each folder by the shortest end of its path that no other has."""
    names: dict[Path, str] = {}
    for folder in folders:
        others = [other.parts for other in folders if other != folder]
        length = 1
        while length < len(folder.parts) and any(other[-length:] == folder.parts[-length:] for other in others):
            length += 1
        names[folder] = _text(os.fsencode(Path(*folder.parts[-length:])))
    return names


def suffix_of(path: bytes) -> bytes:
    # Asked of every file in the folders; pathlib would take longer than the walk.
    return path[path.rfind(b".") :].lower()


def _text(path: bytes) -> str:
    return one_line(path.decode("utf-8", errors="replace").replace(os.sep, "/"))
