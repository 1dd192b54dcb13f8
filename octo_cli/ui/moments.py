"""When something was, as a person says it: minutes, hours and days ago, or the date."""

from datetime import datetime
from typing import Final

from octo_cli.i18n import Words

_STEPS: Final = ((60, "seconds", 1), (3600, "minutes", 60), (86400, "hours", 3600), (7 * 86400, "days", 86400))
_JUST_NOW: Final = 10


def ago(then: str, now: datetime, say: Words) -> str:
    """An RFC 3339 time seen from `now`: "3 minutes ago"; older than a week, and anything unreadable, as a date."""
    try:
        moment = datetime.fromisoformat(then).astimezone(now.tzinfo)
    except ValueError:
        return then
    seconds = (now - moment).total_seconds()
    if abs(seconds) < _JUST_NOW:
        return say("time.now")
    for limit, unit, length in _STEPS:
        if abs(seconds) < limit:
            count = int(abs(seconds) // length)
            return say(f"time.{unit}{'_ahead' if seconds < 0 else ''}{'' if count > 1 else '_one'}", count=count)
    return f"{moment:%Y-%m-%d}"


def clock_time(then: str, now: datetime) -> str:
    """A time to the second, in the zone of `now`."""
    try:
        return f"{datetime.fromisoformat(then).astimezone(now.tzinfo):%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return then
