"""What requests cost: tokens, requests and money by step, and the bounds of a turn. No request is made here."""

from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from octo_cli.errors import ModelError
from octo_cli.reasoning.base import Warn
from octo_cli.settings import ModelSettings
from octo_cli.wire.work import Usage, total

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage

# Requests outside of any step (understanding, planning, the joint answer) are put down under this.
NO_STEP: Final = ""
_step: ContextVar[str] = ContextVar("octo_step", default=NO_STEP)


@contextmanager
def working_on(step_id: str) -> Iterator[None]:
    """Whatever is asked of models within, also in tasks started there, is put down to this step."""
    token = _step.set(step_id)
    try:
        yield
    finally:
        _step.reset(token)


class Meter:
    """One turn's use of models. `spent` (by step id) is what its earlier runs used, and grows as requests are made."""

    def __init__(self, settings: ModelSettings, spent: MutableMapping[str, Usage], warn: Warn) -> None:
        self.settings = settings
        self.spent = spent
        self.warn = warn
        self._unpriced: set[str] = set()

    def usage(self, step_id: str | None = None) -> Usage:
        if step_id is not None:
            return self.spent.get(step_id, Usage(model=self.settings.name))
        return total(self.spent.values()) or Usage(model=self.settings.name)

    def room(self, model: str, prompt: Sequence["BaseMessage"], offered: Sequence[Any] = ()) -> int | None:
        """The tokens an answer to `prompt` may have within the bounds; None without a bound on tokens.

        `offered` is what goes along with the prompt: tools, and the shape of the answer. Raises ModelError
        "budget_reached" when what was spent and the prompt alone, as far as one can tell beforehand, are too much.
        """
        if self.settings.max_tokens is None and self.settings.max_cost is None:
            return None
        from langchain_core.messages.utils import count_tokens_approximately

        expected = count_tokens_approximately(prompt, tools=list(offered) or None)
        spent = self.usage()
        after = spent + self._priced(model, Usage(input_tokens=expected))
        for (flag, used, limit), (_, then, _) in zip(self._bounds(spent), self._bounds(after), strict=True):
            if then >= limit:
                raise ModelError(
                    "budget_reached", flag=flag, limit=_shown(limit), used=_shown(used), needed=_shown(then - used)
                )
        if self.settings.max_tokens is None:
            return None
        return self.settings.max_tokens - after.input_tokens - after.output_tokens

    def add(self, model: str, prompt: Sequence["BaseMessage"], answer: "AIMessage | None") -> None:
        """Put down one request; `answer` is as much of it as came, None when nothing did."""
        before, step_id = self.usage(), _step.get()
        used = self._priced(model, _tokens(prompt, answer))
        self.spent[step_id] = self.spent[step_id] + used if step_id in self.spent else used
        marks = zip(self._bounds(before), self._bounds(self.usage()), strict=True)
        for (_, was, limit), (flag, now, _) in marks:
            mark = limit * self.settings.alert_at
            if was <= limit < now:
                self.warn("budget_over", flag=flag, limit=_shown(limit), used=_shown(now))
            elif was < mark <= now:
                self.warn("budget_near", flag=flag, limit=_shown(limit), used=_shown(now))

    def _bounds(self, usage: Usage) -> list[tuple[str, float, float]]:
        """(flag, used, limit) of each bound that is set."""
        tokens = usage.input_tokens + usage.output_tokens
        bounds = (
            ("--max-tokens", tokens, self.settings.max_tokens),
            ("--max-cost", usage.cost_usd, self.settings.max_cost),
        )
        return [(flag, used, limit) for flag, used, limit in bounds if limit is not None]

    def _priced(self, model: str, usage: Usage) -> Usage:
        from genai_prices import Usage as Tokens
        from genai_prices import calc_price
        from msgspec.structs import replace

        tokens = Tokens(
            input_tokens=usage.input_tokens, cache_read_tokens=usage.cached, output_tokens=usage.output_tokens
        )
        provider, _, name = model.partition(":")
        try:
            cost = float(calc_price(tokens, name, provider_id=provider).total_price)
        except LookupError:
            cost = 0.0
            if self.settings.max_cost is not None and model not in self._unpriced:
                self._unpriced.add(model)
                self.warn("cost_unknown", model=model)
        return replace(usage, model=model, cost_usd=cost)


def _shown(amount: float) -> str:
    """Tokens to the last one; dollars to six digits that tell."""
    return str(amount) if isinstance(amount, int) else f"{amount:g}"


def _tokens(prompt: Sequence["BaseMessage"], answer: "AIMessage | None") -> Usage:
    """As the provider counted, or about so many when it did not, or was cut off before it could."""
    told: Any = answer.usage_metadata if answer is not None else None
    if told is not None:
        cached = (told.get("input_token_details") or {}).get("cache_read") or 0
        return Usage(
            requests=1,
            input_tokens=told["input_tokens"],
            output_tokens=told["output_tokens"],
            cached_tokens=min(cached, told["input_tokens"]) or UNSET,
        )
    if answer is None:
        return Usage(requests=1)
    from langchain_core.messages.utils import count_tokens_approximately

    written = count_tokens_approximately([answer])
    return Usage(requests=1, input_tokens=count_tokens_approximately(prompt), output_tokens=written)
