"""Which settings there are. One line is one setting; how each is read stands in `readers`."""

from typing import Final, NamedTuple

from octo_cli.i18n import LANGUAGES
from octo_cli.settings import readers as read
from octo_cli.settings.databases import postgres_address, sqlite_file

FORMATS: Final = ("chat", "graph", "report", "json", "all")
_MOST_SECONDS: Final = 3600
_LONGEST_STEP: Final = 86_400
_MOST_MB: Final = 1_000_000


class Key(NamedTuple):
    """One setting: its name in a file, how it is read, and where else it may be given.

    `safe` keys may stand in a project's `.octo.toml`. Whatever names code, trust, identity, a model that costs money or
    a place to write is not safe: the file comes with a checkout, not from the person at the keyboard.
    """

    name: str
    read: read.Reader
    flag: str | None = None
    variable: str | None = None
    safe: bool = False

    @property
    def option(self) -> str | None:
        """The flag as it is typed."""
        return f"--{self.flag.replace('_', '-')}" if self.flag else None


def is_list(key: Key) -> bool:
    return key.read in (read.texts, read.paths)


KEYS: Final = (
    Key("lang", read.choice(*LANGUAGES), flag="lang", variable="OCTO_LANG", safe=True),
    Key("format", read.choice(*FORMATS), safe=True),
    Key("user", read.text, flag="user", variable="OCTO_USER"),
    Key("database.sqlite", sqlite_file, flag="sqlite", variable="OCTO_SQLITE"),
    Key("database.postgres", postgres_address, flag="postgres", variable="OCTO_POSTGRES_URL"),
    Key("database.connect_timeout", read.number(1, _MOST_SECONDS)),
    Key("database.statement_timeout", read.number(1, _MOST_SECONDS)),
    Key("database.encrypt", read.yes_or_no),
    Key("documents.folder", read.path),
    Key("retention.history", read.choice("full", "named")),
    Key("retention.threads", read.span),
    Key("questions.expire_after", read.span),
    Key("questions.on_timeout", read.choice("defer", "reject")),
    # `model = "…"` and `[model] name = "…"` are the same.
    Key("model", read.text, flag="model", variable="OCTO_MODEL"),
    Key("model.base_url", read.address, flag="base_url", variable="OCTO_BASE_URL"),
    Key("model.router", read.text),
    Key("model.planner", read.text),
    Key("model.writer", read.text),
    Key("model.cheap", read.text),
    Key("model.premium", read.text),
    Key("model.fallback", read.texts),
    Key("model.structured", read.choice("auto", "json_schema", "function_calling", "json_mode")),
    Key("model.timeout", read.number(1, _MOST_SECONDS)),
    Key("model.retries", read.whole(0, 10)),
    Key("model.requests_per_minute", read.whole(1, 100_000)),
    Key("model.cache", read.cache),
    Key("model.cache_writer", read.yes_or_no),
    Key("model.max_tokens", read.whole(1, 10**9), flag="max_tokens", variable="OCTO_MAX_TOKENS"),
    Key("model.max_cost", read.number(0, 10**6), flag="max_cost", variable="OCTO_MAX_COST"),
    Key("model.alert_at", read.number(0, 1)),
    Key("agents.disabled", read.texts),
    Key("approvals.allow", read.texts),
    Key("approvals.ask", read.texts),
    Key("approvals.deny", read.texts),
    Key("search.folders", read.paths, safe=True),
    Key("search.embeddings", read.text),
    Key("web.search", read.choice("searxng", "tavily", "brave")),
    Key("web.searxng_url", read.address),
    Key("web.allow_private", read.texts),
    Key("web.robots", read.yes_or_no),
    Key("web.timeout", read.number(1, _MOST_SECONDS)),
    Key("web.max_bytes", read.whole(1024, 10**9)),
    Key("code.sandbox", read.choice("auto", "bubblewrap", "subprocess", "docker")),
    Key("code.docker_image", read.text),
    Key("code.timeout", read.number(1, _MOST_SECONDS)),
    Key("code.memory_mb", read.whole(64, _MOST_MB)),
    Key("data.timeout", read.number(1, _MOST_SECONDS)),
    Key("data.memory_mb", read.whole(64, _MOST_MB)),
    Key("memory.enabled", read.yes_or_no),
    Key("memory.budget", read.whole(0, 100_000)),
    Key("plan.review", read.yes_or_no, flag="review_plan"),
    Key("plan.timeout", read.number(0.1, _LONGEST_STEP)),
    Key("plan.retries", read.whole(0, 10)),
    Key("mcp.file", read.path),
)
