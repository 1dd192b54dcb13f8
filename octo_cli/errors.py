"""What can go wrong, as data. No prose here: the door words each code once, from the catalogue.

OctoError
├── UsageError              2  the command line or a value given on it is wrong
│   └── InvalidAnswer       2  an answer does not fit its question; the question stays open
├── NotFound                4  no such thread, checkpoint, document or type
├── StorageError            5  unreachable, corrupt, read-only, full, or written by a newer Octo
├── ModelError              6  no key, refused, unreachable; `octo resume` continues
│   └── UnusableAnswer      6  answered, but not with what was asked for
├── ThreadBusy              7  another process is running the thread
├── TimedOut              124  `--timeout` reached
└── Failed                  1  everything else that ended the work
    └── Passing             1  it may be gone a moment later: a lost connection, a busy server
"""

from collections.abc import Mapping
from types import MappingProxyType


class OctoError(Exception):
    """A failure a person can be told about.

    `code` names the sentence `error.<code>` and the next command `hint.<code>` in the catalogue;
    `values` fill both; `status` is the process's exit status.
    """

    status = 1

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code, values)
        self.code = code
        self.values: Mapping[str, object] = MappingProxyType(values)


class UsageError(OctoError):
    status = 2


class InvalidAnswer(UsageError):
    """The answer was not taken: an unreadable value, a stale revision, a text that changed."""


class NotFound(OctoError):
    status = 4


class StorageError(OctoError):
    status = 5


class ModelError(OctoError):
    status = 6


class UnusableAnswer(ModelError):
    """A model answered, but not with what was asked for, and being told so did not help."""


class ThreadBusy(OctoError):
    status = 7


class TimedOut(OctoError):
    status = 124


class Failed(OctoError):
    status = 1


class Passing(Failed):
    """A failure that may be gone a moment later: a step that meets it is tried again."""
