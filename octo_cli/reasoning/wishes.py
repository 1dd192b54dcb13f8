"""What a person says to the memory itself: keep this, forget that, what do you remember? And what of it answers them.

Only what surely is such a wish counts as one; anything else goes its usual way. Nothing is kept or forgotten here.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from octo_cli.reasoning.base import Request
from octo_cli.reasoning.cards import addressed
from octo_cli.values.patterns import lazy
from octo_cli.values.text import one_line
from octo_cli.wire.memory import Fact, Wish
from octo_cli.wire.work import Message

T = TypeVar("T")

# A longer text is a paste, and what it says it does not say to the memory.
LONGEST_WISH: Final = 2000
# How much of a question must be found again in a text for that to be its answer.
_ALIKE: Final = 0.5

# None of this, and nothing is to be kept or forgotten: what is looked at most often is whole conversations.
_CUE: Final = lazy(r"기억해|잊|remember|forget|keep\s", re.I)
_DO: Final = r"\s?(?:줘|줘요|줄래|주세요|주십시오|주라|둬|둬요|두세요|두십시오|다오|요)?"
_SURE: Final = r"(?:(?:이거|이걸|이것|이것을|이 ?점|꼭|잘|부디|다음을?|앞으로)\s+)*"
_KEEP: Final = lazy(
    rf"^\W*{_SURE}(?:기억해{_DO}|잊지\s?(?:마|말아)(?:요|세요|줘)?)\s*[:：,]\s*(?P<colon>\S.*)$"
    rf"|^(?P<told>[^\n]{{2,}}다)(?:고|는\s?(?:것|걸|거|점)[을도]?)?[,.]?\s+{_SURE}기억해{_DO}[.!]*$"
    rf"|^(?P<called>[^\n]{{2,}}?)(?:이?라고|이?라는\s?(?:것|걸|거|점)[을도]?)\s+{_SURE}기억해{_DO}[.!]*$"
    rf"|^(?P<before>[^\n]{{2,}}?)[,.!;]\s*{_SURE}기억해{_DO}[.!]*$"
    r"|^\W*(?:please\s+|(?:can|could)\s+you\s+)?(?:remember|keep\s+in\s+mind)(?:\s+(?:this|that|the\s+following))?"
    r"(?:\s*[:,]\s*|(?<=that)\s+)(?P<after>[^\s?][^?]*)$"
    r"|^\W*(?:please\s+)?(?:do\s?n[o'’]?t|do\s+not|never)\s+forget(?:\s+that\s+|\s*:\s*)(?P<never>[^?]+)$"
    r"|^(?P<this>[^\n?]{2,}?)[,.!;]\s*(?:and\s+)?(?:please\s+)?(?:remember\s+(?:this|that|it)|keep\s+(?:this|that|it)\s+in\s+mind)[.!]*$",
    re.I | re.S,
)
_FORGET: Final = lazy(
    rf"^\W*{_SURE}잊어(?:\s?버려)?{_DO}\s*[:：,]\s*(?P<colon>\S.*)$"
    rf"|^(?P<before>[^\n]{{2,}}?)(?:(?:다|라)는\s?(?:것|걸|거|점|말|사실))?(?:은|는|을|를|도)?\s+"
    rf"(?:이제\s+|그만\s+)*잊어(?:\s?버려)?{_DO}[.!]*$"
    r"|^\W*(?:please\s+)?forget(?:\s*[:,]\s*|\s+(?:that|the\s+fact\s+that)\s+)(?P<after>[^?]+)$",
    re.I | re.S,
)
_RECALL: Final = lazy(
    r"기억(?:나|하|해|하고\s?있)[가-힣 ]{0,6}\s*[?？]|(?:뭘|뭐|무엇을?|어떤\s?걸)\s*기억(?:하|해)"
    r"|^(?=.*(?:뭐|뭘|무엇|어디|언제|누구|얼마|몇|무슨|어떤))"
    r"(?:내|나|제|저|우리|지난|저번|전에|예전)[^\n]*(?:[였었했]지|[였었했랬댔]더라|다고\s?했[지나더]\S?|[랬댔]지)\W*$"
    r"|\bwhat\s+(?:do|can)\s+you\s+(?:remember|know\s+about\s+me)\b|^\W*do\s+you\s+(?:still\s+)?remember\b"
    r"|\bwhat\s+did\s+i\s+(?:tell|say|ask)\b|^\W*(?:did|have)\s+i\s+(?:ever\s+)?(?:tell|told|say|said|mention)",
    re.I,
)
# A question about oneself: the memory answers it if it can, and whoever else would have if not.
_ABOUT_ME: Final = lazy(
    r"^\W*(?:내|제|나의|저의|나는?|내가|저는|제가)\s[^\n]*(?:뭐|뭘|무엇|어디|언제|누구|얼마|몇|무슨|어떤)"
    r"|^\W*(?:what(?:'s|’s|\s+is|\s+was|\s+are)\s+my|where\s+(?:do|did)\s+i|when(?:'s|\s+is)\s+my|who(?:'s|\s+is)\s+my|"
    r"(?:what|which)\s+\w+\s+do\s+i|who\s+am\s+i)\b",
    re.I,
)
# Words that only ask, or only say who is meant.
_EMPTY: Final = lazy(
    r"(?:나|내|저|제|우리|너|네)(?:가|는|의|를|게|에|에게|한테)?|(?:뭐|뭘|뭔|무엇|어디|언제|누구|누가|얼마|무슨|어떤|몇)[가-힣]*|"
    r"기억[가-힣]*|대해서?|대한|대하여|관해서?|전에|지난번[가-힣]*|저번[가-힣]*|예전[가-힣]*|있[가-힣]*|했[가-힣]*|"
    r"what|where|when|who|which|how|do|did|does|is|was|are|am|i|me|my|you|your|remember|know|about|tell|told|say|said|the|an?|"
    r"have|ever|still|that|to|s|of|for|in|on",
    re.I,
)
_WORD: Final = lazy(r"[a-z0-9]+|[가-힣]+", re.I)


def wish_in(request: Request) -> Wish | None:
    """What the request wants of the memory; None when it is about something else, or not surely about that."""
    if request.chosen or addressed(request):
        return None
    text = request.text.strip()
    if (wish := sure_wish(text)) or "\n" in text or not _ABOUT_ME.match(text):
        return wish
    known = request.memory and any(likeness(text, fact.text) >= _ALIKE for fact in request.memory.facts)
    return Wish("recall", (text,)) if known else None


def sure_wish(text: str) -> Wish | None:
    """What a text wants of the memory whatever that holds."""
    if len(text) > LONGEST_WISH:
        return None
    if not text.endswith(("?", "？")) and _CUE.search(text):
        if kept := _said(_KEEP.match(text)):
            return Wish("keep", tuple(kept))
        if dropped := _said(_FORGET.match(text)):
            return Wish("forget", tuple(dropped))
    return Wish("recall", (text,)) if "\n" not in text and _RECALL.search(text) else None


def without_wishes(said: Sequence[Message]) -> list[Message]:
    """A conversation without what was said to the memory itself: a fact comes as one, and a forgotten one never."""
    kept: list[Message] = []
    wished = False
    for message in said:
        if message.speaker == "user":
            wished = sure_wish(message.text.strip()) is not None
        if not wished:
            kept.append(message)
    return kept


def meant(text: str, facts: Sequence[Fact]) -> list[Fact]:
    """The facts that `text` may mean: one in the same words alone, else those that have all of its words."""
    same = one_line(text).casefold().rstrip(".! ")
    exact = [fact for fact in facts if same in (fact.fact_id, one_line(fact.text).casefold().rstrip(".! "))]
    return exact or [fact for fact in facts if likeness(text, fact.text) == 1.0]


def likest(question: str, texts: Sequence[tuple[str, T]], most: int) -> list[T]:
    """What answers a question best, among texts that share at least half of its words; the earlier wins a tie."""
    scored = [(likeness(question, text), item) for text, item in texts]
    best = max((score for score, _ in scored), default=0.0)
    if best < _ALIKE:
        return []
    return [item for score, item in scored if score == best][:most]


def likeness(question: str, text: str) -> float:
    """The share of the question's words, in pairs of syllables, that the text has; 0 for one that only asks."""
    wanted = set(_pieces(question))
    found = text.casefold()
    return sum(piece in found for piece in wanted) / len(wanted) if wanted else 0.0


def _pieces(text: str) -> Iterator[str]:
    """Words, Korean ones as pairs of syllables: a particle at the end of a word may then differ."""
    for word in _WORD.findall(text.casefold()):
        if _EMPTY.fullmatch(word):
            continue
        if not "가" <= word[0] <= "힣":
            yield word
        elif len(word) > 1:
            # The last pair of a longer word is most often its particle's.
            yield from (word[at : at + 2] for at in range(max(1, len(word) - 2)))


def _said(match: re.Match[str] | None) -> list[str]:
    """What is to be kept or forgotten, a line each."""
    if match is None:
        return []
    text = next((found for found in match.groups() if found), "")
    return [line for part in text.splitlines() if (line := one_line(part).strip(" -*·,"))]
