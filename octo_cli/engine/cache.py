"""Answers of models kept between runs, in LangGraph's caches: a file beside Octo's other caches, or a Redis server.

A cache that cannot be read or written only costs money: it is told once, as a warning, and done without.
"""

import asyncio
import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from octo_cli.reasoning.base import Warn
from octo_cli.settings import Settings, make_private

if TYPE_CHECKING:
    from langgraph.cache.base import BaseCache

_NAMESPACE: Final = ("octo", "answers")
_SECONDS_KEPT: Final = 30 * 24 * 3600


def open_cache(settings: Settings, warn: Warn) -> "Answers | None":
    """The cache the settings name; None when they want none. It is opened by the first question."""
    where = settings.models.cache
    # What a model answered is what was talked about: it does not lie open beside an encrypted database.
    if where == "off" or (where == "sqlite" and settings.database.encrypt):
        return None
    if where == "sqlite":
        path = settings.folders.cache / "answers.db"
        return Answers(str(path), lambda: _sqlite(settings), warn)
    return Answers("redis", lambda: _redis(where), warn)


class Answers:
    """`reasoning.models.AnswerCache` over one of LangGraph's caches."""

    def __init__(self, where: str, open: Callable[[], "BaseCache[str]"], warn: Warn) -> None:
        self._where = where
        self._open = open
        self._warn = warn
        self._cache: BaseCache[str] | None = None
        self._broken = False

    async def get(self, key: str) -> str | None:
        full = (_NAMESPACE, key)
        found: dict[Any, str] = await self._try(lambda cache: cache.get([full])) or {}
        return found.get(full)

    async def put(self, key: str, answer: str) -> None:
        await self._try(lambda cache: cache.set({(_NAMESPACE, key): (answer, _SECONDS_KEPT)}))

    async def _try(self, use: Callable[["BaseCache[str]"], Any]) -> Any:
        if self._broken:
            return None
        try:
            return await asyncio.to_thread(lambda: use(self._opened()))
        except ImportError:
            self._broken = True
            self._warn("cache_extra_missing", extra="redis")
        except Exception as error:  # noqa: BLE001 (each cache fails in its own way, and none may cost an answer)
            self._broken = True
            self._warn("cache_unusable", where=self._where, reason=type(error).__name__)
        return None

    def _opened(self) -> "BaseCache[str]":
        if self._cache is None:
            self._cache = self._open()
        return self._cache


def _sqlite(settings: Settings) -> "BaseCache[str]":
    from langgraph.cache.sqlite import SqliteCache

    make_private(settings.folders.cache)
    path = settings.folders.cache / "answers.db"
    path.touch(mode=0o600, exist_ok=True)
    cache: SqliteCache[str] = SqliteCache(path=str(path))
    # It forgets what is too old only when that very question comes again, and so would grow for ever.
    with cache._conn:
        cache._conn.execute("DELETE FROM cache WHERE expiry < ?", (time.time(),))
    return cache


def _redis(address: str) -> "BaseCache[str]":
    from langgraph.cache.redis import RedisCache

    # By name: the extra may not be there, and a type checker would say so on some machines only.
    client = import_module("redis").Redis.from_url(address, socket_timeout=5, socket_connect_timeout=5)
    # LangGraph's cache takes a dead server for an empty one, silently.
    client.ping()
    return RedisCache(client)
