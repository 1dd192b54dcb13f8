"""What each command imports, seen in a child process: deferred imports are invisible to the static layer check."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "pydantic",
    "langgraph",
    "langchain_core",
    "langsmith",
    "rich",
    "prompt_toolkit",
    "jinja2",
    "psycopg",
    "aiosqlite",
)

# Every agent is in the graph, but only one that works may ask for its libraries. `httpx` is not among them: LangSmith,
# which LangGraph imports, brings it.
OF_A_MODEL = ("langchain", "langchain_openai", "openai", "anthropic", "tiktoken", "genai_prices", "keyring")
OF_AN_AGENT = ("duckdb", "numpy", "matplotlib", "plotext", "openpyxl", "trafilatura", "lxml", "pypdf", "docx", "mcp")


@pytest.mark.parametrize(
    ("command", "never"),
    [
        (["--version"], (*HEAVY, "typer", "click", "msgspec", "sqlite3", "asyncio", "importlib.metadata")),
        (["--help"], ("pydantic", "langgraph", "langchain_core", "prompt_toolkit", "sqlite3", "asyncio")),
        (
            ["threads", "list"],
            (
                "octo_cli.reasoning.models",
                "pydantic",
                "langgraph",
                "langchain_core",
                "langsmith",
                "prompt_toolkit",
                "jinja2",
            ),
        ),
        (
            ["threads", "list", "--json"],
            ("pydantic", "langgraph", "langchain_core", "rich", "prompt_toolkit", "jinja2"),
        ),
        (["threads", "search", "보증금"], (*HEAVY, "asyncio")),
        (["config", "get", "model"], HEAVY),
        (["auth", "status"], HEAVY),
        (["doctor"], (*HEAVY, "httpx")),
        (["db", "info"], (*HEAVY, "asyncio")),
        (["ask", "안녕하세요"], (*OF_A_MODEL, *OF_AN_AGENT)),
        (["ask", "-f", "json", "프랑스의 수도는 어디인가요?"], (*OF_A_MODEL, *OF_AN_AGENT)),
        (["inbox", "--json"], ("pydantic", "langgraph", "langchain_core", "rich", "prompt_toolkit", "jinja2")),
    ],
    ids=" ".join,
)
def test_a_light_command_stays_light(command: list[str], never: tuple[str, ...], tmp_path: Path) -> None:
    imported = imports_of(command, home=tmp_path)
    assert "octo_cli" in imported
    assert imported.isdisjoint(never)


def test_the_looking_glass_sees_deferred_imports(tmp_path: Path) -> None:
    assert {"langgraph", "sqlite3"} <= imports_of(["ask", "안녕하세요"], home=tmp_path)


def imports_of(command: list[str], *, home: Path) -> set[str]:
    """Every module the command imported, by its full name. Fails unless the command succeeds."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "octo_cli", *command],
        env={**os.environ, "OCTO_HOME": str(home), "PYTHONUTF8": "1"},
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    timings = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert done.returncode == 0, done.stderr
    return {line.rpartition("|")[2].strip() for line in timings}
