"""The web agent: opens the pages a request names or a search engine finds, and says what is in them and where."""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from octo_cli.agents.kit import Ask, Done, Kit, Task, as_graph
from octo_cli.agents.tools import fenced
from octo_cli.documents.markdown import escape
from octo_cli.errors import Failed, Passing
from octo_cli.i18n import Words, describe, words
from octo_cli.reasoning.topics import topic_of
from octo_cli.values.text import one_line
from octo_cli.values.urls import find_urls, without_urls
from octo_cli.wire.events import StepProgress, share
from octo_cli.wire.forms import FormField

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from octo_cli.agents.web.engines import Hit
    from octo_cli.agents.web.fetching import Fetcher
    from octo_cli.agents.web.reading import Page

T = TypeVar("T")

MOST_PAGES: Final = 10
_MOST_FOUND: Final = 5
_AT_ONCE: Final = 4
# Results are saved with the thread.
_LONGEST_TEXT_IN_DATA: Final = 12_000
_MOST_LINES: Final = 12
_LONGEST_LINE: Final = 160


class _Read(NamedTuple):
    """A page that was read; `number`, from 1, is what it is cited by."""

    url: str
    final_url: str
    status: int
    page: "Page"
    number: int = 0


class _Unread(NamedTuple):
    """An address that gave no page."""

    url: str
    error: Failed


def build() -> "CompiledStateGraph[Any, Kit, Any, Any]":
    return as_graph(work)


async def work(task: Task, kit: Kit, environment: Mapping[str, str] = os.environ) -> Done | Ask:
    """Read `inputs["urls"]`, else what `inputs["query"]` finds, else the addresses or the topic of what was said.

    An empty list of addresses stands for one that was meant and not given: it is asked for.
    `data`: `pages` (url, final_url, title, site, author, date, fetched_at, status, text), `failed` (url, code, reason),
    and of a search `query` and `results` (url, title, snippet). Raises Failed when nothing at all could be read.
    """
    # The graph holds every agent; only a step of this one pays for HTTP.
    from octo_cli.agents.web import engines

    urls, query = _wanted(task)
    say = words(task.language)
    if not urls and task.step.inputs.get("urls") == []:
        field = FormField("url", say("web.address"), "text", True)
        return Ask(say("web.which_page"), say("web.which_page_message", text=one_line(task.text)), (field,))
    hits: Sequence[Hit] = ()
    if not urls:
        web = kit.settings.web
        engine = engines.configured(web, environment)
        hits = await engines.search(engine, query, most=_MOST_FOUND, seconds=web.timeout)
        urls = list(dict.fromkeys(hit.url for hit in hits))
        if not urls:
            text = say("web.nothing_found", query=escape(query))
            return Done(text, data={"pages": [], "failed": [], "query": query, "results": []})
    outcomes = await _all_read(urls[:MOST_PAGES], task, kit)
    read = [one._replace(number=number) for number, one in enumerate(_those(_Read, outcomes), 1)]
    unread = _those(_Unread, outcomes)
    if not read and not hits:
        raise _none_read(unread, say)
    text = await _Answer(task, kit, query, say).text(read, unread, hits, len(urls))
    return Done(text, data=_data(read, unread, hits, query, kit, say), confidence=len(read) / len(outcomes))


def _those(kind: type[T], outcomes: "Sequence[_Read | _Unread]") -> list[T]:
    return [outcome for outcome in outcomes if isinstance(outcome, kind)]


def _wanted(task: Task) -> tuple[list[str], str]:
    """The addresses to open, and what is sought in them or, without any, on the web."""
    given = task.step.inputs.get("urls") or [answer.fields.get("url") or "" for answer in task.answers[-1:]]
    query = str(task.step.inputs.get("query") or "").strip()
    urls = [url if "://" in url else f"https://{url}" for url in (str(url).strip() for url in given) if url]
    # A plan may say in its task what it leaves out of the inputs; what was said may be about other steps too.
    said = query or (task.step.task if find_urls(task.step.task) else task.text)
    urls = urls or find_urls(said)
    return list(dict.fromkeys(urls)), query if query and not urls else without_urls(topic_of(said)).strip()


async def _all_read(urls: Sequence[str], task: Task, kit: Kit) -> Sequence[_Read | _Unread]:
    """What came of each address, in their order, a few at a time."""
    from octo_cli.agents.web.fetching import Fetcher

    places, say = asyncio.Semaphore(_AT_ONCE), words(task.language)
    ended: list[str] = []

    where = task.step.step_id, task.step.agent

    async def read(url: str, fetcher: "Fetcher") -> _Read | _Unread:
        async with places:
            try:
                return await _read(url, fetcher)
            except Failed as error:
                return _Unread(url, error)
            finally:
                ended.append(url)
                if len(urls) > 1:
                    message = say("web.reading", done=len(ended), total=len(urls))
                    told = StepProgress(*where, "read", message, share(len(ended), len(urls)))
                    kit.tell(told)

    async with Fetcher(kit.settings.web, task.language) as fetcher:
        return await asyncio.gather(*(read(url, fetcher) for url in urls))


