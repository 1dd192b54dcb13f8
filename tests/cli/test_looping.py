"""The one event loop: which it is, and that nothing else starts one."""

import asyncio
from pathlib import Path

import octo_cli
from octo_cli.cli.looping import finished
from octo_cli.settings import DatabaseSettings, resolve
from octo_cli.storage.looping import loop_factory

SERVER = DatabaseSettings(Path("octo.db"), postgres="postgresql://db/octo")


def test_a_server_on_windows_takes_the_loop_that_selects() -> None:
    assert loop_factory(SERVER, "win32") is asyncio.SelectorEventLoop
    assert loop_factory(SERVER._replace(postgres=None), "win32") is None
    assert loop_factory(SERVER, "linux") is None


def test_work_is_done_on_a_loop_that_is_closed_again(tmp_path: Path) -> None:
    async def work() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert finished(work(), resolve({}, {"OCTO_HOME": str(tmp_path)}, tmp_path)).is_closed()


def test_nothing_else_starts_a_loop() -> None:
    source = Path(octo_cli.__file__).parent
    starting = [path.name for path in source.rglob("*.py") if "asyncio.run(" in path.read_text(encoding="utf-8")]
    assert starting == []
