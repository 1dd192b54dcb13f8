"""The project's pages say what the code does: shapes, exit statuses, events, rooms, links."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

import octo_cli
from octo_cli import errors, outputs, settings
from octo_cli.cli import COMMANDS
from octo_cli.cli.commands import Branch, Entry, answering, build, parameters, result, spending
from octo_cli.cli.commands import shared as shared_options
from octo_cli.supervisor import nodes
from octo_cli.wire import events, forms, work

PROJECT = Path(__file__).resolve().parents[2]
PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")])
CONTRACT = (PROJECT / "docs" / "contract.md").read_text(encoding="utf-8")
HOUSE = (PROJECT / "AGENTS.md").read_text(encoding="utf-8")

EXAMPLES = re.findall(r"<!-- wire\.(\w+)\.(\w+) -->\n```json\n(.*?)^```$", CONTRACT, re.DOTALL | re.MULTILINE)
EVENTS = {struct.__struct_config__.tag: struct for struct in get_args(events.Event)}
# Options that go together stand in the list under one name.
BUNDLES = {
    f"[{name}]": {max(param.opts, key=len) for param in parameters(bundle)}
    for name, bundle in (("answers", answering), ("spending", spending))
}
ALIASES = {min(param.opts, key=len): max(param.opts, key=len) for param in parameters(result)}
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@pytest.mark.parametrize(("room", "word", "example"), EXAMPLES, ids=[word for _, word, _ in EXAMPLES])
def test_an_example_is_what_crosses_the_wire(room: str, word: str, example: str) -> None:
    shape = getattr(import_module(f"octo_cli.wire.{room}"), word)
    shown = json.loads(example)
    assert json_of(msgspec.convert(shown, shape)) == shown


def test_every_shape_has_an_example() -> None:
    cards = {
        "ThreadRecord",
        "TypeCard",
        "AgentCard",
        "ToolRecord",
        "Message",
        "CheckpointRecord",
        "GraphNode",
        "GraphEdge",
    }
    assert {word for _, word, _ in EXAMPLES} == {"Summary", "Problem", "Question", "Answer", *cards}


def test_every_command_is_listed_with_its_own_options() -> None:
    assert dict(listed_commands()) == dict(commands(COMMANDS))


def test_every_code_of_exit_status_six_is_listed() -> None:
    known = tomllib.loads((Path(octo_cli.__file__).parent / "i18n" / "en.toml").read_text(encoding="utf-8"))["error"]
    listed = {code for codes, _ in table("code", "what happened") for code in ticked(codes)}
    assert listed == {code for code in known if code.startswith("model_")} | {"budget_reached"}


def test_every_warning_of_a_run_is_listed() -> None:
    known = tomllib.loads((Path(octo_cli.__file__).parent / "i18n" / "en.toml").read_text(encoding="utf-8"))["warning"]
    # Without its extra, tracing is told before there is a run.
    assert [code for code in known if f"`{code}`" not in CONTRACT] == ["otel_missing"]
    code = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "octo_cli").rglob("*.py"))
    assert [one for one in re.findall(r'Warned\("(\w+)"', code) if f"`{one}`" not in CONTRACT] == []


def test_the_members_of_a_step_are_listed() -> None:
    described = re.findall(
        r"^- `aggregated_data` is null .*?Its `steps` have (.*?)\. Its `insights`", CONTRACT, re.S | re.M
    )
    assert ticked(re.sub(r"\([^)]*\)", "", described[0])) == list(
        nodes._told(work.StepResult("1", "data", "…", "completed", "…"), ())
    )


def test_every_event_is_listed_with_its_members() -> None:
    rows = table("type", "members")
    assert {ticked(name)[0]: ticked(members) for name, members in rows} == {
        tag: [name for name in struct.__struct_fields__ if name != "thread_id"] for tag, struct in EVENTS.items()
    }


def test_the_formats_are_those_that_work() -> None:
    assert settings.FORMATS == outputs.FORMATS
    assert [name for name in outputs.FORMATS if f"`{name}`" not in CONTRACT] == []


def test_every_exit_status_is_listed() -> None:
    listed = {int(status) for status, _ in table("status", "meaning")}
    raised = {error.status for error in subclasses(errors.OctoError)}
    assert listed == raised | {0, 3, 130}


@pytest.mark.parametrize(
    "alternatives",
    [
        work.RunStatus,
        work.StepStatus,
        work.ThreadStatus,
        forms.QuestionType,
        forms.Action,
        forms.Provenance,
        forms.Level,
    ],
    ids=lambda alternatives: str(get_args(alternatives)[0]),
)
def test_every_alternative_is_named(alternatives: Any) -> None:
    assert {name for name in get_args(alternatives) if f"`{name}`" not in CONTRACT} == set()


def test_the_picture_of_the_house_shows_its_rooms() -> None:
    picture = HOUSE.split("```text", 1)[1].split("```", 1)[0]
    drawn = set(re.findall(r"^[├└]── (\w+)", picture, re.MULTILINE))
    package = Path(octo_cli.__file__).parent
    rooms = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert drawn == rooms


def test_the_order_of_imports_is_the_one_that_is_checked() -> None:
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    assert " → ".join(contracts[0]["layers"]) in " ".join(HOUSE.replace("`", "").split())


def test_the_changelog_has_this_version() -> None:
    changelog = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[?{re.escape(octo_cli.__version__)}\b", changelog, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def listed_commands() -> Iterator[tuple[str, set[str]]]:
    """The commands of docs/contract.md and their options; those that every command takes stand elsewhere."""
    shared = {option for param in parameters(shared_options) for option in param.opts}
    for line in CONTRACT.split("```text\n", 1)[1].split("```", 1)[0].splitlines()[1:-1]:
        name = " ".join(re.findall(r"^octo((?: +[a-z]+(?=\s|$))*)", line)[0].split())
        options = set(re.findall(r"(?<![\w-])--?[a-z]+(?:-[a-z]+)*", line)) - shared
        together = set().union(*(options for name, options in BUNDLES.items() if name in line))
        yield name, {ALIASES.get(option, option) for option in options} | together


def commands(entries: Mapping[str, Entry | Branch], before: str = "") -> Iterator[tuple[str, set[str]]]:
    """The commands of the door and the options each declares itself."""
    for name, entry in entries.items():
        if isinstance(entry, Branch):
            yield from commands(entry.entries, f"{before}{name} ")
        else:
            shared = {param.name for param in parameters(shared_options)}
            own = [param for param in build(name, entry).params if param.param_type_name == "option"]
            yield f"{before}{name}", {max(param.opts, key=len) for param in own if param.name not in shared}


def table(*header: str) -> list[list[str]]:
    """The rows of the table with this header in docs/contract.md."""
    start = CONTRACT.index(f"| {' | '.join(header)} |")
    lines = CONTRACT[start:].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def ticked(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def subclasses(error: type[errors.OctoError]) -> set[type[errors.OctoError]]:
    return {error}.union(*(subclasses(child) for child in error.__subclasses__()))


def json_of(value: Any) -> Any:
    return json.loads(msgspec.json.encode(value))
