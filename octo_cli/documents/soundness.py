"""Whether a folder is a document type at all: every formula, template and translation, before anybody relies on it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from octo_cli.documents.declaration import Declaration
from octo_cli.documents.expressions import BrokenExpression, Formula, Sentence
from octo_cli.documents.fields import FIELD_TYPES
from octo_cli.documents.markdown import NAMES as TEMPLATE_NAMES
from octo_cli.documents.markdown import BrokenTemplate, MarkdownTemplate
from octo_cli.documents.rules import EACH_NAMES, EVERY_FIELD, RULE_NAMES, Law, Rule
from octo_cli.i18n import LANGUAGES, Language
from octo_cli.wire.forms import FieldSpec, Slot

CLOCK: Final = frozenset({"today", "language"})
TAKEN: Final = RULE_NAMES | EACH_NAMES | TEMPLATE_NAMES | CLOCK


def first_fault(
    declaration: Declaration, rules: Sequence[Rule], templates: Mapping[Language, MarkdownTemplate], law: Law
) -> str | None:
    """The first thing wrong with a type, in English for the author of the folder; None when it is sound."""
    try:
        return next(_faults(declaration, rules, templates, law), None)
    except (BrokenExpression, BrokenTemplate) as exc:
        return str(exc)


def _faults(
    declaration: Declaration, rules: Sequence[Rule], templates: Mapping[Language, MarkdownTemplate], law: Law
) -> Iterator[str]:
    names = frozenset(spec.name for spec in declaration.fields)
    yield from _untranslated("title", declaration.title)
    yield from _untranslated("file_stem", declaration.file_stem)
    for language in LANGUAGES:
        yield from _undeclared(f"file_stem.{language}", Sentence(declaration.file_stem[language]), names | {"language"})
    earlier: set[str] = set()
    for spec in declaration.fields:
        yield from _field_faults(spec, frozenset(earlier), names)
        earlier.add(spec.name)
    for slot in declaration.wording:
        yield from _slot_faults(slot, names)
    for rule in rules:
        yield from _rule_faults(rule, names, law)
    for language, template in templates.items():
        if undeclared := template.undeclared(names):
            yield f"{language}.md.j2 uses undeclared variables: {', '.join(sorted(undeclared))}"
        template.render({**dict.fromkeys(names), "wording": dict.fromkeys(slot.name for slot in declaration.wording)})


def _field_faults(spec: FieldSpec, earlier: frozenset[str], names: frozenset[str]) -> Iterator[str]:
    what = f"field {spec.name}"
    if spec.name in earlier:
        yield f"{what}: declared twice"
    if spec.name in TAKEN:
        yield f"{what}: the name is taken by the program"
    if spec.type not in FIELD_TYPES:
        yield f"{what}: unknown type {spec.type!r}; there are {', '.join(FIELD_TYPES)}"
    if (spec.type == "choice") != bool(spec.choices):
        yield f"{what}: choices and the type choice go together"
    yield from _text_faults(what, spec)
    yield from _formula_faults(what, spec, earlier, names)


def _text_faults(what: str, spec: FieldSpec) -> Iterator[str]:
    yield from _untranslated(f"{what}: label", spec.label)
    if isinstance(spec.default, dict):
        yield from _untranslated(f"{what}: default", spec.default)
    for choice in spec.choices:
        yield from _untranslated(f"{what}: label of {choice.value}", choice.label)


def _formula_faults(what: str, spec: FieldSpec, earlier: frozenset[str], names: frozenset[str]) -> Iterator[str]:
    if spec.when is not None:
        yield from _undeclared(f"{what}: when may look only at fields before it", Formula(spec.when), earlier)
    if isinstance(spec.required, str):
        yield from _undeclared(f"{what}: required", Formula(spec.required), names)
    for source in (spec.default, spec.computed):
        if isinstance(source, str):
            yield from _undeclared(what, Formula(source), names | CLOCK)


def _slot_faults(slot: Slot, names: frozenset[str]) -> Iterator[str]:
    what = f"wording {slot.name}"
    yield from _untranslated(f"{what}: about", slot.about)
    if unknown := frozenset(slot.fields) - names:
        yield f"{what}: unknown fields {', '.join(sorted(unknown))}"
    if isinstance(slot.when, str):
        yield from _undeclared(f"{what}: when", Formula(slot.when), names)


def _rule_faults(rule: Rule, names: frozenset[str], law: Law) -> Iterator[str]:
    what = f"rule {rule.id}"
    if rule.field != EVERY_FIELD and rule.field not in names:
        yield f"{what}: unknown field {rule.field!r}"
    yield from _untranslated(f"{what}: message", rule.message)
    seen = names | RULE_NAMES | CLOCK | frozenset(rule.let) | (EACH_NAMES if rule.field == EVERY_FIELD else frozenset())
    parts: list[Formula | Sentence] = [Formula(source) for source in rule.sources()]
    for part in (*parts, *(Sentence(text) for text in rule.message.values())):
        yield from _undeclared(what, part, seen)
        if unknown := part.laws - law.entries.keys():
            yield f"{what}: law.toml lacks {', '.join(sorted(unknown))}"


def _untranslated(what: str, by_language: Mapping[str, object]) -> Iterator[str]:
    if absent := [language for language in LANGUAGES if language not in by_language]:
        yield f"{what} lacks {', '.join(absent)}"


def _undeclared(what: str, part: Formula | Sentence, names: frozenset[str]) -> Iterator[str]:
    if undeclared := part.names - names:
        yield f"{what}: undeclared {', '.join(sorted(undeclared))} in {part.source!r}"
