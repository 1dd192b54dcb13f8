"""Answers and texts from the command line, files and pipes. Whether they fit their question is decided below."""

import datetime
import json
import sys
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from octo_cli.errors import UsageError
from octo_cli.prepared import Prepared
from octo_cli.ui.typed import MOST_CHARACTERS, readable

_VERDICTS: Final = ("approve", "reject", "revise", "back")
_MOST_BYTES: Final = 4 * MOST_CHARACTERS


def prepared(flags: Mapping[str, Any], cwd: Path) -> Prepared:
    """The answer flags as they were given. Two verdicts at once are an error."""
    verdicts = [name for name in _VERDICTS if flags.get(name) is not None]
    if len(verdicts) > 1:
        raise UsageError("answers_conflict", first=f"--{verdicts[0]}", second=f"--{verdicts[1]}")
    return Prepared(
        fields=_fields(flags.get("set_", ())),
        answers=_file(flags["answers"], cwd) if "answers" in flags else {},
        submit=bool(flags.get("submit")),
        approve=bool(flags.get("approve")),
        reject=flags.get("reject"),
        revise=flags.get("revise"),
        back=flags.get("back"),
    )


def read_stdin() -> str:
    """What a pipe says, no more of it than could be taken: an endless one must not fill the memory."""
    raw = sys.stdin.buffer.read(_MOST_BYTES + 1)
    if len(raw) > _MOST_BYTES:
        raise UsageError("text_too_long", length=f"{_MOST_BYTES:,}+", limit=f"{MOST_CHARACTERS:,}")
    return raw.decode("utf-8", "surrogateescape")


def _fields(settings: Sequence[str]) -> dict[str, str]:
    fields = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip():
            raise UsageError("set_needs_value", value=setting)
        fields[name.strip()] = unicodedata.normalize("NFC", value.strip())
    return fields


def _file(name: str, cwd: Path) -> dict[str, Any]:
    """An answers file: TOML or JSON by its suffix; stdin by its first character."""
    text = read_stdin() if name == "-" else _text_of(cwd / Path(name).expanduser(), name)
    as_json = text.lstrip().startswith("{") if name == "-" else name.lower().endswith(".json")
    try:
        answers = json.loads(readable(text)) if as_json else tomllib.loads(readable(text))
    except (ValueError, RecursionError) as exc:
        raise UsageError("answers_unreadable", file=name, reason=str(exc)) from exc
    if not isinstance(answers, dict):
        raise UsageError("answers_unreadable", file=name, reason=type(answers).__name__)
    return {key: _plain(value) for key, value in answers.items()}


def _text_of(path: Path, name: str) -> str:
    if path.suffix.lower() not in (".toml", ".json"):
        raise UsageError("answers_suffix", file=name)
    try:
        return path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as exc:
        raise UsageError("answers_missing", file=name, reason=exc.strerror or str(exc)) from exc


def _plain(value: Any) -> Any:
    """TOML's own dates as the text a form takes; Hangul composed."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
