"""Which mind thinks: the offline one, or one with language models. Nothing of the latter is imported for the former."""

from collections.abc import MutableMapping
from typing import TYPE_CHECKING

from octo_cli.reasoning.base import Reasoner, Warn
from octo_cli.reasoning.offline import Offline
from octo_cli.settings import OFFLINE, ModelSettings
from octo_cli.wire.work import Usage

if TYPE_CHECKING:
    from octo_cli.reasoning.models import AnswerCache, KeyFor


def open_mind(
    settings: ModelSettings,
    *,
    key_for: "KeyFor",
    warn: Warn,
    cache: "AnswerCache | None",
    spent: MutableMapping[str, Usage],
) -> Reasoner:
    """The mind for one run. Nothing is asked, opened or looked up yet: a missing key is found by the first question."""
    offline = Offline()
    if settings.name == OFFLINE:
        return offline
    from octo_cli.reasoning.llm import LanguageMind
    from octo_cli.reasoning.models import LanguageModels

    models = LanguageModels(settings, key_for=key_for, warn=warn, cache=cache, spent=spent)
    return LanguageMind(models, offline, warn)
