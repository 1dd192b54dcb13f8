"""Forms: what may be asked, how a question looks on the wire, and what an answer may say."""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import force_setattr

Level = Literal["error", "warning", "info"]
Provenance = Literal["extracted", "user", "default", "llm", "imported", "none"]
QuestionType = Literal[
    "collaboration_required",
    "approval_required",
    "tool_approval_required",
    "clarification_required",
    "plan_review_required",
]
Action = Literal["submit", "approve", "reject", "revise", "back", "defer", "edit"]
OnTimeout = Literal["defer", "reject"]


class Issue(Struct, frozen=True):
    """A remark on a field. `rule` names the check ("L4"), `ref` the statute or practice it rests on."""

    level: Level
    rule: str
    message: str
    ref: str | None = None


class Choice(Struct, frozen=True):
    value: str
    label: dict[str, str]


class FieldSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """A field of a document type, as its `type.toml` declares it.

    `required`, `when`, `default` and `computed` may be Jinja expressions over the other fields' values, `today` (date)
    and `language`. `when`: shown and printed only if true, the value is kept otherwise. `default` is recomputed while
    nobody gave a value; `computed` likewise, and marks a value that follows from others. `main` fields come first.
    """

    name: str
    type: str
    label: dict[str, str]
    required: bool | str = False
    when: str | None = None
    default: Any = None
    computed: str | None = None
    choices: tuple[Choice, ...] = ()
    help: dict[str, str] = field(default_factory=dict)
    example: str | None = None
    aliases: tuple[str, ...] = ()
    group: str = ""
    main: bool = False
    minimum: int | None = None
    maximum: int | None = None
    warn_below: int | None = None


class Slot(Struct, frozen=True, forbid_unknown_fields=True):
    """A clause whose wording a document type leaves open to a model, as its `type.toml` declares it.

    `about` says by language what the clause is for, `fields` which values it may look at and stand in for, `longest`
    how many characters it may have. `when` is an expression over the fields: there is nothing to word unless it holds.
    """

    name: str
    about: dict[str, str]
    fields: tuple[str, ...]
    when: bool | str = True
    longest: int = 400


class FieldValue(Struct, frozen=True):
    """A value and where it came from. `value` is JSON: won → int, date → "2027-03-01", period → months as int,
    day → 1..31 or "last", bool, choice → its value, list → list of str, everything else str; None is blank.

    `span` is where in the request it was read (character offsets, end exclusive), `confidence` in 0..1; `other` is what
    a second reader took the same field for. A value that a person gave or confirmed is never overwritten by
    `extracted`, `default` or `llm`.
    """

    value: Any = None
    raw: str = ""
    provenance: Provenance = "none"
    confirmed: bool = False
    confidence: float | None = None
    span: tuple[int, int] | None = None
    note: str | None = None
    other: Any = None


class Proposal(Struct, frozen=True):
    """A value read from a text for one field, never more than a proposal.

    `note` is a catalogue key under `extract.` when a person should look twice (for example "elliptic_amount",
    "foreign_currency"); `value` is None when something was found that cannot be taken as it stands.
    `provenance` "llm" is a value only a language model read. `agreed`: rules and model read the same; `other` is the
    model's value where they differ.
    """

    field: str
    value: Any
    raw: str
    span: tuple[int, int]
    confidence: float
    note: str | None = None
    provenance: Provenance = "extracted"
    agreed: bool = False
    other: Any = None


class FormField(Struct, frozen=True):
    """A field inside a question. `choices` are the accepted values; `choice_labels` say them for a reader."""

    name: str
    label: str
    type: str
    required: bool
    value: Any = None
    display: str = ""
    provenance: Provenance = "none"
    confirmed: bool = False
    choices: tuple[str, ...] | None = None
    choice_labels: tuple[str, ...] | None = None
    help: str = ""
    issues: tuple[Issue, ...] = ()


class Question(Struct, frozen=True):
    """A pause: what is asked, of which document or tool, and what may be answered. `id` is LangGraph's interrupt id.

    `tool` is there only when a tool is about to run.
    """

    id: str
    type: QuestionType
    thread_id: str
    step_id: str
    agent: str
    title: str
    message: str
    document_id: str | None = None
    document_type: str | None = None
    base_revision: int | None = None
    doc_hash: str | None = None
    fields: tuple[FormField, ...] = ()
    editable_fields: tuple[str, ...] = ()
    preview: str = ""
    actions: tuple[Action, ...] = ("submit", "defer")
    created_at: str = ""
    expires_at: str | None = None
    on_timeout: OnTimeout = "defer"
    tool: str | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        # A question that an older Octo put says null.
        if self.tool is None:
            force_setattr(self, "tool", UNSET)


class Answer(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An answer to one question. Which members count depends on `action`; the contract's section 4 lists them.

    `scope` "run" approves a tool for the rest of the run, not for this call alone.
    """

    action: Action
    fields: dict[str, Any] = field(default_factory=dict)
    base_revision: int | None = None
    doc_hash: str | None = None
    feedback: str | None = None
    reason: str | None = None
    to: str | None = None
    args: dict[str, Any] | None = None
    scope: Literal["once", "run"] = "once"
