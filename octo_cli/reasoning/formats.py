"""The format of an answer, as a request names it in words. Which formats there are is not known here."""

import re
from typing import Final

from octo_cli.values.patterns import lazy

_REPORT: Final = lazy(
    r"(?:보고서|리포트)(?:로|를|을|도)?\s*(?:(?:형식|형태)?으?로\s*)?(?:써|쓰|작성|만들|정리|뽑|내\s?줘|부탁|해\s?줘)|"
    r"\b(?:as|into|in)\s+(?:an?\s+)?(?:\w+\s+)?report\b|"
    r"\b(?:write|make|prepare|produce|create|draw\s+up|draft)\s+(?:\w+\s+){0,3}report\b",
    re.I,
)
# The same at the end of a request, with all that belongs to it; "보고서 정리해줘" may be about a report there is.
_AT_THE_END: Final = lazy(
    r"[,\s]*(?:(?:그리고|그걸|그것을|이걸|결과를|내용을)\s+)*(?:보고서|리포트)"
    r"(?:\s*(?:형식|형태)?으?로\s*(?:써|쓰|작성|만들|정리|뽑|내|부탁|해)|(?:를|을|도)?\s*(?:써|쓰|작성|만들|뽑))"
    r"[가-힣]*(?:\s?(?:줘요?|주세요|주십시오|줄래요?|드려|봐))?[.!?\s]*$|"
    r",?\s*(?:\b(?:and|then)\s+)*(?:\b(?:write|make|prepare|produce|create|present|show|put|turn)\s+"
    r"(?:(?:it|them|that|this|everything|the\s+results?)\s+)*(?:up\s+)?(?:as|in(?:to)?)|\bas)"
    r"\s+an?\s+(?:\w+\s+)?report[.!?\s]*$|"
    r",?\s*\b(?:and|then)\s+(?:then\s+)?(?:write|make|prepare|produce|create|draft)\s+(?:\w+\s+){0,3}report[.!?\s]*$",
    re.I,
)
# Characters.
_LONGEST_END: Final = 80


def format_in(text: str) -> str | None:
    """The format that a request names: "report", or none."""
    return "report" if _REPORT.search(text) else None


def without_format(text: str) -> str:
    """What is asked, without the format if that stands at the end; all of it if nothing else is."""
    return text[:-_LONGEST_END] + _AT_THE_END.sub("", text[-_LONGEST_END:]) or text
