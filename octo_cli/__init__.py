"""Octo: a terminal assistant whose work can be stopped anywhere and taken up again elsewhere.

A program that embeds it begins at `open_engine` (docs/library.md). Nothing is imported before it is asked for.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from octo_cli.engine.library import Octo, Options, Run, open_engine
    from octo_cli.errors import (
        Failed,
        InvalidAnswer,
        ModelError,
        NotFound,
        OctoError,
        StorageError,
        ThreadBusy,
        UsageError,
    )
    from octo_cli.wire.events import Event, InterruptRaised, RunFinished, RunStarted, Summary, TextDelta
    from octo_cli.wire.forms import Answer, Question

__all__ = [
    "Answer",
    "Event",
    "Failed",
    "InterruptRaised",
    "InvalidAnswer",
    "ModelError",
    "NotFound",
    "Octo",
    "OctoError",
    "Options",
    "Question",
    "Run",
    "RunFinished",
    "RunStarted",
    "StorageError",
    "Summary",
    "TextDelta",
    "ThreadBusy",
    "UsageError",
    "open_engine",
]

if not TYPE_CHECKING:
    # Looked through in this order; what needs the engine comes last.
    _ROOMS = ("errors", "wire.forms", "wire.events", "engine.library")

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        rooms = (import_module(f"{__name__}.{room}") for room in _ROOMS)
        return next(getattr(room, name) for room in rooms if hasattr(room, name))
