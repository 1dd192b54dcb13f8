"""What nobody reads until something went wrong: the log, and the traceback of a defect. Private files, without keys."""

import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from octo_cli.credentials import scrub
from octo_cli.settings import Settings, make_private, octo_folders


class _WithoutKeys(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record))


def log_to_file(settings: Settings) -> None:
    """What Octo and its libraries log goes to a private file; a traceback on the screen helps nobody."""
    path = settings.folders.state / "logs" / "octo.log"
    try:
        make_private(path.parent)
        # The file itself is made with the first line that is logged.
        handler: logging.Handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    except OSError:
        handler = logging.NullHandler()
    # What a library warns of is for its users, the programmers.
    logging.captureWarnings(True)
    handler.setFormatter(_WithoutKeys("%(asctime)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    # Octo's own lines say how long things took; who wants to see them asks for more.
    own = logging.getLogger("octo_cli")
    own.setLevel(logging.INFO)
    if settings.verbose:
        screen = logging.StreamHandler(sys.stderr)
        screen.setFormatter(_WithoutKeys("· %(message)s"))
        screen.addFilter(lambda record: record.levelno == logging.INFO)
        own.addHandler(screen)


def keep_traceback(text: str, environment: Mapping[str, str]) -> str:
    """Where the traceback was written; "-" when nowhere, for a full disk must not hide the first problem."""
    folder = octo_folders(environment).state / "logs"
    path = folder / f"octo-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.log"
    try:
        make_private(folder)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError:
        return "-"
    return str(path)
