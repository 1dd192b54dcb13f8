"""Answers of a shape: the JSON schema a provider takes for a msgspec Struct, and how an answer is read back."""

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

T = TypeVar("T")
# Where an answer of a shape says, in its `response_metadata`, which model of the chain gave it by which method.
ANSWERED: Final = "octo_answered"
# What the strict mode of providers refuses, or what says nothing to a model.
_DROPPED: Final = frozenset({"discriminator", "default", "title"})


class Shape(NamedTuple):
    """A schema as a provider takes it. A map with keys of its own cannot be `strict`."""

    name: str
    schema: dict[str, Any]
    strict: bool


def shape_of(kind: type[Any], name: str) -> Shape:
    """The schema of the Struct `kind`, its root inlined, under the name a model is told."""
    whole = msgspec.json.schema(kind)
    known = whole.get("$defs", {})
    root = known.pop(whole["$ref"].rpartition("/")[2]) if "$ref" in whole else whole
    schema = _strict({**root, "$defs": known} if known else root)
    return Shape(name, {"title": name, "description": root.get("description") or name, **schema}, not _open(schema))


def _strict(schema: Any) -> Any:
    """`schema` with every property required and no other allowed, as strict modes want it."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _strict(value) for key, value in schema.items() if key not in _DROPPED}
    if "properties" not in schema:
        return kept
    # The names of properties are not keywords.
    properties = {name: _strict(value) for name, value in schema["properties"].items()}
    return {**kept, "properties": properties, "required": list(properties), "additionalProperties": False}


def _open(schema: Any) -> bool:
    """Whether some object in it has keys that are not named."""
    if isinstance(schema, list):
        return any(map(_open, schema))
    if not isinstance(schema, dict):
        return False
    unnamed = schema.get("type") == "object" and "properties" not in schema
    return unnamed or any(map(_open, schema.values()))


def answer_text(answer: "AIMessage") -> str:
    """The JSON of an answer, wherever the model put it: a tool call, a broken one, the text, or a fence in the text."""
    if answer.tool_calls:
        return msgspec.json.encode(answer.tool_calls[0]["args"]).decode()
    if answer.invalid_tool_calls:
        return answer.invalid_tool_calls[0]["args"] or ""
    text = answer.text.strip()
    if text.startswith("```"):
        text = text.partition("\n")[2].rpartition("```")[0].strip()
    return text


def read(text: str, kind: type[T]) -> T:
    """Raises msgspec.DecodeError (ValidationError is one) for what is no JSON, or not of the shape."""
    return msgspec.json.decode(text, type=kind)
