"""A model's remarks on a draft, beside those of the rules. None can hold a document up, each says what it rests on."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from octo_cli.i18n import words
from octo_cli.reasoning.base import MODEL_RULE, Models, Paper
from octo_cli.reasoning.llm import prompts, shapes
from octo_cli.values.text import one_line
from octo_cli.wire.forms import Issue
from octo_cli.wire.work import Language

Found = Mapping[str, tuple[Issue, ...]]

LONGEST_REMARK: Final = 400
LONGEST_QUOTE: Final = 120


async def review(models: Models, paper: Paper, text: str, found: Found, language: Language) -> Found:
    """`found`, the rules' remarks, with the model's after them."""
    asked = prompts.about(
        prompts.REVIEW.format(most=shapes.MOST_REMARKS),
        language=language,
        draft=text,
        fields={spec.name: spec.label[language] for spec in paper.fields},
        known=[issue.message for issues in found.values() for issue in issues],
        sources=sorted(paper.sources),
    )
    shape = shapes.remarks(tuple(spec.name for spec in paper.fields))
    answer = await models.structured("planner", asked, shape, name="Remarks")
    joined = dict(found)
    for remark in _sound(answer.remarks):
        if ref := _source(remark, text, paper.sources, language):
            issue = Issue(remark.level, MODEL_RULE, one_line(remark.message)[:LONGEST_REMARK], ref)
            joined[remark.field] = (*joined.get(remark.field, ()), issue)
    return joined


def _sound(remarks: Iterable[shapes.Remark]) -> list[shapes.Remark]:
    return [remark for remark in remarks if one_line(remark.message)][: shapes.MOST_REMARKS]


def _source(remark: shapes.Remark, text: str, sources: Collection[str], language: Language) -> str | None:
    """What a remark rests on: a statute, marked as unverified if no rule knows it, or the words it is about."""
    if statute := one_line(remark.statute or ""):
        known = next((source for source in sorted(sources) if _names(source, statute)), None)
        return known or words(language)("mind.unverified", source=statute[:LONGEST_QUOTE])
    quote = one_line(remark.quote)
    return f"“{quote[:LONGEST_QUOTE]}”" if len(quote) > 1 and quote in one_line(text) else None


def _names(source: str, statute: str) -> bool:
    """Whether a known source is this very statute and article; 제7조 is not 제7조의2."""
    pattern = re.escape(re.sub(r"[\s「」]", "", statute)) + r"(?!의?\d)"
    return re.search(pattern, re.sub(r"[\s「」]", "", source)) is not None
