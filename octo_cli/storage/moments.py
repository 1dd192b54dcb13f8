"""Times as columns hold them: RFC 3339 in UTC, always microseconds, so that text order is time order."""

from datetime import UTC, datetime


def stamp(moment: datetime) -> str:
    """`2027-03-01T00:00:00.000000Z`; a naive `moment` is read as local time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def restamp(text: str) -> str:
    """The same instant as `stamp` writes it, for a time that came as RFC 3339 text of any offset; "" stays ""."""
    return stamp(datetime.fromisoformat(text)) if text else ""


def is_moment(text: str) -> bool:
    """Whether `text` is RFC 3339 with its offset."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def wall_clock() -> datetime:
    """Real time, never `OCTO_NOW`: a lease is about processes alive now, not about the document's day."""
    return datetime.now(UTC)
