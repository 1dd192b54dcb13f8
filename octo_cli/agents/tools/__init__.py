"""Tools: what an agent may do to the world, each named, described and run by one function. No agent, no approval.

A tool never asks; whether it may run is decided before, by `approvals`, from its effect, its risk and the user's rules.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from octo_cli.agents.kit import Kit
    from octo_cli.i18n import Words

# "read" runs unasked; "write" changes files, "execute" runs code, "remote" reaches somebody else's program (MCP).
Effect = Literal["read", "write", "execute", "remote"]
Status = Literal["done", "failed", "rejected", "denied"]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool.

    `parameters` is a JSON schema of type object; its properties' `title` and `description` label the arguments for a
    person. `subject` names the argument that rules match, such as the path or the command. `run` returns JSON or text;
    what it raises becomes the tool's failure. `shown` gives the call as Markdown exactly as it would run (a diff, a
    command); without it the arguments are shown. `risk` names what makes a call so dangerous that no rule may allow it
    unasked (`risk.<name>` words it), None when nothing does. `notice` tells whoever is asked how it runs.
    """

    name: str
    description: str
    effect: Effect
    parameters: Mapping[str, Any]
    run: Callable[[Mapping[str, Any], "Kit"], Awaitable[Any]]
    subject: str = ""
    shown: Callable[[Mapping[str, Any], "Kit"], str] | None = None
    risk: Callable[[Mapping[str, Any]], str | None] | None = None
    notice: Callable[["Kit", "Words"], str] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one call. `args` are those it ran with, edited by the person or not.

    `output` is the tool's, or for a failure its message; `reason` is the person's for a rejection, the rule for a
    denial.
    """

    tool: str
    status: Status
    args: Mapping[str, Any] = field(default_factory=dict)
    output: Any = None
    reason: str | None = None


def fenced(text: str, language: str = "") -> str:
    """A Markdown block that `text` cannot end by itself: its fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{fence}"


def parameters(required: int | None = None, /, **properties: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON schema of an object with these properties; the first `required` of them must be given, None for all."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties)[:required],
        "additionalProperties": False,
    }
