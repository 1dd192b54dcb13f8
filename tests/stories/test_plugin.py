"""A package beside Octo brings an agent, in an environment of its own; another one is broken and only left out."""

import email
import os
import subprocess
import sys
from collections.abc import Mapping
from email.policy import default
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.conftest import Octo, Said

CHECKOUT = Path(__file__).parents[2]
UV = os.environ.get("UV", "uv")

# What a package of somebody else's may do wrong, by the name of its agent.
BROKEN = {
    "raises": "raise RuntimeError('no \\x1b[31mcolour')",
    "leaves": "import sys\nprint('printed at import')\nsys.exit(3)",
    "cardless": "class Agent:\n    async def work(self, task, kit): ...",
    "idle": "from octo_cli.wire.work import AgentCard\nclass Agent:\n    card = AgentCard('idle', {'en': 'x'})",
    "renamed": "from octo_cli.wire.work import AgentCard\nclass Agent:\n    card = AgentCard('other', {'en': 'x'})",
    "contract": "raise AssertionError('never imported')",
    "plan": "raise AssertionError('never imported')",
}


def module_of(name: str) -> str:
    return f"broken_{name}"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with Octo, the example, and a package of broken agents."""
    folder = tmp_path_factory.mktemp("fresh")
    broken = folder / "broken"
    for name, code in BROKEN.items():
        package = broken / "src" / module_of(name)
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(f"{code}\n", encoding="utf-8")
    points = "\n".join(f'{name} = "{module_of(name)}:Agent"' for name in BROKEN)
    (broken / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "octo-broken"\nversion = "6.6"\n'
        f'[project.entry-points."octo.agents"]\n{points}\n'
        f"[tool.hatch.build.targets.wheel]\npackages = {[f'src/{module_of(name)}' for name in BROKEN]}\n",
        encoding="utf-8",
    )
    # The versions this checkout is tested with, so that nothing newer is fetched.
    here = {one.name: one.version for one in distributions() if one.name and one.name != "octo-cli"}
    constraints = folder / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in here.items()), encoding="utf-8")
    python = folder / "venv" / "bin" / "python"
    uv("venv", "--python", sys.executable, str(folder / "venv"))
    packages = [str(path) for path in (CHECKOUT, CHECKOUT / "examples" / "octo-email", broken)]
    uv("pip", "install", "--python", str(python), "--constraint", str(constraints), *packages)
    return python.with_name("octo")


def uv(*arguments: str) -> None:
    done = subprocess.run([UV, *arguments], capture_output=True, text=True, cwd="/", check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def fresh(program: Path, octo: Octo) -> "Fresh":
    return Fresh(
        program, octo.folder, {name: value for name, value in octo.environment.items() if name != "PYTHONPATH"}
    )


class Fresh:
    """Octo as it was installed there."""

    def __init__(self, program: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self.program = program
        self.folder = folder
        self.environment = environment

    def __call__(self, *arguments: str) -> Said:
        done = subprocess.run(
            [self.program, *arguments], cwd=self.folder, env=self.environment, capture_output=True, check=False
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_an_agent_of_another_package_works_and_a_broken_one_is_left_out(fresh: Fresh) -> None:
    listed = fresh("agents", "list", "--json")
    found = {agent["name"]: agent for agent in listed.json["agents"]}
    assert (found["email"]["status"], found["email"]["source"]) == ("ready", "octo-email 0.1.0")
    broken = [agent for agent in listed.json["agents"] if agent["source"] == "octo-broken 6.6"]
    assert {agent["name"]: agent["problem"]["code"] for agent in broken} == {
        "raises": "agent_broken",
        "leaves": "agent_broken",
        "cardless": "agent_card_unusable",
        "idle": "agent_no_work",
        "renamed": "agent_card_unusable",
        "contract": "agent_name_taken",
        "plan": "agent_name_invalid",
    }
    assert "\x1b" not in listed.out
    for command in (("agents", "list"), ("agents", "inspect", "email")):
        told = fresh(*command)
        assert ("Traceback" in told.err, "\x1b" in told.err, told.status) == (False, False, 0)

    text = "kim@example.com에게 내일 회의 건으로 메일 써줘"
    asked = fresh("ask", "--no-input", "--json", text)
    assert asked.status == 3
    assert asked.json["intent"]["category"] == "email"
    assert "agent_broken" in {warning["code"] for warning in asked.json["warnings"]}
    (form,) = asked.json["interrupts"]
    assert {field["name"]: field["value"] for field in form["fields"]}["to"] == "kim@example.com"

    # A line in a subject is no header of its own.
    told = fresh("resume", "last", "--json", "--no-input", "--set", "subject=회의\nBcc: spy@example.com")
    assert told.status == 3
    (approval,) = told.json["interrupts"]
    assert (approval["type"], list(fresh.folder.glob("**/*.eml"))) == ("tool_approval_required", [])

    done = fresh("resume", "last", "--json", "--approve")
    assert done.status == 0, done.err
    (path,) = fresh.folder.glob("octo-documents/*.eml")
    message = email.message_from_bytes(path.read_bytes(), policy=default)
    assert (message["To"], message["Subject"], message["Bcc"]) == ("kim@example.com", "회의 Bcc: spy@example.com", None)
    assert "다음 건으로 연락드립니다: 내일 회의" in message.get_content()
    assert str(path) in done.json["result"]


def test_a_thread_whose_agent_is_gone_waits_for_it(fresh: Fresh, octo: Octo) -> None:
    asked = fresh("ask", "--no-input", "--json", "@email hello to a@example.com")
    thread = asked.json["thread_id"]

    for answer in (["--submit"], []):
        gone = octo("resume", thread, "--json", "--no-input", *answer)
        assert (gone.status, gone.json["error"]["code"]) == (1, "agent_gone")
    said = octo("ask", "--thread", thread, "--json", "임대차계약서 작성해줘")
    assert (said.status, said.json["error"]["code"]) == (1, "agent_gone")

    back = fresh("resume", thread, "--json", "--no-input", "--submit")
    assert (back.status, back.json["interrupts"][0]["type"]) == (3, "tool_approval_required")


def test_an_address_that_is_none_is_asked_again(fresh: Fresh) -> None:
    fresh("ask", "--no-input", "--json", "메일 써줘")
    again = fresh("resume", "last", "--json", "--no-input", "--set", "to=nobody")

    (form,) = again.json["interrupts"]
    assert again.status == 3
    assert [issue["rule"] for field in form["fields"] for issue in field["issues"]] == ["address"]


def test_agents_are_switched_off_by_name(fresh: Fresh) -> None:
    config = Path(fresh.environment["OCTO_HOME"]) / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('[agents]\ndisabled = ["email", "search", "nobody"]\n', encoding="utf-8")

    listed = fresh("agents", "list", "--lang", "en")
    status = {line.split()[0]: line.split()[1] for line in listed.out.splitlines()}
    assert (status["email"], status["search"]) == ("disabled", "disabled")
    assert "nobody" in listed.err
