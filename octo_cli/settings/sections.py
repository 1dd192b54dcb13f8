"""The settings that belong together, as agents and minds are handed them. How a value is read is not said here."""

from datetime import timedelta
from pathlib import Path
from typing import Literal, NamedTuple

Sandbox = Literal["auto", "bubblewrap", "subprocess", "docker"]
Structured = Literal["auto", "json_schema", "function_calling", "json_mode"]
SearchEngine = Literal["searxng", "tavily", "brave"]


class ModelSettings(NamedTuple):
    """Which models think, and within which bounds. A model is named "provider:name"; "offline" is one too.

    `router`, `planner` and `writer` replace `name` for a role. `fallback` are tried in order when a model fails.
    `timeout` in seconds, for a request and for the wait between two chunks; `max_tokens` (input and output together)
    and `max_cost` (USD) bound one turn, `alert_at` is the share of either at which a warning comes.
    """

    name: str = "offline"
    router: str | None = None
    planner: str | None = None
    writer: str | None = None
    fallback: tuple[str, ...] = ()
    cheap: str | None = None
    premium: str | None = None
    base_url: str | None = None
    structured: Structured = "auto"
    timeout: float = 60.0
    retries: int = 2
    requests_per_minute: int | None = None
    # "sqlite", "off", or the address of a Redis server.
    cache: str = "sqlite"
    cache_writer: bool = False
    max_tokens: int | None = None
    max_cost: float | None = None
    alert_at: float = 0.8


class ApprovalSettings(NamedTuple):
    """Patterns `TOOL` or `TOOL:GLOB` over a call's main argument. Deny wins over ask, ask over allow.

    `allow_now` are those of `--allow-tool`: they hold for this run.
    """

    allow: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    allow_now: tuple[str, ...] = ()


class WebSettings(NamedTuple):
    """`allow_private` names hosts (or networks) that may be fetched although they are private. Seconds and bytes."""

    search: SearchEngine | None = None
    searxng_url: str | None = None
    allow_private: tuple[str, ...] = ()
    robots: bool = True
    timeout: float = 20.0
    max_bytes: int = 5_000_000


class CodeSettings(NamedTuple):
    """Where code runs and within which bounds. `timeout` in seconds, `memory_mb` in MiB."""

    sandbox: Sandbox = "auto"
    docker_image: str = "python:3.12-slim"
    timeout: float = 30.0
    memory_mb: int = 1024


class DataSettings(NamedTuple):
    """Bounds of one query. `timeout` in seconds, `memory_mb` in MiB."""

    timeout: float = 30.0
    memory_mb: int = 1024


class RetentionSettings(NamedTuple):
    """What is kept of the past. `history`: all checkpoints of a turn that is finished, or those a person can name.

    `threads`: how long a finished thread is kept that nobody touches; `octo threads prune` sees to it. None: for good.
    """

    history: Literal["full", "named"] = "full"
    threads: timedelta | None = None


class SearchSettings(NamedTuple):
    """`folders` are the user's own; `embeddings` names a model that ranks by meaning, None for words only."""

    folders: tuple[Path, ...] = ()
    embeddings: str | None = None


class PlanSettings(NamedTuple):
    """How plans are worked through. `review`: a person looks at each first.

    Of one step: `timeout` bounds its active seconds, pauses left out; `retries` is how often what failed by chance (a
    connection, a busy server) is tried once more.
    """

    review: bool = False
    timeout: float = 1800.0
    retries: int = 2


class MemorySettings(NamedTuple):
    """Whether facts and earlier conversations are brought to a turn, and how much of them: `budget` in tokens."""

    enabled: bool = True
    budget: int = 2000
