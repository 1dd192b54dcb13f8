"""A thread laid open on a screen: conversation, plan, documents, question, and the tree of its checkpoints."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import msgspec

from octo_cli.i18n import Language, Words
from octo_cli.ui.lists import category, short_ids
from octo_cli.ui.moments import ago, clock_time
from octo_cli.ui.plain import how_to_answer
from octo_cli.ui.sanitise import one_line, visible
from octo_cli.wire.inspection import AuditChain, AuditRecord, CheckpointRecord, Inspection
from octo_cli.wire.work import AgentRecord, Plan, ToolRecord, Usage

# "sha256:" and enough to tell one text from another.
_SHORT_HASH: Final = 19


def inspection_lines(found: Inspection, now: datetime, say: Words) -> Iterator[str]:
    """A thread laid open: its row, the conversation, the plan, the documents, and what it waits for."""
    thread = found.thread
    yield f"{one_line(thread.title) or '—'}"
    yield f"  {thread.thread_id}  {say(f'thread.{thread.status}')}  {ago(thread.updated_at, now, say)}  {thread.user}"
    if found.messages:
        yield from ("", f"{say('inspect.conversation')}:")
        for message in found.messages:
            yield f"  {say(f'inspect.{message.speaker}')}: " + visible(message.text).replace("\n", "\n    ")
    if found.plan is not None and found.plan.steps:
        yield from ("", f"{say('inspect.plan')}:", *_plan_lines(found.plan, say))
    if found.documents:
        yield from ("", f"{say('inspect.documents')}:")
        yield from (f"  {one_line(paper.title)} v{paper.version}  {one_line(paper.path)}" for paper in found.documents)
    if (memory := found.memory) is not None and (memory.facts or memory.sessions):
        counts = {"facts": len(memory.facts), "sessions": len(memory.sessions), "tokens": f"{memory.tokens:,}"}
        yield from ("", f"{say('inspect.memory')}: {say('inspect.remembered', **counts)}")
    if found.usage is not None:
        yield from ("", f"{say('inspect.usage')}: {usage_told(found.usage, say)}")
    for question in found.interrupts:
        yield from ("", *how_to_answer(question, say))


def audit_lines(
    records: Sequence[AuditRecord], chains: Sequence[AuditChain], now: datetime, say: Words
) -> Iterator[str]:
    """Who did what when, oldest first, and of every chain whether it holds."""
    for record in records:
        key = f"audit.{record.event}"
        event = say(key) if say.has(key) else one_line(record.event)
        told = "  ".join(filter(None, (change_told(record), (record.doc_hash or "")[:_SHORT_HASH])))
        yield f"{clock_time(record.at, now)}  {one_line(record.actor)}  {event}  {told}".rstrip()
    yield from ("",) if records else ()
    for chain in chains:
        if chain.broken_at is None:
            yield say("audit.verified", thread=chain.thread_id, count=chain.entries)


def change_told(record: AuditRecord) -> str:
    """What became of a field; else whatever the entry tells besides."""
    if record.field is None:
        return _value(record.detail) if record.detail else ""
    before = "" if record.old is None else f"{_value(record.old)} → "
    return f"{one_line(record.field)}: {before}{_value(record.new)}"


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{one_line(str(name))}: {_value(item)}" for name, item in value.items() if item is not None)
    return one_line(value if isinstance(value, str) else msgspec.json.encode(value).decode())


def agent_page(record: AgentRecord, tools: Sequence[ToolRecord], language: Language, say: Words) -> Iterator[str]:
    """An agent laid open: its card, which needs are met, its tools and the rules that hold for them."""
    status = say(f"list.agent_{record.status}", missing=", ".join(record.missing))
    yield f"{record.name}  {category(record.name, say)}  {status}  {one_line(record.source)}"
    if record.problem is not None:
        yield f"  {one_line(record.problem.message)}"
    if record.card is None:
        return
    card = record.card
    yield from _part("agent_when", (card.when.get(language, ""),), say)
    yield from _part("agent_languages", card.languages, say)
    yield from _part("agent_examples", card.examples, say)
    yield from _part("agent_keywords", (", ".join(card.keywords),) if card.keywords else (), say)
    yield from _part("agent_tools", [_tool_line(tool, say) for tool in tools], say)
    met = [
        f"{need}  {say('inspect.agent_unmet' if need in record.missing else 'inspect.agent_met')}"
        for need in card.needs
    ]
    yield from _part("agent_needs", met, say)


def _part(title: str, lines: Sequence[str], say: Words) -> Iterator[str]:
    if lines:
        yield from ("", f"{say(f'inspect.{title}')}:", *(f"  {one_line(line)}" for line in lines))


def _tool_line(tool: ToolRecord, say: Words) -> str:
    if tool.effect is None or tool.verdict is None:
        return tool.name
    rules = f"  [approvals] {', '.join(tool.rules)}" if tool.rules else ""
    return f"{tool.name}  {say(f'inspect.effect_{tool.effect}')} · {say(f'inspect.verdict_{tool.verdict}')}{rules}"


def history_lines(checkpoints: Sequence[CheckpointRecord], now: datetime, say: Words) -> Iterator[str]:
    """Every checkpoint, oldest first, one tree for each namespace; several children of one parent are a fork."""
    ids = short_ids(checkpoint.checkpoint_id for checkpoint in checkpoints)
    longest = max(map(len, ids.values()), default=0)
    for namespace in dict.fromkeys(checkpoint.namespace for checkpoint in checkpoints):
        yield f"{namespace or say('inspect.supervisor')}:"
        own = [checkpoint for checkpoint in checkpoints if checkpoint.namespace == namespace]
        tree = _Tree(own)
        for rails, checkpoint in tree.walk():
            yield f"  {rails}{_checkpoint_line(checkpoint, checkpoint.checkpoint_id[:longest], now, say)}"
        yield ""


class _Tree:
    """Checkpoints of one namespace by parent. A parent outside of it makes a root."""

    def __init__(self, checkpoints: Sequence[CheckpointRecord]) -> None:
        self._children: dict[str | None, list[CheckpointRecord]] = {}
        known = {checkpoint.checkpoint_id for checkpoint in checkpoints}
        for checkpoint in sorted(checkpoints, key=lambda one: one.checkpoint_id):
            parent = checkpoint.parent_id if checkpoint.parent_id in known else None
            self._children.setdefault(parent, []).append(checkpoint)

    def walk(self) -> Iterator[tuple[str, CheckpointRecord]]:
        """Each checkpoint with the rails to its left. A straight line keeps its column; branches of a fork move in."""
        waiting = [("", root) for root in reversed(self._children.get(None, []))]
        while waiting:
            rails, checkpoint = waiting.pop()
            yield f"{rails}* ", checkpoint
            children = self._children.get(checkpoint.checkpoint_id, [])
            deeper = rails if len(children) < 2 else f"{rails}| "
            # The newest branch keeps the column, as it would without the fork.
            branches = [(deeper, child) for child in children[:-1]] + [(rails, child) for child in children[-1:]]
            waiting += reversed(branches)


def _checkpoint_line(checkpoint: CheckpointRecord, short: str, now: datetime, say: Words) -> str:
    changed = f"  +{', '.join(checkpoint.changed)}" if checkpoint.changed else ""
    waiting = f"  → {', '.join(checkpoint.next)}" if checkpoint.next else ""
    head = f"  <- {say('inspect.head')}" if checkpoint.head else ""
    return one_line(f"{short}  {clock_time(checkpoint.at, now)}  {checkpoint.node}{changed}{waiting}") + head


def usage_told(usage: Usage, say: Words) -> str:
    return say(
        "inspect.used",
        model=one_line(usage.model),
        requests=f"{usage.requests:,}",
        read=f"{usage.input_tokens:,}",
        cached=f"{usage.cached:,}",
        written=f"{usage.output_tokens:,}",
        cost=f"{usage.cost_usd:.6f}",
    )


def _plan_lines(plan: Plan, say: Words) -> Iterator[str]:
    for step in plan.steps:
        after = f" ({say('inspect.after', steps=', '.join(step.depends_on))})" if step.depends_on else ""
        status = say(f"status.{step.status}")
        yield f"  [{step.step_id}] {category(step.agent, say)}: {one_line(step.task)}{after}  {status}"
