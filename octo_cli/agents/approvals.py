"""Whether a tool may run: the user's rules, and how the arguments of a call are read and shown. Runs nothing."""

import json
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

from octo_cli.agents.tools import Effect, Tool, fenced, risks
from octo_cli.errors import InvalidAnswer
from octo_cli.i18n import Words
from octo_cli.settings import ApprovalSettings
from octo_cli.wire.forms import FormField, Issue
from octo_cli.wire.work import ToolRecord

Verdict = Literal["allow", "ask", "deny"]

_BY_EFFECT: Final[dict[Effect, Verdict]] = {"read": "allow", "write": "ask", "execute": "ask", "remote": "ask"}


@dataclass(frozen=True, slots=True)
class Ruling:
    """`rule` is the pattern that decided, None when the tool's effect or the call's `risk` did."""

    verdict: Verdict
    rule: str | None = None
    risk: str | None = None


def ruling(tool: Tool, args: Mapping[str, Any], rules: ApprovalSettings, allowed: Collection[str] = ()) -> Ruling:
    """Deny wins over everything, danger over ask and allow, ask over allow; else the tool's effect decides.

    `allowed` are the patterns a person allowed for this run.
    """
    subject = subject_of(tool, args)
    if (rule := _matching(rules.deny, tool.name, subject)) is not None:
        return Ruling("deny", rule)
    if risk := _risk(tool, args):
        return Ruling("ask", risk=risk)
    if (rule := _matching(rules.ask, tool.name, subject)) is not None:
        return Ruling("ask", rule)
    if (rule := _matching((*rules.allow, *rules.allow_now, *allowed), tool.name, subject)) is not None:
        return Ruling("allow", rule)
    return Ruling(_BY_EFFECT[tool.effect])


def told(tool: Tool, rules: ApprovalSettings) -> ToolRecord:
    """The tool for a list: what becomes of a call whatever its arguments, and the rules that look at them."""
    own = [pattern for pattern in (*rules.deny, *rules.ask, *rules.allow) if _names(pattern, tool.name)]
    whole = rules._replace(
        **{
            kind: tuple(pattern for pattern in getattr(rules, kind) if ":" not in pattern)
            for kind in ("deny", "ask", "allow")
        }
    )
    verdict = ruling(tool, {}, whole).verdict
    return ToolRecord(tool.name, tool.effect, verdict, tuple(own), tool.description)


def subject_of(tool: Tool, args: Mapping[str, Any]) -> str:
    """What a rule's GLOB is held against: the tool's main argument, or all of them as JSON."""
    if tool.subject:
        return str(args.get(tool.subject, ""))
    return json.dumps(dict(args), ensure_ascii=False, sort_keys=True)


def fields_of(
    tool: Tool, args: Mapping[str, Any], say: Words | None = None, risk: Issue | None = None
) -> tuple[FormField, ...]:
    """The call's arguments as fields of a form, the main one first and with it the call's `risk`.

    Their `type` is JSON's own, "longtext" for a text of several lines.
    """
    required = tool.parameters.get("required", ())
    return tuple(
        FormField(
            name=name,
            label=_label(name, spec, say),
            type=_field_type(spec, args.get(name)),
            required=name in required,
            value=args.get(name),
            display="" if args.get(name) is None else _as_text(args[name]),
            provenance="llm",
            choices=_choices(spec),
            help=str(spec.get("description") or ""),
            issues=(risk,) if risk and not number else (),
        )
        for number, (name, spec) in enumerate(_properties(tool).items())
    )


def shown(tool: Tool, args: Mapping[str, Any]) -> str:
    """The call as it will run, for a tool that has no better way to show it."""
    return fenced(json.dumps({"tool": tool.name, **args}, ensure_ascii=False, indent=2), "json")


def checked(tool: Tool, args: Mapping[str, Any]) -> dict[str, Any]:
    """`args` as the tool takes them, texts read by their type. Raises InvalidAnswer."""
    fields = {field.name: field for field in fields_of(tool, args)}
    for name in args:
        if name not in fields:
            raise InvalidAnswer("unknown_field", field=name, known=", ".join(fields))
    for field in fields.values():
        if field.required and args.get(field.name) is None:
            raise InvalidAnswer("argument_missing", field=field.name, tool=tool.name)
    # A model writes null for what it does not want to say.
    return {name: read_value(fields[name], value) for name, value in args.items() if value is not None}


def read_value(field: FormField, raw: Any) -> Any:
    """What `raw` means for an argument: a value of its type, or a text that reads as one. Raises InvalidAnswer."""
    value = raw
    if isinstance(raw, str) and field.type in _READERS:
        try:
            value = _READERS[field.type](raw)
        except ValueError:
            raise _refused(field, raw) from None
    if field.type in _TYPES and not _is_a(value, _TYPES[field.type]):
        raise _refused(field, raw)
    if field.choices is not None and _as_text(value) not in field.choices:
        raise _refused(field, raw)
    return value


def _risk(tool: Tool, args: Mapping[str, Any]) -> str | None:
    if tool.risk is not None:
        return tool.risk(args)
    return risks.of_anything(args) if tool.effect in ("execute", "remote") else None


def _matching(patterns: Collection[str], name: str, subject: str) -> str | None:
    return next((pattern for pattern in patterns if _matches(pattern, name, subject)), None)


def _names(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern.partition(":")[0])


def _matches(pattern: str, name: str, subject: str) -> bool:
    tool, colon, glob = pattern.partition(":")
    # A rule is a person's typing, the subject may come from anywhere: both are compared composed.
    return fnmatchcase(name, tool) and (not colon or fnmatchcase(_nfc(subject), _nfc(glob)))


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _properties(tool: Tool) -> dict[str, Mapping[str, Any]]:
    """The parameters, the main one first."""
    properties = dict(tool.parameters.get("properties", {}))
    main = {tool.subject: properties.pop(tool.subject)} if tool.subject in properties else {}
    return {name: spec if isinstance(spec, Mapping) else {} for name, spec in {**main, **properties}.items()}


def _field_type(spec: Mapping[str, Any], value: Any) -> str:
    declared = spec.get("type")
    if declared not in _TYPES:
        return "any" if declared is not None or not isinstance(value, str) else "text"
    if declared == "string":
        return "longtext" if "\n" in str(value or "") else "text"
    return str(declared)


def _label(name: str, spec: Mapping[str, Any], say: Words | None) -> str:
    if title := spec.get("title"):
        return str(title)
    return say(f"argument.{name}") if say and say.has(f"argument.{name}") else name


def _choices(spec: Mapping[str, Any]) -> tuple[str, ...] | None:
    if spec.get("type") == "boolean":
        return ("true", "false")
    accepted = spec.get("enum")
    return tuple(_as_text(value) for value in accepted) if isinstance(accepted, list) and accepted else None


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _is_a(value: Any, kinds: tuple[type, ...]) -> bool:
    # To Python True is a number; to a schema it is none.
    return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)


def _number(text: str) -> float:
    value = float(text.replace(",", ""))
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(text)
    return value


def _refused(field: FormField, raw: Any) -> InvalidAnswer:
    return InvalidAnswer(
        "invalid_value",
        field=field.name,
        label=field.label,
        value=_as_text(raw)[:200],
        accepts=", ".join(field.choices) if field.choices else field.type,
    )


# JSON's types as Python has them, and how a typed text is read as one.
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "text": (str,),
    "longtext": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "integer": lambda text: int(text.replace(",", "")),
    "number": _number,
    "boolean": json.loads,
    "array": json.loads,
    "object": json.loads,
}
