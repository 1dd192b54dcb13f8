"""The data agent: questions about tables in files, answered with the SQL, the rows and, where it says more, a chart.

`database` holds what `loading` makes of files, and is locked before it is asked. `question` (with `spans` and
`resolving`) and `sql` are the offline mind of this agent, `written` asks a model, `report` and `charts` show. DuckDB
and the drawing libraries are imported when a step runs.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from octo_cli.agents.kit import Done, Kit, Task, as_graph
from octo_cli.errors import Failed, OctoError
from octo_cli.i18n import Words, describe, words
from octo_cli.wire.events import StepProgress, share

if TYPE_CHECKING:
    from pathlib import Path

    from langgraph.graph.state import CompiledStateGraph

    from octo_cli.agents.data.answer import Answer
    from octo_cli.agents.data.database import Database

T = TypeVar("T")


def build() -> "CompiledStateGraph[Any, Kit, Any, Any]":
    return as_graph(work)


async def work(task: Task, kit: Kit) -> Done:
    """Answer `task.query` from the files it names, else from what earlier steps hand on, else from the only file.

    `data`: `sql`, `columns`, `rows` (at most 1000), `more`, `profile` (a table each), `files`, `chart` (a path or
    None), `by` ("rules", "model", or None when only the profile is shown), `unread` words.
    """
    from octo_cli.agents.data import files
    from octo_cli.agents.data.database import Database

    say = words(task.language)
    paths, only = _paths(task, kit)
    question = files.without_names(task.query, kit.settings.workspace)
    with Database(kit.settings.data) as database:
        await _in_thread(database, _load, database, paths, task, _progress(task, kit, say))
        answer = await _answered(database, question, task, kit)
        remark = say("data.only_file", path=paths[0].name) if only else None
        return await _in_thread(database, _done, answer, paths, remark, kit, say, task.text)


def _paths(task: Task, kit: Kit) -> "tuple[list[Path], bool]":
    """The files meant, and whether that is only because there is no other. Raises Failed: data_no_file."""
    from octo_cli.agents.data import files

    workspace = kit.settings.workspace
    # A model's plan may leave out the file that the person named.
    if named := files.named_files(task.query, workspace) or files.named_files(task.text, workspace):
        return named, False
    handed = list(dict.fromkeys(files.handed_on(task.earlier, workspace)))
    if handed or any(files.handed_rows(task.earlier)):
        return handed, False
    there = [path for path in files.data_files(workspace) if path.suffix.lower() != ".txt"]
    if len(there) == 1:
        return there, True
    listed = ", ".join(path.name for path in there[:5])
    raise Failed("data_which_file" if there else "data_no_file", files=listed)


def _progress(task: Task, kit: Kit, say: Words) -> Callable[[int, int], None]:
    """Tells whoever watches how many files are read; from any thread."""
    loop = asyncio.get_running_loop()

    def told(done: int, total: int) -> None:
        message = say("data.loading", done=done, total=total)
        event = StepProgress(task.step.step_id, task.step.agent, "load", message, share(done, total))
        loop.call_soon_threadsafe(kit.tell, event)

    return told


def _load(database: "Database", paths: "Sequence[Path]", task: Task, progress: Callable[[int, int], None]) -> None:
    from octo_cli.agents.data import files

    for number, path in enumerate(paths, 1):
        database.load(path)
        if len(paths) > 1:
            progress(number, len(paths))
    if not paths:
        for name, columns, rows in files.handed_rows(task.earlier):
            database.load_rows(name, columns, rows)
    database.lock()


async def _answered(database: "Database", question: str, task: Task, kit: Kit) -> "Answer":
    """By a model where there is one, by rules else; what neither can read becomes the profile."""
    from octo_cli.agents.data import answer
    from octo_cli.agents.data.written import Unanswered, written

    say = words(task.language)
    failure = ""
    if kit.mind.models is not None and answer.asks_more_than_a_profile(question):

        async def run(sql: str) -> Any:
            return await _in_thread(database, database.select, sql, answer.MOST_KEPT)

        try:
            query, rows = await written(kit.mind.models, question, database.tables, run)
            return answer.by_model(query, rows, database)
        except Unanswered as error:
            cause = error.__cause__
            failure = describe(cause, say)[0] if isinstance(cause, OctoError) else str(error)
    return await _in_thread(database, answer.by_rules, question, database, kit.today, say, failure)


def _done(answer: "Answer", paths: "Sequence[Path]", remark: str | None, kit: Kit, say: Words, said: str) -> Done:
    from octo_cli.agents.data.answer import shown

    return shown(answer, paths, remark, kit, say, said)


async def _in_thread(database: "Database", work: Callable[..., T], *arguments: Any) -> T:
    """`work` beside the event loop. A thread cannot be cancelled, but what DuckDB runs in it can."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        database.stop()
        await asyncio.wait({running})
        raise


__all__: Final = ["build", "work"]
