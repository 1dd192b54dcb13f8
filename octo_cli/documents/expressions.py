"""The small language of a `type.toml`: Jinja's expression syntax over a document's values. No statements, no Python.

Blank in, blank out: arithmetic, comparisons of order and functions of a blank (None) are blank; no guards are needed.
Only names, constants, operators and the tables below exist: a user's folder can compute and can do nothing else.
"""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from octo_cli.documents.fields import BLANK, FIELD_TYPES, plain
from octo_cli.values.contact import has_rrn
from octo_cli.values.dates import months_between, term_end

if TYPE_CHECKING:
    from jinja2 import Environment, nodes

Scope = Mapping[str, Any]


class BrokenExpression(ValueError):
    """The text is no expression of this language; the message says why, in English, for the author of the folder."""


class Formula:
    """One expression, parsed once: `Formula("deposit - down_payment")(scope)`.

    `names` are the values it looks at; `laws` the entries of `law.toml` among them.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self._root = _parse_expression(source)
        self.names = frozenset(_names(self._root))
        self.laws = frozenset(_laws(self._root))

    def __call__(self, scope: Scope) -> Any:
        return _evaluated(self._root, scope)


class Sentence:
    """A text with `{{ expressions }}` in it, parsed once; blanks print as `____`."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._parts = tuple(_parse_sentence(source))
        self.names = frozenset(name for part in self._parts for name in _names(part))
        self.laws = frozenset(law for part in self._parts for law in _laws(part))

    def __call__(self, scope: Scope) -> str:
        return "".join(_printed(_evaluated(part, scope)) for part in self._parts)


formula = cache(Formula)
sentence = cache(Sentence)


def holds(condition: bool | str, scope: Scope) -> bool:
    """Whether a condition as `type.toml` writes it (true, false or an expression) is true."""
    return condition if isinstance(condition, bool) else bool(formula(condition)(scope))


def _parse_expression(source: str) -> "nodes.Expr":
    from jinja2 import TemplateSyntaxError
    from jinja2.parser import Parser

    try:
        parser = Parser(_syntax(), source, state="variable")
        root = parser.parse_expression()
        if not parser.stream.eos:
            raise BrokenExpression(f"{source!r}: something follows the expression")
    except TemplateSyntaxError as exc:
        raise BrokenExpression(f"{source!r}: {exc.message}") from exc
    _check(root, source)
    return root


def _parse_sentence(source: str) -> Iterator["nodes.Node"]:
    from jinja2 import TemplateSyntaxError

    try:
        template = _syntax().parse(source)
    except TemplateSyntaxError as exc:
        raise BrokenExpression(f"{source!r}: {exc.message}") from exc
    for part in template.body:
        if type(part).__name__ != "Output":
            raise BrokenExpression(f"{source!r}: a sentence takes expressions only")
        for node in part.iter_child_nodes():
            _check(node, source)
            yield node


@cache
def _syntax() -> "Environment":
    """Jinja, for its parser only."""
    from jinja2 import Environment

    return Environment(autoescape=False)


def _check(root: "nodes.Node", source: str) -> None:
    for node in _walk(root):
        kind = type(node).__name__
        if kind != "Operand" and kind not in _EVALUATORS:
            raise BrokenExpression(f"{source!r}: {kind} is not part of the language")
        if kind == "Call" and _function_name(node) not in FUNCTIONS:
            raise BrokenExpression(f"{source!r}: no such function; there are {', '.join(sorted(FUNCTIONS))}")
        if kind == "Filter" and node.name not in FIELD_TYPES:
            raise BrokenExpression(f"{source!r}: no filter {node.name!r}; there are {', '.join(sorted(FIELD_TYPES))}")


def _walk(root: Any) -> Iterator[Any]:
    """A node and everything below it but the names of functions."""
    yield root
    for child in root.iter_child_nodes(exclude=["node"] if type(root).__name__ == "Call" else None):
        yield from _walk(child)


def _function_name(call: "nodes.Call") -> str:
    return getattr(call.node, "name", "")


def _names(root: "nodes.Node") -> Iterator[str]:
    return (node.name for node in _walk(root) if type(node).__name__ == "Name")


def _laws(root: "nodes.Node") -> Iterator[str]:
    getters = (node for node in _walk(root) if type(node).__name__ == "Getattr")
    return (node.attr for node in getters if getattr(node.node, "name", "") == "law")


def _printed(value: Any) -> str:
    return BLANK if value is None or value == "" else str(value)


# Evaluation: one line a node.


