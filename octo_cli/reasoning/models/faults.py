"""What goes wrong between here and a provider, as ModelErrors; and whether an answer is a whole one.

A provider's own message may repeat the key it was given, so none is passed on as it stands, nor chained.
"""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from octo_cli.credentials import scrub
from octo_cli.errors import ModelError, OctoError

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

_BY_STATUS: Final = {
    401: "model_key_refused",
    403: "model_key_refused",
    404: "model_not_found",
    408: "model_timeout",
    413: "model_too_long",
    429: "model_rate_limited",
    504: "model_timeout",
}
# By class name, since each provider's SDK brings classes of its own; the first match counts.
_BY_NAME: Final = (
    (re.compile("ContextOverflow"), "model_too_long"),
    (re.compile("LengthFinish"), "model_cut_off"),
    (re.compile("ContentFilter"), "model_refused"),
    (re.compile("Timeout"), "model_timeout"),
    (re.compile("Connect|Network|Transport|ReadError|RemoteProtocol|^OSError$"), "model_unreachable"),
    (
        re.compile("JSONDecode|Validation|^(ValueError|TypeError|KeyError|IndexError|AttributeError)$"),
        "model_malformed",
    ),
)
# Of servers that say so in words only: vLLM, llama.cpp, OpenAI itself.
_TOO_LONG: Final = re.compile(r"context.?(length|window|size)|too long|too many (input )?tokens", re.IGNORECASE)
# Where a provider tells why it came to an end; `status` is that of OpenAI's Responses API.
_FINISH: Final = ("finish_reason", "stop_reason", "done_reason", "status")
_CUT: Final = frozenset({"length", "max_tokens", "model_context_window_exceeded", "incomplete", "failed"})
_REFUSED: Final = frozenset({"content_filter", "refusal", "safety", "recitation", "blocklist", "prohibited_content"})
_LONGEST_REASON: Final = 200


def mapped(error: Exception, values: Mapping[str, object]) -> OctoError:
    """A foreign error as Octo's; `values` name the model and where it was asked."""
    if isinstance(error, OctoError):
        return error
    return ModelError(_code(error), **values, reason=_reason(error))


def _code(error: Exception) -> str:
    names = [kind.__name__ for kind in type(error).__mro__]
    status = _status(error)
    if status == 429 and getattr(error, "code", None) == "insufficient_quota":
        return "model_no_credit"
    for pattern, code in _BY_NAME[:3]:
        if any(map(pattern.search, names)):
            return code
    if status == 400 and _TOO_LONG.search(str(error)):
        return "model_too_long"
    if status >= 400:
        return _BY_STATUS.get(status, "model_server_error" if status >= 500 else "model_bad_request")
    return next((code for pattern, code in _BY_NAME if any(map(pattern.search, names))), "model_failed")


def _status(error: Exception) -> int:
    """The HTTP status, wherever the SDK keeps it; 0 without one."""
    places = (error, getattr(error, "response", None))
    found = (getattr(place, name, None) for place in places for name in ("status_code", "code"))
    return next((status for status in found if isinstance(status, int)), 0)


def _reason(error: Exception) -> str:
    """What the other side said, in one short line and without anything that looks like a key."""
    body = getattr(error, "body", None)
    said = body.get("message") if isinstance(body, dict) else None
    return scrub(" ".join(str(said or type(error).__name__).split()))[:_LONGEST_REASON]


def check_whole(answer: "AIMessage", values: Mapping[str, object], *, streamed: bool) -> None:
    """Raise ModelError unless this is an answer, and all of it.

    A stream that just ends looks like any other: only a finish reason tells that the model had come to its end.
    """
    told: dict[str, Any] = answer.response_metadata
    finish = next((str(told[key]).lower() for key in _FINISH if told.get(key)), "")
    if answer.additional_kwargs.get("refusal") or finish in _REFUSED:
        raise ModelError("model_refused", **values)
    if finish in _CUT or (streamed and not finish):
        raise ModelError("model_cut_off", **values)
    if not (answer.text.strip() or answer.tool_calls or answer.invalid_tool_calls):
        raise ModelError("model_empty", **values)


def broken_calls(answer: "AIMessage") -> list[str]:
    """The tools called with arguments that are no JSON object. LangChain reads a streamed half of one as a whole."""
    chunks = getattr(answer, "tool_call_chunks", None) or ()
    broken = [chunk["name"] or "?" for chunk in chunks if not _is_object(chunk["args"] or "{}")]
    return broken or [call["name"] or "?" for call in answer.invalid_tool_calls]


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
