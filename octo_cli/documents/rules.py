"""Review rules and the law's moving numbers, as data: when a rule holds, which field it is about, what it says."""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from octo_cli.documents.expressions import Scope, formula, holds, sentence
from octo_cli.i18n import Language
from octo_cli.values.dates import show_date
from octo_cli.wire.forms import Issue, Level

EVERY_FIELD: Final = "*"

# What rules see besides the fields: `prose` is every text a person wrote and the document's own, `kept` all values with
# the hidden ones, `law` the numbers of `law.toml`.
RULE_NAMES: Final = frozenset({"today", "language", "law", "text", "prose", "kept"})
EACH_NAMES: Final = frozenset({"value", "field"})


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A check of a document. `field` is the field its remark belongs to, or "*": then the rule is asked of each field
    that has a value; it sees it as `value`, and its name, type and `warn_below` as `field`.

    `let` names steps of the reckoning, in order; `when` and the `message` templates may use them.
    """

    id: str
    level: Level
    field: str
    message: dict[str, str]
    when: bool | str = True
    let: dict[str, str] = {}
    ref: str | None = None

    def sources(self) -> Iterator[str]:
        """Every expression of the rule but its messages."""
        yield from self.let.values()
        if isinstance(self.when, str):
            yield self.when

    def issue(self, scope: Scope, law: "Law", language: Language) -> Issue | None:
        """The remark, if the rule holds for these values."""
        reckoned = dict(scope)
        for name, source in self.let.items():
            reckoned[name] = formula(source)(reckoned)
        if not holds(self.when, reckoned):
            return None
        message = " ".join((sentence(self.message[language])(reckoned), *self._stale(law, scope["today"], language)))
        return Issue(self.level, self.id, message, self.ref)

    def _stale(self, law: "Law", today: date, language: Language) -> Iterator[str]:
        used = {name for source in self.sources() for name in formula(source).laws}
        used |= sentence(self.message[language]).laws
        checked = min((law.entries[name].checked_on for name in used if name in law.entries), default=today)
        if _months_later(checked, law.stale.months) <= today:
            yield law.stale.message[language].format(checked_on=show_date(checked, language))


class LawEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number the law moves: since when, read where, last looked up when."""

    value: Any
    effective_from: date
    source: str
    checked_on: date


class Stale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a rule adds to its remark once the numbers it uses were last looked up that many months ago."""

    months: int
    message: dict[str, str]


class Law(msgspec.Struct, frozen=True):
    entries: dict[str, LawEntry]
    stale: Stale

    @property
    def numbers(self) -> Mapping[str, Any]:
        """The values alone, as formulas see them: `law.base_rate`."""
        return {name: entry.value for name, entry in self.entries.items()}


def read_law(folder: Path) -> Law:
    """The `law.toml` of a folder of document types."""
    return msgspec.convert(_toml(folder / "law.toml"), Law)


def read_rules(folder: Path) -> tuple[Rule, ...]:
    """The rules that hold for every document type of a folder: its `every.toml`."""
    return msgspec.convert(_toml(folder / "every.toml"), _Every).rules


class _Every(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: tuple[Rule, ...]


def _toml(path: Path) -> dict[str, Any]:
    # Decimal, because a rate of 4.75 % multiplied by an amount has to come out to the won.
    return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)


def _months_later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, min(day.day, 28))
