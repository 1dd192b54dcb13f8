"""One call of a tool: the question before it, its running, and its entries in the audit log. Which tools, not here.

An effect happens at most once. Its start stands in the audit log before it, under the id of the running task, which is
the same when the task is run again after a crash; a start that is found again means that the tool may have run already.
"""

import asyncio
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from octo_cli.agents import approvals
from octo_cli.agents.approvals import Ruling
from octo_cli.agents.kit import Kit, attempted
from octo_cli.agents.tools import Outcome, Tool
from octo_cli.errors import InvalidAnswer
from octo_cli.i18n import Words, describe
from octo_cli.storage import AuditEntry
from octo_cli.wire.forms import Answer, Issue, Question
from octo_cli.wire.work import Problem, Step

LONGEST_WHY: Final = 500


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a tool is called: a step of a run. `allowed` are the patterns a person allowed for the run."""

    step: Step
    kit: Kit
    say: Words
    allowed: Collection[str] = ()

    def ruling(self, tool: Tool, args: Mapping[str, Any]) -> Ruling:
        allowed = (*self.allowed, *self.kit.allowed)
        return approvals.ruling(tool, args, self.kit.settings.approvals, allowed)

    def entry(self, event: str, *, by_rule: bool = False, **detail: Any) -> AuditEntry:
        return AuditEntry(
            thread_id=self.kit.thread_id,
            at=self.kit.now().isoformat(),
            actor="system" if by_rule else self.kit.actor,
            event=event,
            step_id=self.step.step_id,
            detail={name: value for name, value in detail.items() if value},
        )


def question(tool: Tool, args: Mapping[str, Any], why: str, caller: Caller, *, again: bool = False) -> dict[str, Any]:
    """What a person is asked before `tool` runs, as JSON; `again` when it may have run already."""
    kit, say = caller.kit, caller.say
    created_at, expires_at = kit.ask_until()
    risk = caller.ruling(tool, args).risk
    preview = tool.shown(args, kit) if tool.shown else approvals.shown(tool, args)
    asked = Question(
        id="",  # LangGraph names it when it is raised; the engine fills it in.
        type="tool_approval_required",
        thread_id=kit.thread_id,
        step_id=caller.step.step_id,
        agent=caller.step.agent,
        title=say("approval.title", tool=tool.name),
        message="\n".join(_message(tool, why, caller, again=again)),
        doc_hash=hash_of(preview),
        fields=approvals.fields_of(tool, args, say, Issue("warning", risk, say(f"risk.{risk}")) if risk else None),
        editable_fields=tuple(tool.parameters.get("properties", {})),
        preview=preview,
        actions=("approve", "edit", "reject", "defer"),
        created_at=created_at,
        expires_at=expires_at,
        on_timeout=kit.settings.on_timeout,
        tool=tool.name,
    )
    builtins: dict[str, Any] = msgspec.to_builtins(asked)
    return builtins


async def run(
    tool: Tool, args: Mapping[str, Any], answer: Answer | None, caller: Caller, *, key: str
) -> Outcome | None:
    """What comes of a call, by the person's `answer` or, without one, by the rules.

    None when it has to be asked for: it was begun under this `key` before and nobody knows how far it came, or the
    leave it had in an earlier run (`--allow-tool`) is gone.
    """
    if answer is not None and answer.action not in ("approve", "edit"):
        entry = caller.entry("tool_rejected", tool=tool.name, args=_digest(args), reason=answer.reason)
        await _record(caller, entry, key=f"{key}:rejected")
        return Outcome(tool.name, "rejected", args, reason=answer.reason)
    try:
        args = approvals.checked(tool, {**args, **((answer.args if answer else None) or {})})
    except InvalidAnswer as error:
        return Outcome(tool.name, "failed", args, output=describe(error, caller.say)[0])
    decided = caller.ruling(tool, args)
    if answer is None and decided.verdict == "ask":
        return None
    if decided.verdict == "deny":
        entry = caller.entry("tool_denied", by_rule=True, tool=tool.name, args=_digest(args), rule=decided.rule)
        await _record(caller, entry, key=f"{key}:denied")
        return Outcome(tool.name, "denied", args, reason=decided.rule)
    if await _changed(tool, args, answer, caller):
        return Outcome(tool.name, "failed", args, output=caller.say("approval.changed"))
    unrecorded = tool.effect == "read" and answer is None
    rule = decided.rule if answer is None else None
    return await (_ran(tool, args, caller) if unrecorded else _once(tool, args, rule, caller, key=key))


def hash_of(preview: str) -> str:
    return f"sha256:{hashlib.sha256(preview.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _message(tool: Tool, why: str, caller: Caller, *, again: bool) -> list[str]:
    """The lines above the call. Octo's own come first, so that nothing an agent says can pass for them."""
    say = caller.say
    lines = [say("approval.again")] if again else []
    lines += [tool.notice(caller.kit, say)] if tool.notice else []
    # Only of somebody else's tool is what it does not plain from its name and the call itself.
    said = " ".join((why or (tool.description if tool.effect == "remote" else "")).split())
    return [*lines, say("approval.why", why=said[:LONGEST_WHY])] if said else lines


async def _changed(tool: Tool, args: Mapping[str, Any], answer: Answer | None, caller: Caller) -> bool:
    """Whether the call would do something else now than what the person saw: a file has changed since."""
    if answer is None or answer.action != "approve" or answer.doc_hash is None or tool.shown is None:
        return False
    shown = tool.shown

    async def look() -> str:
        return await asyncio.to_thread(shown, args, caller.kit)

    seen = await attempted(look(), caller.say, caller.kit)
    return isinstance(seen, Problem) or hash_of(seen) != answer.doc_hash


async def _once(tool: Tool, args: Mapping[str, Any], rule: str | None, caller: Caller, *, key: str) -> Outcome | None:
    """Run what has an effect, with its start in the audit log before and its end after it."""
    digest = _digest(args)
    by_rule = rule is not None and rule not in (*caller.allowed, *caller.kit.allowed)
    start = caller.entry("tool_approved", by_rule=by_rule, tool=tool.name, args=digest, rule=rule)
    if not await _record(caller, start, key=key):
        return None
    outcome = await _ran(tool, args, caller)
    end = caller.entry("tool_ran", by_rule=True, tool=tool.name, args=digest, status=outcome.status)
    await _record(caller, end, key=f"{key}:ran")
    return outcome


async def _ran(tool: Tool, args: Mapping[str, Any], caller: Caller) -> Outcome:
    done = await attempted(tool.run(args, caller.kit), caller.say, caller.kit)
    if isinstance(done, Problem):
        return Outcome(tool.name, "failed", args, output=done.message)
    return Outcome(tool.name, "done", args, output=done)


async def _record(caller: Caller, entry: AuditEntry, *, key: str) -> bool:
    return await asyncio.to_thread(caller.kit.storage.record, [entry], key=f"tool:{key}")


def _digest(args: Mapping[str, Any]) -> str:
    canonical = json.dumps(dict(args), ensure_ascii=False, sort_keys=True, default=str)
    return hash_of(canonical)
