"""Database files of released schema versions, made by the programs of then (`released/make.py` says how)."""

import asyncio
import lzma
from pathlib import Path
from typing import Final

from octo_cli.engine import open_engine
from octo_cli.settings import DatabaseSettings, Settings, resolve
from octo_cli.wire.events import Answers, RunFinished, Summary
from octo_cli.wire.forms import Answer, Question

RELEASED: Final = (1, 2, 3)
# Each waits at another question; `finished` was given the same and is done.
WAITING: Final = ("collaborating", "approving", "returned")
REST: Final = {
    "landlord_name": "김철수",
    "property_address": "서울특별시 마포구 월드컵북로 396, 101동 1203호",
    "payment_day": "25일",
}
_FOLDER: Final = Path(__file__).with_name("released")


def unpacked(version: int, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lzma.decompress((_FOLDER / f"schema_{version}.db.xz").read_bytes()))
    return path


def settings_of(database: DatabaseSettings, folder: Path) -> Settings:
    """A program on this database, on the day of the released files."""
    where = {"OCTO_POSTGRES_URL": database.postgres} if database.postgres else {"OCTO_SQLITE": str(database.sqlite)}
    environment = {"OCTO_HOME": str(folder / "home"), "OCTO_NOW": "2026-11-21T10:00:00+09:00", "USER": "mina", **where}
    return resolve({}, environment, folder)


def finish(settings: Settings, thread_id: str) -> Summary:
    """Answer what the thread asks, as it was asked when it was left, until it is done."""

    async def answered() -> Summary:
        async with open_engine(settings) as engine:
            summary = await engine.summary(thread_id)
            while summary.interrupts:
                answers = {question.id: _answer(question) for question in summary.interrupts}
                *_, last = [event async for event in engine.run(thread_id, Answers(answers))]
                assert isinstance(last, RunFinished)
                summary = last.summary
            return summary

    return asyncio.run(answered())


def _answer(question: Question) -> Answer:
    if question.type == "approval_required":
        return Answer("approve", doc_hash=question.doc_hash)
    return Answer("submit", fields=dict(REST), base_revision=question.base_revision)
