"""The words of `vocabulary.toml`, read once."""

import tomllib
from importlib import resources
from typing import Any, Final

_DATA: Final[dict[str, Any]] = tomllib.loads(
    resources.files(__package__).joinpath("vocabulary.toml").read_text(encoding="utf-8")
)

# Rows of words that mean the same, each with the type of the fields it is for.
SAME: Final = tuple((str(row["type"]), frozenset[str](row["words"])) for row in _DATA["same"])

# By type: words that take a value nobody asked for.
DECOYS: Final[dict[str, list[str]]] = _DATA["decoys"]

NO_KOREAN_NAMES: Final = frozenset[str](_DATA["no_names"]["ko"])
NO_LATIN_NAMES: Final = frozenset[str](_DATA["no_names"]["en"])
SOMEBODY: Final = frozenset[str](_DATA["no_names"]["somebody"])
COMMON_CHOICES: Final = frozenset[str](_DATA["choices"]["common"])
