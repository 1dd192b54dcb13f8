"""Tools: what an agent may do to the world, each named, described and run by one function. No agent, no approval.

A tool never asks; whether it may run is decided before, by `approvals`, from its effect and the user's rules.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from octo_cli.agents.kit import Kit

# "read" runs unasked; "write" changes files, "execute" runs code, "remote" reaches somebody else's program (MCP).
Effect = Literal["read", "write", "execute", "remote"]
Status = Literal["done", "failed", "rejected", "denied"]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool.

    `parameters` is a JSON schema of type object; its properties' `title` and `description` label the arguments for a
    person. `subject` names the argument that rules match, such as the path or the command. `run` returns JSON or text;
    what it raises becomes the tool's failure. `shown` gives the call as Markdown exactly as it would run (a diff, a
    command); without it the arguments are shown.
    """

    name: str
    description: str
    effect: Effect
    parameters: Mapping[str, Any]
    run: Callable[[Mapping[str, Any], "Kit"], Awaitable[Any]]
    subject: str = ""
    shown: Callable[[Mapping[str, Any], "Kit"], str] | None = None


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
