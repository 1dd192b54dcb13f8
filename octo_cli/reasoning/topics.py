"""What a search is for: the request's words without those that only ask for it."""

import re
from typing import Final

from octo_cli.values.patterns import lazy

_ASKING: Final = lazy(
    r"(?:에|와|과)?\s?(?:대해서?|대하여|관해서?|관하여|관한|관련된?|관련해서?)(?=\s|$)|(?<=[가-힣A-Za-z0-9])에\s?(?:대한|대해서?|대하여|관한|관해서?)(?![가-힣])|"
    r"(?:자세히|간단히|간략히|쉽게|좀|혹시|제발|그리고|한번|빨리)(?![가-힣])|"
    r"(?<![가-힣])(?:내|제|우리|나의)\s(?:문서|노트|메모|파일|폴더|자료)(?:들)?(?:에서|에|중에서|에 있는)?(?![가-힣])|"
    r"(?:알려|가르쳐|설명해|찾아|검색해|조회해|조사해|알아|보여|말해|얘기해|정리해|요약해)\s?\S{0,8}|"
    r"(?<![가-힣])(?:설명|검색|조사|조회)(?:을|를)?(?:\s?(?:부탁|좀|해|하|요)\S{0,6})?(?=\s|[?？.!]|$)|"
    r"(?:이|가|은|는|란|이란)?\s?(?:뭐야|뭐예요|뭐에요|뭔가요|뭐지|뭔지|뭐죠|뭐니|무엇인가요?|무엇인지|무엇입니까|무슨\s뜻\S{0,5}|무슨\s말\S{0,5})|"
    r"(?<![가-힣])(?:언제|어디|누가|누구|왜|어떻게|어떤|무엇|무슨|뭐|얼마|몇)(?:까지|부터|에서|서|나|를|을|에|으로|로|가|인가요|인지)?(?![가-힣])|"
    r"궁금\S{0,8}|알고\s?싶\S{0,5}|(?<![가-힣])내용(?:을|은|이)?(?=\s|[.!?]|$)"
)
# Verbs that only carry a question: "해야 하나요", "할 수 있어?", "되나요", "있나요".
_CARRYING: Final = lazy(
    r"(?<![가-힣])(?:해야|하면|할|될|쓸|받을|수|하는|되는|있는|없는|된|한|게|것|건|걸)?\s?"
    r"(?:하나요|할까요|되나요|되는지|하는지|인가요|있나요|없나요|있어요?|없어요?|돼요?|해요?|되지|하지|할까|될까|일까요?|나요|합니까|됩니까|있습니까|인지)(?![가-힣])|"
    r"(?<![가-힣])(?:해야|할|될|쓸|수|하는)(?![가-힣])"
)
_ASKING_EN: Final = lazy(
    r"^\W*(?:please\s+|can\s+you\s+|could\s+you\s+|would\s+you\s+|i\s+want\s+to\s+know\s+|i\s+wonder\s+)*"
    r"(?:please\s+)?(?:tell\s+me\s+(?:more\s+)?about|tell\s+me|explain(?:\s+to\s+me)?|describe|define|search(?:\s+my\s+\w+)?(?:\s+for)?|"
    r"find(?:\s+me)?|look\s+up|look\s+for|research|show\s+me|about|what\s+(?:is|are|does|do|was|were)|what's|who\s+(?:is|was|are)|"
    r"how\s+(?:do|does|can|should|is|are)\s*(?:i|we|you|one)?|when\s+(?:is|are|do|does|must|should)\s*(?:i|we|you)?|"
    r"where\s+(?:is|are|do|does|can)\s*(?:i|we|you)?|why\s+(?:is|are|do|does)|which|is|are|do|does|can|should|must)\s+"
    r"(?:about\s+)?(?:an?\s+|the\s+|any\s+|some\s+)?",
    re.I,
)
_TRAILING_EN: Final = lazy(r"\s+(?:in|from|within)\s+(?:my|our)\s+(?:notes|files|documents|folders?)|,?\s*please", re.I)
_PARTICLE: Final = lazy(r"(?<=[가-힣]{2})(?:은|는|이|가|을|를|에서|에게|이란|란|도|만)$")
# A phrase in quotes is to be found as it stands, so it keeps them, and a dash that leaves it out.
_PHRASE: Final = re.compile(
    r"""(-?(?:"[^"\s]+\s[^"]*"|“[^“”\s]+\s[^“”]*”))(?:(?:은|는|이|가|을|를|에서|이란|란|도|만)(?![가-힣]))?"""
)
_LONGEST: Final = 2000


def topic_of(text: str) -> str:
    """The topic in few words ("파이썬에 대해 알려주세요" → "파이썬"); the text itself when nothing else is left."""
    clipped = " ".join(text[:_LONGEST].split())
    bare = _TRAILING_EN.sub("", _ASKING_EN.sub("", clipped, count=1))
    bare = _CARRYING.sub(" ", _ASKING.sub(" ", bare))
    pieces = _PHRASE.split(bare)
    # Every second piece is a phrase.
    words = [word for at, piece in enumerate(pieces) for word in ([piece] if at % 2 else _bare_words(piece))]
    return " ".join(words) or clipped


def _bare_words(text: str) -> list[str]:
    words = (_PARTICLE.sub("", word.strip(" ?？!.,~'\"“”‘’()")) for word in text.split())
    return [word for word in words if word]