async def _read(url: str, fetcher: "Fetcher") -> _Read:
    from octo_cli.agents.web.reading import Source, read_apart

    fetched = await fetcher.fetch(url)
    source = Source(fetched.final_url, fetched.media_type, fetched.charset, fetched.body)
    page = await read_apart(source)
    return _Read(fetched.url, fetched.final_url, fetched.status, page)


def _none_read(unread: Sequence[_Unread], say: Words) -> Failed:
    if len(unread) == 1:
        return unread[0].error
    kind = Passing if any(isinstance(one.error, Passing) for one in unread) else Failed
    return kind("web_none_read", reasons=" ".join(_reason(one, say) for one in unread))


def _reason(unread: _Unread, say: Words) -> str:
    return describe(unread.error, say)[0]


def _data(
    read: Sequence[_Read], unread: Sequence[_Unread], hits: "Sequence[Hit]", query: str, kit: Kit, say: Words
) -> dict[str, Any]:
    found = {"query": query, "results": [hit._asdict() for hit in hits]} if hits else {}
    return {
        "pages": [
            {
                "url": one.url,
                "final_url": one.final_url,
                "title": one.page.title,
                "site": one.page.site,
                "author": one.page.author,
                "date": one.page.date,
                "fetched_at": kit.now().isoformat(),
                "status": one.status,
                "text": one.page.text[:_LONGEST_TEXT_IN_DATA],
            }
            for one in read
        ],
        "failed": [{"url": one.url, "code": one.error.code, "reason": _reason(one, say)} for one in unread],
        **found,
    }


class _Answer:
    """The answer as Markdown: from a model, or the pages' own sentences. What strangers wrote is escaped."""

    def __init__(self, task: Task, kit: Kit, query: str, say: Words) -> None:
        self.task = task
        self.kit = kit
        self.query = query
        self.say = say

    async def text(self, read: Sequence[_Read], unread: Sequence[_Unread], hits: "Sequence[Hit]", wanted: int) -> str:
        paragraphs = list(self._excerpts(hits)) if hits and not read else await self._paragraphs(read)
        if unread:
            paragraphs.append("\n".join((self.say("web.failed"), *(f"- {self._failed(one)}" for one in unread))))
        if wanted > MOST_PAGES:
            paragraphs.append(self.say("web.left_out", most=MOST_PAGES, count=wanted - MOST_PAGES))
        return "\n\n".join(paragraphs)

    async def _paragraphs(self, read: Sequence[_Read]) -> list[str]:
        quoted = [f"{self._source(one)}\n\n{self._said(one.page)}" for one in read]
        if (models := self.kit.mind.models) is None:
            return quoted
        from octo_cli.agents.citing import Passage, answer_from

        pages = [Passage(f"{one.page.title}, {one.final_url}", one.page.text) for one in read]
        answer = await answer_from(models, self.task, pages)
        if answer is None:
            return [self.say("web.no_answer"), *quoted]
        return [answer.text, "\n".join((self.say("web.sources"), *(f"- {self._source(one)}" for one in read)))]

    def _said(self, page: "Page") -> str:
        """The page's own words, quoted."""
        from octo_cli.agents.web.summary import summary

        said = [escape(sentence) for sentence in summary(page.text, self.query)] if page.prose else []
        quoted = f"> {' '.join(said)}" if said else _first_lines(page.text)
        return f"{quoted}\n\n{self.say('web.thin')}" if page.thin else quoted

    def _excerpts(self, hits: "Sequence[Hit]") -> Iterator[str]:
        """What the engine itself shows, where no page could be read."""
        yield self.say("web.only_excerpts", query=escape(self.query))
        for hit in hits:
            yield f"**{escape(hit.title or hit.url)}**\n<{_plain(hit.url)}>"
            if hit.snippet:
                yield f"> {escape(hit.snippet)}"

    def _source(self, one: _Read) -> str:
        about = [escape(part) for part in (one.page.site, one.page.author) if part]
        if one.page.date:
            about.append(self.say("web.dated", date=escape(one.page.date)))
        head = " · ".join((f"**{escape(one.page.title or one.final_url)}**", *about))
        fetched = self.say("web.fetched", date=self.kit.today.isoformat())
        return f"[{one.number}] {head}\n  <{_plain(one.final_url)}> · {fetched}"

    def _failed(self, one: _Unread) -> str:
        message, hint = describe(one.error, self.say)
        return f"{escape(message)} {self.say('web.hint', hint=hint)}" if hint else escape(message)


def _plain(url: str) -> str:
    """An address that cannot end its own brackets."""
    return url.replace("<", "%3C").replace(">", "%3E").replace(" ", "%20").replace("\n", "")


def _first_lines(text: str) -> str:
    """Data has no sentences: its first lines, as they are."""
    lines = text.split("\n")
    more = ["…"] * (len(lines) > _MOST_LINES)
    return fenced("\n".join([*(line[:_LONGEST_LINE] for line in lines[:_MOST_LINES]), *more]))
