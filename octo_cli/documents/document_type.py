"""A document type: it knows its fields, completes, prints and checks them. No storing, no asking."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from octo_cli.documents import fields as kinds
from octo_cli.documents.declaration import Declaration
from octo_cli.documents.expressions import Scope, formula, holds, sentence
from octo_cli.documents.fields import BLANK
from octo_cli.documents.markdown import BrokenTemplate, Markdown, MarkdownTemplate, escape
from octo_cli.documents.rules import EVERY_FIELD, Law, Rule
from octo_cli.documents.soundness import first_fault
from octo_cli.errors import Failed, InvalidAnswer
from octo_cli.i18n import LANGUAGES, Language
from octo_cli.values.contact import mask_rrn
from octo_cli.values.found import Unreadable, shorten
from octo_cli.values.places import filled
from octo_cli.values.text import one_line
from octo_cli.wire.forms import FieldSpec, FieldValue, FormField, Issue, Slot

STEM_BYTES: Final = 80
_EXAMPLE: Final[dict[Language, str]] = {"ko": "예: {}", "en": "For example: {}"}


class DocumentType:
    """Values are JSON by field name, as `wire.forms.FieldValue.value` describes them; a missing name is a blank."""

    def __init__(
        self, declaration: Declaration, folder: Path, *, law: Law, rules: Sequence[Rule] = (), cache: Path | None = None
    ) -> None:
        """`rules` hold for every type and come before the type's own; `cache` may keep the compiled templates."""
        self.name = declaration.name
        self.title = declaration.title
        self.version = declaration.version
        self.aliases = declaration.aliases
        self.fields = declaration.fields
        self.main_fields = tuple(spec.name for spec in self.fields if spec.main)
        self.rules = (*rules, *declaration.rules)
        self._declaration = declaration
        self._law = law
        self._specs = {spec.name: spec for spec in self.fields}
        self._templates = {
            language: MarkdownTemplate(folder / f"{language}.md.j2", language, cache) for language in LANGUAGES
        }

    def check(self) -> None:
        """Raises Failed("document_type_broken", name, reason) for a folder that could not be used in every case."""
        if reason := first_fault(self._declaration, self.rules, self._templates, self._law):
            raise self._broken(reason)

    # Values

    def parse(self, name: str, raw: object, today: date) -> Any:
        """The JSON value an answer means for a field; None for an empty one.

        Raises InvalidAnswer: unknown_field (field, known), invalid_value (field, value, label and accepts by language;
        and `reason` with its `details`, which `value.<reason>` in the catalogue words).
        """
        spec = self._specs.get(name)
        if spec is None:
            raise InvalidAnswer("unknown_field", field=name, known=", ".join(self._specs))
        try:
            return kinds.read(spec, raw, today=today)
        except Unreadable as exc:
            raise InvalidAnswer(
                "invalid_value",
                field=name,
                label=spec.label,
                value=shorten(mask_rrn(str(raw))),
                accepts={language: kinds.accepted(spec, language) for language in LANGUAGES},
                reason=exc.reason,
                details={name: mask_rrn(str(detail)) for name, detail in exc.values.items()},
            ) from exc

    def show(self, name: str, value: Any, language: Language) -> str:
        """A field's value as a person reads it; "" for a blank."""
        return mask_rrn(kinds.show(self._specs[name], value, language))

    def complete(self, values: Mapping[str, Any], *, today: date, language: Language) -> dict[str, Any]:
        """What follows from the values by `computed` and `default`: additions only, for shown fields that are blank."""
        settled = dict(values)
        while added := dict(self._follows(settled, today, language)):
            settled |= added
        return {spec.name: settled[spec.name] for spec in self.fields if self._was_added(spec, values, settled)}

    def shown(self, values: Mapping[str, Any]) -> tuple[FieldSpec, ...]:
        """The fields whose `when` holds. A field looks only at those declared before it, and not at hidden ones."""
        scope: dict[str, Any] = {}
        shown = []
        for spec in self.fields:
            visible = spec.when is None or holds(spec.when, scope)
            scope[spec.name] = kinds.live(spec, values.get(spec.name)) if visible else None
            if visible:
                shown.append(spec)
        return tuple(shown)

    def is_required(self, spec: FieldSpec, values: Mapping[str, Any]) -> bool:
        return holds(spec.required, self._scope(values))

    def missing(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the fields that are shown, required and blank."""
        scope = self._scope(values)
        blank = (spec for spec in self.shown(values) if kinds.is_blank(values.get(spec.name)))
        return tuple(spec.name for spec in blank if holds(spec.required, scope))

    # Faces

    def form(
        self, fields: Mapping[str, FieldValue], issues: Mapping[str, tuple[Issue, ...]], *, language: Language
    ) -> tuple[FormField, ...]:
        """The fields that are shown, in the order of declaration, as a question carries them."""
        values = {name: held.value for name, held in fields.items()}
        scope = self._scope(values)
        return tuple(
            _form_field(spec, fields.get(spec.name, FieldValue()), issues.get(spec.name, ()), language, scope)
            for spec in self.shown(values)
        )

    def slots(self, values: Mapping[str, Any]) -> tuple[Slot, ...]:
        """The clauses whose wording is open for these values."""
        scope = self._scope(values)
        return tuple(slot for slot in self._declaration.wording if holds(slot.when, scope))

    @cached_property
    def sources(self) -> frozenset[str]:
        """The statutes and practices the rules and the law's numbers rest on."""
        rested = (rule.ref for rule in self.rules if rule.ref)
        return frozenset((*rested, *(entry.source for entry in self._law.entries.values())))

    def render(
        self, values: Mapping[str, Any], language: Language, wording: Mapping[str, str] = MappingProxyType({})
    ) -> str:
        """Canonical Markdown: the same values give the same bytes; blanks are `____`; LF, one newline at the end.

        `wording` fills open clauses by slot; its `{field}`s are replaced by the values as they are shown.
        """
        clauses = dict(self._worded(values, language, wording))
        try:
            return self._templates[language].render({**self._scope(values), "wording": clauses})
        except BrokenTemplate as exc:
            raise self._broken(str(exc)) from exc

    def review(
        self, values: Mapping[str, Any], text: str, *, language: Language, today: date
    ) -> dict[str, tuple[Issue, ...]]:
        """Remarks on the values and on the text drawn from them, by field, in the order of the rules."""
        shown = {spec.name: spec for spec in self.shown(values)}
        given = {name: values[name] for name in shown if not kinds.is_blank(values.get(name))}
        written = _unescaped(text)
        scope = self._scope(values) | {
            "today": today,
            "language": language,
            "law": self._law.numbers,
            "text": written,
            "prose": [*_prose(given, shown), written],
            "kept": values,
        }
        found: dict[str, list[Issue]] = {}
        for rule in self.rules:
            for name, about in _subjects(rule, shown, given):
                if issue := rule.issue(scope | about, self._law, language):
                    found.setdefault(name, []).append(issue)
        return {name: tuple(remarks) for name, remarks in found.items()}

    def file_stem(self, values: Mapping[str, Any], language: Language) -> str:
        """A file name without its suffix, safe on every system, at most 80 bytes of UTF-8, Hangul kept."""
        stem = sentence(self._declaration.file_stem[language])(self._scope(values) | {"language": language})
        words = re.sub(r"[^\w.()-]+", "-", one_line(mask_rrn(stem.replace(BLANK, ""))))
        joined = re.sub(r"-{2,}", "-", words).strip("-._")
        return joined.encode()[:STEM_BYTES].decode(errors="ignore").strip("-._") or self.name

    def _worded(
        self, values: Mapping[str, Any], language: Language, wording: Mapping[str, str]
    ) -> Iterator[tuple[str, Markdown | None]]:
        """Each open clause as it is printed; None where the template's own words are all there is."""
        visible = {spec.name for spec in self.shown(values)}
        for slot in self._declaration.wording:
            own = slot.name not in wording or slot not in self.slots(values)
            held = {name: values.get(name) if name in visible else None for name in slot.fields}
            # Within a sentence a list reads with commas.
            places = {
                name: escape(", ".join(value) if isinstance(value, list) else self.show(name, value, language))
                for name, value in held.items()
            }
            yield slot.name, None if own else Markdown(filled(escape(wording[slot.name]), places))

    # Formulas

    def _scope(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Every field's live value; those that are blank or hidden are None."""
        scope: dict[str, Any] = dict.fromkeys(self._specs)
        return scope | {spec.name: kinds.live(spec, values.get(spec.name)) for spec in self.shown(values)}

    def _follows(self, values: Mapping[str, Any], today: date, language: Language) -> Iterator[tuple[str, Any]]:
        """One pass over the blanks, each after what it looks at; a circle (end and term) gives way to what is known."""
        scope: dict[str, Any] = {spec.name: kinds.live(spec, values.get(spec.name)) for spec in self.fields}
        scope |= {"today": today, "language": language}
        for spec in self._in_order:
            if scope[spec.name] is not None or not (spec.when is None or holds(spec.when, scope)):
                continue
            value = _consequence(spec, scope)
            if value is not None:
                scope[spec.name] = value
                yield spec.name, kinds.plain(value)

    @cached_property
    def _in_order(self) -> tuple[FieldSpec, ...]:
        """The fields that can follow from others, each after those it looks at."""
        visited: dict[str, FieldSpec] = {}

        def visit(spec: FieldSpec, above: frozenset[str]) -> None:
            sources = (*_formulas(spec), *([spec.when] if spec.when else []))
            names = {name for source in sources for name in formula(source).names}
            for below in self.fields:
                if below.name in names - above - visited.keys():
                    visit(below, above | {below.name})
            visited[spec.name] = spec

        for spec in self.fields:
            if spec.name not in visited:
                visit(spec, frozenset({spec.name}))
        return tuple(spec for spec in visited.values() if spec.default is not None or spec.computed is not None)

    @staticmethod
    def _was_added(spec: FieldSpec, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        return after.get(spec.name) is not None and kinds.live(spec, before.get(spec.name)) is None

    def _broken(self, reason: str) -> Failed:
        return Failed("document_type_broken", name=self.name, reason=reason)


def _formulas(spec: FieldSpec) -> list[str]:
    """The formulas a blank field may follow from, the stronger first."""
    return [source for source in (spec.computed, spec.default) if isinstance(source, str)]


def _consequence(spec: FieldSpec, scope: Scope) -> Any:
    """The live value of a blank field: computed, or its default (an expression, one value a language, or a value)."""
    for source in _formulas(spec):
        if (value := formula(source)(scope)) is not None:
            return value
    if isinstance(spec.default, dict):
        return spec.default[scope["language"]]
    return None if isinstance(spec.default, str) else spec.default


def _example(spec: FieldSpec, language: Language) -> str:
    example = kinds.example_of(spec, language)
    return _EXAMPLE[language].format(example) if example else ""


def _form_field(
    spec: FieldSpec, held: FieldValue, issues: tuple[Issue, ...], language: Language, scope: Scope
) -> FormField:
    help_text = (spec.help.get(language, ""), _example(spec, language))
    return FormField(
        name=spec.name,
        label=spec.label[language],
        type=spec.type,
        required=holds(spec.required, scope),
        value=held.value,
        display=mask_rrn(kinds.show(spec, held.value, language)),
        provenance=held.provenance,
        confirmed=held.confirmed,
        choices=tuple(choice.value for choice in spec.choices) or None,
        choice_labels=tuple(choice.label[language] for choice in spec.choices) or None,
        help=" ".join(part for part in help_text if part),
        issues=issues,
    )


def _subjects(
    rule: Rule, shown: Mapping[str, FieldSpec], given: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The fields a rule is asked about, with what it sees of each. A rule about a hidden field stays silent."""
    if rule.field in shown:
        yield rule.field, {}
    if rule.field == EVERY_FIELD:
        for name, value in given.items():
            spec = shown[name]
            yield name, {"value": value, "field": {"name": name, "type": spec.type, "warn_below": spec.warn_below}}


def _prose(given: Mapping[str, Any], shown: Mapping[str, FieldSpec]) -> Iterator[str]:
    """What a person wrote in words."""
    for name, value in given.items():
        if isinstance(value, list):
            yield from value
        elif shown[name].type in ("text", "longtext"):
            yield str(value)


def _unescaped(text: str) -> str:
    return re.sub(r"\\([^\w\s])", r"\1", text)
