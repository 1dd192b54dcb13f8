"""An e-mail out of a request without a model: who it goes to, what it is about, and the form such letters have."""

import re
from datetime import date
from email.headerregistry import Address
from typing import Final

from octo_cli.values.text import one_line
from octo_cli.wire.work import Language
from octo_email.words import WORDS

_ADDRESS: Final = re.compile(r"[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}", re.ASCII)
_ADDRESSEE: Final = re.compile(rf"{_ADDRESS.pattern}(?:에게|께|한테|으?로)?", re.ASCII)
# What only orders an e-mail, or names whom it is for.
_ORDER: Final = re.compile(
    r"(?:이?메일|e-?mail)\S{0,2}\s*(?:좀|하나|한 ?통)?\s*(?:써|작성|보내|적어|만들)\S*(?:\s(?:줘|주세요|줄래)\S*)?|"
    r"[가-힣]{1,10}(?:에게|께|한테)(?=\s)|"
    r"^\W*(?:please\s+)?(?:(?:draft|write|send|compose|prepare)\s+)?(?:me\s+)?(?:an?\s+|the\s+)?e-?mail(?:\s+to\s+\S+)?|"
    r"\bto\s+\S+@\S+",
    re.I,
)
_ABOUT: Final = re.compile(
    r"^(?:about|regarding|on|for)\s+|\s*(?:건으로|에 ?대해서?|에 ?관해서?|관련해서?|(?:으)?로|을|를)$", re.I
)
_NO_FILE_NAME: Final = re.compile(r"[^\w.-]+")
_LONGEST_SUBJECT: Final = 80


def drafted(request: str, results: str, language: Language, *, sender: str) -> dict[str, str]:
    """`to` ("" when no address was said), `subject` and `body`."""
    say = WORDS[language]
    topic = _topic(request)
    body = results.strip() or (say["about"].format(topic=topic) if topic else say["blank"])
    to = list(dict.fromkeys(match[0] for match in _ADDRESS.finditer(request)))
    return {
        "to": ", ".join(to),
        "subject": topic or say["no_subject"],
        "body": say["letter"].format(body=body, sender=one_line(sender)),
    }


def addresses_in(text: str) -> tuple[Address, ...] | None:
    """The addresses of a `To` line, parted by commas; None when one of them is none."""
    parts = [part.strip() for part in re.split(r"[,;]", text) if part.strip()]
    if not parts or not all(_ADDRESS.fullmatch(part) for part in parts):
        return None
    return tuple(Address(addr_spec=part) for part in parts)


def file_name(subject: str, today: date) -> str:
    stem = _NO_FILE_NAME.sub("-", subject).strip("-.")[:60] or "mail"
    return f"{today.isoformat()}-{stem}.eml"


def _topic(request: str) -> str:
    bare = one_line(_ORDER.sub(" ", one_line(_ADDRESSEE.sub(" ", _ORDER.sub(" ", request)))))
    return _ABOUT.sub("", bare).strip(" .,!?:")[:_LONGEST_SUBJECT]
