"""Templates to canonical Markdown. What a person wrote is escaped here, so that it cannot forge any structure.

Jinja's `finalize` plays the part of autoescape: whatever a template prints passes through `printed`.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from octo_cli import __version__
from octo_cli.documents.fields import BLANK, FIELD_TYPES, plain
from octo_cli.i18n import Language
from octo_cli.settings import make_private
from octo_cli.values.contact import mask_rrn
from octo_cli.values.markdown import escape_line
from octo_cli.values.names import josa

if TYPE_CHECKING:
    from types import CodeType

    from jinja2 import FileSystemBytecodeCache, Template
    from jinja2.bccache import Bucket
    from jinja2.sandbox import ImmutableSandboxedEnvironment


class Markdown(str):
    """Text that is Markdown already and is printed as it is."""


NAMES: Final = frozenset({"number", "language", "wording"})


class BrokenTemplate(ValueError):
    """The template cannot be read or rendered; the message says why, for the author of the folder."""


class Numbering:
    """Numbers articles and their items in the order they print, so that an article left out leaves no gap.

    `number.article("rent")` begins an article and remembers it, `number.item()` counts inside it, `number.of("rent")`
    is the number of an article that came before.
    """

    def __init__(self) -> None:
        self._articles: list[str] = []
        self._items = 0

    def article(self, name: str = "") -> int:
        self._articles.append(name)
        self._items = 0
        return len(self._articles)

    def item(self) -> int:
        self._items += 1
        return self._items

    def of(self, name: str) -> int:
        return self._articles.index(name) + 1


class MarkdownTemplate:
    """A `.md.j2` file in one language; compiled on first use, and kept so in the folder `cache` if there is one."""

    def __init__(self, path: Path, language: Language, cache: Path | None = None) -> None:
        self._path = path
        self._language = language
        self._cache = cache
        self._compiled: Template | None = None

    def render(self, values: Mapping[str, Any]) -> str:
        """The document for live values, all of them optional. Raises BrokenTemplate."""
        from jinja2 import TemplateError

        try:
            text = self._template().render(values, language=self._language, number=Numbering())
        except (TemplateError, OSError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as exc:
            raise BrokenTemplate(f"{self._path.name}: {exc}") from exc
        return _tidy(text)

    def undeclared(self, declared: frozenset[str]) -> frozenset[str]:
        """The variables the template uses beyond those declared. Raises BrokenTemplate."""
        from jinja2 import TemplateError, meta

        try:
            used = meta.find_undeclared_variables(_environment(self._language).parse(self._source()))
        except (TemplateError, OSError, UnicodeError) as exc:
            raise BrokenTemplate(f"{self._path.name}: {exc}") from exc
        return frozenset(used - declared - NAMES)

    def _template(self) -> "Template":
        if self._compiled is None:
            environment = _environment(self._language)
            globals = environment.make_globals(None)
            self._compiled = environment.template_class.from_code(environment, self._code(), globals)
        return self._compiled

    def _code(self) -> "CodeType":
        environment, source = _environment(self._language), self._source()
        if self._cache is None:
            return environment.compile(source)
        kept = _kept(self._cache)
        # No loader: with one a template could include any file beside it, unchecked.
        bucket = kept.get_bucket(environment, self._language, str(self._path), source)
        if bucket.code is None:
            bucket.code = environment.compile(source)
            kept.set_bucket(bucket)
        return bucket.code

    def _source(self) -> str:
        return self._path.read_text(encoding="utf-8")


@cache
def _kept(folder: Path) -> "FileSystemBytecodeCache":
    """Compiled templates in `folder`, which only its owner may enter: what is in it is run.

    A folder that cannot be read or written costs time and nothing else. Jinja compares the source, its own version and
    Python's; the names of filters and how values print are Octo's, so its version is part of the path.
    """
    from jinja2 import FileSystemBytecodeCache

    class Kept(FileSystemBytecodeCache):
        def load_bytecode(self, bucket: "Bucket") -> None:
            try:
                super().load_bytecode(bucket)
            except Exception:  # noqa: BLE001 (a damaged file fails in many ways; it is written anew)
                bucket.reset()

        def dump_bytecode(self, bucket: "Bucket") -> None:
            with suppress(OSError):
                make_private(Path(self.directory))
                super().dump_bytecode(bucket)

    return Kept(str(folder / "templates" / __version__), "%s")


def printed(value: Any) -> Any:
    """What a template prints for a value: text escaped, a blank as `____`."""
    if isinstance(value, Markdown):
        return value
    if value is None or value == "":
        return BLANK
    return escape(value) if isinstance(value, str) else value


def escape(text: str) -> str:
    """A person's text as one line of Markdown that means exactly its characters; full RRNs are masked."""
    return escape_line(mask_rrn(text)) or BLANK


def _tidy(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n") + "\n"


@cache
def _environment(language: Language) -> "ImmutableSandboxedEnvironment":
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined, finalize=printed, autoescape=False
    )
    for name, kind in FIELD_TYPES.items():
        environment.filters[name] = _shown(kind.show, language)
    environment.filters["josa"] = lambda word, pair: Markdown(printed(word) + josa(word or "", pair))
    return environment


def _shown(show: Any, language: Language) -> Any:
    return lambda value: show(plain(value), language)
