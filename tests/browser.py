"""A Chromium of the tests' own, without a network and with a profile of its own: pages as people have them before them.

It is spoken to over a pair of pipes (https://chromedevtools.github.io/devtools-protocol/). When they are closed,
however the tests ended, it ends too.
"""

import base64
import json
import os
import select
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

_FLAGS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe"),
)
# What it reads from and writes to: the protocol's own numbers.
_READS: Final = 3
_WRITES: Final = 4
# Seconds after which an answer is not awaited any longer.
_PATIENCE: Final = 60
_LOADED: Final = "new Promise((done) => (document.readyState === 'complete' ? done() : addEventListener('load', done)))"


class Chromium:
    """One window. `asked_for` are the addresses the page in it wanted, `complaints` what its console says was wrong."""

    def __init__(self, program: str, profile: Path) -> None:
        reads, self._pipe = os.pipe()
        self._answers, writes = os.pipe()
        quiet = os.open(os.devnull, os.O_RDWR)
        inherited = [(reads, _READS), (writes, _WRITES), (quiet, 1), (quiet, 2)]
        self._process = os.posix_spawn(
            *(program, [program, *_FLAGS, f"--user-data-dir={profile}"], os.environ),
            file_actions=[(os.POSIX_SPAWN_DUP2, ours, theirs) for ours, theirs in inherited],
        )
        for end in (reads, writes, quiet):
            os.close(end)
        self._numbers, self._read = count(1), b""
        self._session: dict[str, str] = {}
        self.asked_for: list[str] = []
        self.complaints: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def close(self) -> None:
        self._session = {}
        self._call("Browser.close")
        os.close(self._pipe)
        os.close(self._answers)
        os.waitpid(self._process, 0)

    def open(self, page: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Load the page anew; up to 500 pixels wide it is on a phone."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width <= 500}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call("Page.navigate", url="about:blank")
        self.asked_for, self.complaints = [], []
        self._call("Page.navigate", url=page.as_uri())
        self.says(_LOADED)

    def says(self, script: str) -> Any:
        """What an expression comes to, as JSON; a promise is awaited. What it throws is an AssertionError."""
        said = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in said:
            raise AssertionError(said["result"].get("description", said["exceptionDetails"]))
        return said["result"].get("value")

    def picture(self) -> bytes:
        """The window as PNG."""
        return base64.b64decode(self._call("Page.captureScreenshot")["data"])

    def _call(self, method: str, **given: Any) -> Any:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": given, **self._session}
        os.write(self._pipe, json.dumps(message).encode() + b"\0")
        for found in self._messages():
            if found.get("id") == number:
                assert "error" not in found, found
                return found["result"]
            self._heed(found["method"], found["params"])
        raise AssertionError("Chromium has ended")

    def _messages(self) -> Iterator[Any]:
        while True:
            while b"\0" not in self._read:
                assert select.select([self._answers], [], [], _PATIENCE)[0], "Chromium does not answer"
                more = os.read(self._answers, 1 << 20)
                assert more, "Chromium has ended"
                self._read += more
            message, _, self._read = self._read.partition(b"\0")
            yield json.loads(message)

    def _heed(self, event: str, told: Any) -> None:
        # It would wait for somebody to close it.
        assert event != "Page.javascriptDialogOpening", told
        if event == "Network.requestWillBeSent":
            self.asked_for.append(told["request"]["url"])
        elif event in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.complaints.append(json.dumps(told, ensure_ascii=False))
        elif event == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.complaints.append(json.dumps(told["args"], ensure_ascii=False))
