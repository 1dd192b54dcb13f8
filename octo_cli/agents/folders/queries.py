"""What a typed query asks for: words to find, words to leave out, and which files are meant. Knows no database.

Only this is syntax: "a phrase", begin*, -word, -"phrase", in:folder, *.pdf, and the naming of a format as people do
it ("PDF에서 …", "… in my Word files"). Whatever does not fit is a word like any other.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from octo_cli.agents.folders import reading
from octo_cli.values.terms import LONGEST_QUERY, Term, different, fold, terms_of
from octo_cli.values.text import one_line

_ITEM: Final = re.compile(
    r"""(?P<minus>-(?=["“「]|[^\W\d]))?(?P<place>(?:in|폴더):(?=\S))?"""
    r"""(?:"(?P<straight>[^"]+)"|“(?P<curly>[^“”]+)”|「(?P<corner>[^「」]+)」|(?P<word>\S+))""",
    re.I,
)
_GLOB: Final = re.compile(r"\*(\.\w{1,10})")

# By the names people call them; the last two are common words, so they need a "file" behind them.
_KINDS: Final = MappingProxyType(
    {
        r"pdf|피디에프": frozenset({b".pdf"}),
        r"docx|워드|ms\s?word": frozenset({b".docx"}),
        r"html|웹\s?페이지|web\s?page": frozenset({b".html", b".htm", b".xhtml"}),
        r"markdown|마크다운": reading.MARKDOWN,
        r"word(?=\s?(?:파일|문서|files?|documents?))": frozenset({b".docx"}),
        r"(?:source\s|소스\s?)?(?:code|코드)(?=\s?(?:파일|files?))": reading.CODE,
    }
)
_FILES: Final = r"(?:\s?(?:파일|문서))?(?:들)?"
_NAMED: Final = tuple(
    (
        re.compile(
            rf"(?<!\w)(?:{name}){_FILES}\s?(?:중에서|안에서|속에서|에서|중에|안에)(?:만|는)?(?!\w)"
            rf"|\b(?:in|from|within|among|inside)\s+(?:(?:my|our|the|all)\s+)*(?:{name})(?:\s?(?:files?|documents?)|s)?\b",
            re.I,
        ),
        # What a topic keeps of it once its particle is gone.
        re.compile(rf"(?<!\w)(?:{name}){_FILES}(?!\w)", re.I),
        suffixes,
    )
    for name, suffixes in _KINDS.items()
)


@dataclass(frozen=True)
class Query:
    """`terms` to find, `without` none of these, in files of these `suffixes` below these `folders`; () is any."""

    terms: tuple[Term, ...]
    without: tuple[Term, ...] = ()
    suffixes: frozenset[bytes] = frozenset()
    folders: tuple[str, ...] = ()

    def admits(self, shown: str, path: bytes) -> bool:
        """Whether the query means this file; `shown` is its path as a person sees it."""
        if self.suffixes and reading.suffix_of(path) not in self.suffixes:
            return False
        where = fold(one_line(shown))
        return not self.folders or any(_is_below(where, folder) for folder in self.folders)


def query_of(text: str, *, said: str = "") -> Query:
    """The query in `text`; `said` is the whole sentence it was taken from, where a format may be named."""
    rest, suffixes = _without_kinds(one_line(text[:LONGEST_QUERY]), one_line(said[:LONGEST_QUERY]))
    words: list[str] = []
    left_out: list[str] = []
    folders: list[str] = []
    for match in _ITEM.finditer(rest):
        item = match["word"] or f'"{match["straight"] or match["curly"] or match["corner"]}"'
        if match["place"]:
            folders.append(fold(item.strip('"/')))
        elif glob := _GLOB.fullmatch(item):
            suffixes |= {glob[1].lower().encode()}
        else:
            (left_out if match["minus"] else words).append(item)
    terms, without = different(_terms(words)), different(term.exact for term in _terms(left_out))
    if not terms:
        # Who only leaves out finds nothing; a dash before the only word was no operator.
        terms, without = different(_terms(left_out)), ()
    return Query(terms, without, frozenset(suffixes), tuple(folder for folder in folders if folder))


def _terms(items: list[str]) -> Iterator[Term]:
    for item in items:
        yield from terms_of(item)


def _without_kinds(text: str, said: str) -> tuple[str, set[bytes]]:
    suffixes: set[bytes] = set()
    for named, bare, kinds in _NAMED:
        rest = named.sub(" ", text)
        if rest == text and named.search(said):
            rest = bare.sub(" ", text, count=1)
        elif rest == text:
            continue
        # A query that is nothing but a format's name is about the format.
        if rest.strip():
            text, suffixes = rest, suffixes | kinds
    return text, suffixes


def _is_below(where: str, folder: str) -> bool:
    folders, _, _ = where.rpartition("/")
    return f"/{folder}/" in f"/{folders}/" or ("/" not in folder and folder in folders)
