"""Which files a request means: names in a sentence, near matches, what earlier steps hand on. Reads no file."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from octo_cli.agents.data.loading import SUFFIXES
from octo_cli.errors import Failed, NotFound
from octo_cli.wire.work import StepResult

_MOST_FILES: Final = 10
_MOST_LISTED: Final = 5
_KINDS: Final = "|".join(suffix[1:] for suffix in sorted((*SUFFIXES, ".xls"), key=len, reverse=True))
_QUOTED: Final = re.compile(rf"""["'“‘「『`]([^"'”’」』`\n]{{1,300}}?\.(?:{_KINDS}))["'”’」』`]""", re.I)
_BARE: Final = re.compile(rf"[^\s\"'“”‘’`,;()<>\[\]]{{1,300}}?\.(?:{_KINDS})(?![A-Za-z0-9_.-]*[A-Za-z0-9])", re.I)


def named_files(text: str, workspace: Path) -> list[Path]:
    """The data files a text names, in order, each once. Raises Failed: data_no_such_file."""
    return list(dict.fromkeys(found(name, workspace) for name in names_in(text, workspace)))[:_MOST_FILES]


def names_in(text: str, workspace: Path) -> list[str]:
    """File names as they stand in the text; a name with spaces is known by quotation marks or by being there."""
    text = unicodedata.normalize("NFC", text)
    spans: list[tuple[int, int, str]] = []
    known = sorted((_nfc(path.name) for path in data_files(workspace)), key=len, reverse=True)
    patterns = [_QUOTED, *(re.compile(rf"(?<![\w/\\.-])({re.escape(name)})(?![A-Za-z0-9])") for name in known), _BARE]
    for pattern in patterns:
        for match in pattern.finditer(text):
            if all(match.end() <= start or end <= match.start() for start, end, _ in spans):
                spans.append((match.start(), match.end(), match[match.lastindex or 0]))
    return [name for _, _, name in sorted(spans)]


def without_names(text: str, workspace: Path) -> str:
    """The question without its file names and the particles they carry."""
    text = unicodedata.normalize("NFC", text)
    for name in names_in(text, workspace):
        text = re.sub(
            rf"[\"'“‘「『`]?{re.escape(name)}[\"'”’」』`]?(?:\s?(?:파일|file))?(?:에서는|에서|에는|으로|의|에|을|를|은|는|이|가|로|와|과|도|만|랑)?(?![가-힣])",
            " ",
            text,
        )
    return " ".join(text.split())


def found(name: str, workspace: Path) -> Path:
    """The file a name means. Raises Failed: data_folder, data_unsupported; NotFound: data_no_such_file."""
    path = Path(name).expanduser() if name.startswith("~") else workspace / name
    actual = path if path.exists() else _same_name(path)
    if actual is None:
        near = near_names(path, workspace)
        raise NotFound("data_no_such_file_near" if near else "data_no_such_file", path=name, near=", ".join(near))
    if actual.is_dir():
        raise Failed("data_folder", path=name)
    if not actual.is_file() or actual.suffix.lower() not in SUFFIXES:
        raise Failed("data_unsupported", path=name, kinds=" ".join(SUFFIXES))
    return actual


def handed_on(earlier: Mapping[str, StepResult], workspace: Path) -> Iterator[Path]:
    """Data files that earlier steps wrote or found."""
    for result in earlier.values():
        for name in _strings(result.data):
            path = workspace / name
            if len(name) < 1000 and path.suffix.lower() in SUFFIXES and path.is_file():
                yield path


def handed_rows(earlier: Mapping[str, StepResult]) -> Iterator[tuple[str, Sequence[str], Sequence[Sequence[Any]]]]:
    """Tables that earlier steps hand on as `columns` and `rows`, named by their step."""
    for step_id, result in earlier.items():
        match result.data:
            case {"columns": [*columns], "rows": [[*_], *_] as rows}:
                yield f"step_{step_id}", [str(column) for column in columns], rows


def data_files(folder: Path) -> list[Path]:
    """The data files that lie in a folder, itself only."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    except OSError:
        return []


def near_names(path: Path, workspace: Path) -> list[str]:
    """What a wrong name may have meant, nearest first; else what there is."""
    names = [_nfc(one.name) for one in (*data_files(path.parent), *data_files(workspace))]
    names = [name for name in dict.fromkeys(names) if not name.endswith(".txt")]
    return get_close_matches(_nfc(path.name), names, n=3, cutoff=0.5) or names[:_MOST_LISTED]


def _same_name(path: Path) -> Path | None:
    """The file of that name in another case or another normal form; a name on a Mac comes as letters apart."""
    wanted = _nfc(path.name).casefold()
    try:
        return next((one for one in path.parent.iterdir() if _nfc(one.name).casefold() == wanted), None)
    except OSError:
        return None


def _strings(data: Any) -> Iterable[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _strings(value)
    elif isinstance(data, list | tuple):
        for value in data[:100]:
            yield from _strings(value)


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
