"""Errors as sentences, for hosts that know no catalogue. What each sentence says stands in `i18n`."""

from collections.abc import Iterator
from contextlib import contextmanager

from octo_cli.credentials import scrub
from octo_cli.errors import OctoError
from octo_cli.i18n import Words, describe
from octo_cli.wire.work import Problem


def told(error: OctoError, say: Words) -> Problem:
    """An error as the commands tell it, without what is secret."""
    message, hint = describe(error, say)
    return Problem(error.code, scrub(message), hint)


@contextmanager
def in_words(say: Words) -> Iterator[None]:
    """An OctoError that leaves the block reads as its sentence."""
    try:
        yield
    except OctoError as error:
        error.args = (told(error, say).message,)
        raise
