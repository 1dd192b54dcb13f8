"""Whether a tool may run: the user's rules, and the question that is put when they leave it open. Runs nothing."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

from octo_cli.agents.tools import Effect, Tool
from octo_cli.settings import ApprovalSettings
from octo_cli.wire.forms import FormField
from octo_cli.wire.work import ToolRecord

Verdict = Literal["allow", "ask", "deny"]

_BY_EFFECT: Final[dict[Effect, Verdict]] = {"read": "allow", "write": "ask", "execute": "ask", "remote": "ask"}


@dataclass(frozen=True, slots=True)
class Ruling:
    """`rule` is the pattern that decided, None when the tool's effect did."""

    verdict: Verdict
    rule: str | None = None


def ruling(tool: Tool, args: Mapping[str, Any], rules: ApprovalSettings, allowed: Collection[str] = ()) -> Ruling:
    """Deny wins over ask, ask over allow; what no rule names is decided by the tool's effect.

    `allowed` are the patterns a person allowed for this run.
    """
    subject = subject_of(tool, args)
    for verdict, patterns in (
        ("deny", rules.deny),
        ("ask", rules.ask),
        ("allow", (*rules.allow, *rules.allow_now, *allowed)),
    ):
        for pattern in patterns:
            if _matches(pattern, tool.name, subject):
                return Ruling(verdict, pattern)  # type: ignore[arg-type]
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


def fields_of(tool: Tool, args: Mapping[str, Any]) -> tuple[FormField, ...]:
    """The call's arguments as fields of a form."""
    required = tool.parameters.get("required", ())
    return tuple(
        FormField(
            name=name,
            label=str(spec.get("title") or name),
            type="longtext" if "\n" in str(args.get(name, "")) else "text",
            required=name in required,
            value=args.get(name),
            display="" if args.get(name) is None else str(args[name]),
            provenance="llm",
            help=str(spec.get("description") or ""),
        )
        for name, spec in tool.parameters.get("properties", {}).items()
    )


def shown(tool: Tool, args: Mapping[str, Any]) -> str:
    """The call as it will run, for a tool that has no better way to show it."""
    return f"```json\n{json.dumps({'tool': tool.name, **args}, ensure_ascii=False, indent=2)}\n```"


def _names(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern.partition(":")[0])


def _matches(pattern: str, name: str, subject: str) -> bool:
    tool, colon, glob = pattern.partition(":")
    return fnmatchcase(name, tool) and (not colon or fnmatchcase(subject, glob))
