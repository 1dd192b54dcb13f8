"""Text out of files that only a parser can read, in a child process (`apart`). What a parser finds is in `formats`."""

import json
from collections.abc import Callable
from typing import Final

from octo_cli.agents.apart import Apart, Most, NoAnswer
from octo_cli.agents.folders.formats import Unreadable, text_in

BOUNDS: Final = Most(seconds=20, memory=2 << 30)  # for one file


def extractor(stopped: Callable[[], bool] = lambda: False, most: Most = BOUNDS) -> Apart:
    """A child for `text_apart`; one serves a whole search."""
    return Apart(f"{__name__}:answer", most, stopped)


def text_apart(child: Apart, kind: str, raw: bytes) -> str:
    """`text_in` as `child` does it. Raises Unreadable, also past the deadline and when stopped; OSError without one."""
    try:
        answer: dict[str, str] = json.loads(child.ask(kind.encode() + b"\n" + raw))
    except (NoAnswer, ValueError) as exc:
        raise Unreadable("slow" if isinstance(exc, NoAnswer) and exc.slow else "broken") from exc
    if "text" not in answer:
        raise Unreadable(answer["reason"])  # type: ignore[arg-type]
    return answer["text"]


def answer(message: bytes) -> bytes:
    """The child's part: a line with the kind and the file in, JSON out: `{"text": …}` or `{"reason": …}`."""
    kind, _, raw = message.partition(b"\n")
    try:
        return json.dumps({"text": text_in(kind.decode(), raw)}, ensure_ascii=False).encode()
    except Unreadable as exc:
        return json.dumps({"reason": exc.reason}).encode()