def _evaluated(node: "nodes.Node", scope: Scope) -> Any:
    try:
        return _value(node, scope)
    except (TypeError, ValueError, ArithmeticError):
        return None  # values that do not fit together (a date past year 9999, a text among numbers) say nothing


def _value(node: "nodes.Node", scope: Scope) -> Any:
    return _EVALUATORS[type(node).__name__](node, scope)


def _binary(apply: Callable[[Any, Any], Any]) -> Callable[[Any, Scope], Any]:
    def evaluate(node: Any, scope: Scope) -> Any:
        left, right = _value(node.left, scope), _value(node.right, scope)
        return None if left is None or right is None else apply(left, right)

    return evaluate


def _compare(node: "nodes.Compare", scope: Scope) -> Any:
    left = _value(node.expr, scope)
    for operand in node.ops:
        right = _value(operand.expr, scope)
        if operand.op in _ORDER and (left is None or right is None):
            return None
        if not (_ORDER | _EQUALITY)[operand.op](left, right):
            return False
        left = right
    return True


def _member(holder: Any, key: Any) -> Any:
    return holder.get(key) if isinstance(holder, Mapping) else None


def _call(node: "nodes.Call", scope: Scope) -> Any:
    return FUNCTIONS[_function_name(node)](*(_value(arg, scope) for arg in node.args))


def _filter(node: "nodes.Filter", scope: Scope) -> str:
    value = None if node.node is None else _value(node.node, scope)
    return FIELD_TYPES[node.name].show(plain(value), scope["language"])


_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}
_EQUALITY: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "in": lambda item, holder: item in (holder or ()),
    "notin": lambda item, holder: item not in (holder or ()),
}
_EVALUATORS: Final[dict[str, Callable[[Any, Scope], Any]]] = {
    "TemplateData": lambda node, _: node.data,
    "Const": lambda node, _: node.value,
    "Name": lambda node, scope: scope.get(node.name),
    "List": lambda node, scope: [_value(item, scope) for item in node.items],
    "Getattr": lambda node, scope: _member(_value(node.node, scope), node.attr),
    "Compare": _compare,
    "And": lambda node, scope: _value(node.left, scope) and _value(node.right, scope),
    "Or": lambda node, scope: _value(node.left, scope) or _value(node.right, scope),
    "Not": lambda node, scope: not _value(node.node, scope),
    "CondExpr": lambda node, scope: (
        _value(node.expr1, scope) if _value(node.test, scope) else node.expr2 and _value(node.expr2, scope)
    ),
    "Neg": lambda node, scope: _of_given(operator.neg)(_value(node.node, scope)),
    "Add": _binary(operator.add),
    "Sub": _binary(operator.sub),
    "Mul": _binary(operator.mul),
    "Div": _binary(operator.truediv),
    "FloorDiv": _binary(operator.floordiv),
    "Concat": lambda node, scope: "".join(_printed(_value(part, scope)) for part in node.nodes),
    "Call": _call,
    "Filter": _filter,
}


# Functions.


def _of_given(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, but blank when any argument is."""
    return lambda *arguments: None if None in arguments else function(*arguments)


def _given(items: Iterable[Any]) -> list[Any]:
    return [item for item in items if item is not None]


def _mentions(text: str | list[str] | None, pattern: str) -> bool:
    """Whether a line of a text, or of one of several, has the regular expression in it; case does not count."""
    texts = text if isinstance(text, list) else [text or ""]
    lines = (line for each in texts for line in each.split("\n"))
    return any(re.search(pattern, line, re.IGNORECASE) for line in lines)


def _band(bands: list[Mapping[str, Any]], amount: Any) -> Mapping[str, Any] | None:
    """The first band whose `below` the amount stays under; a band without `below` takes the rest."""
    return next((band for band in bands if "below" not in band or amount < band["below"]), None)


def _place(bands: list[Mapping[str, Any]], address: str) -> Mapping[str, Any] | None:
    """The first band whose `places` (a regular expression) the address fits."""
    return next((band for band in bands if re.search(band["places"], address)), None)


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "term_end": _of_given(term_end),
    "months_between": _of_given(months_between),
    "days_after": _of_given(lambda day, days: day + timedelta(days=days)),
    "earliest": lambda *days: min(_given(days), default=None),
    "latest": lambda *days: max(_given(days), default=None),
    "total": lambda *amounts: sum(_given(amounts)),
    "least": _of_given(min),
    "whole": _of_given(int),
    "mentions": _mentions,
    "band": _of_given(_band),
    "place": _of_given(_place),
    "has_rrn": _of_given(lambda value: any(has_rrn(each) for each in ([value] if isinstance(value, str) else value))),
    "is_date": lambda value: isinstance(value, date),
}
