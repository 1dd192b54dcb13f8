"""Which code a request gives to be run, and in which language."""

import pytest

from octo_cli.agents.code import tool_for
from octo_cli.reasoning.snippets import snippet_in

FENCE = "```"


@pytest.mark.parametrize(
    ("text", "tool", "code"),
    [
        ("실행해줘: print(1)", "run_python", "print(1)"),
        ("실행해 주세요: x = 1\nprint(x)", "run_python", "x = 1\nprint(x)"),
        ("이 코드 좀 돌려줘: 1 + 1", "run_python", "1 + 1"),
        ("run this: print('\\d')", "run_python", "print('\\d')"),
        ("Please execute the following code: import os", "run_python", "import os"),
        ("run this: ls -la", "run_shell", "ls -la"),
        ("run this: ls", "run_shell", "ls"),
        ("run this: cat /x/y.toml; ls -la /proc/1 /tmp; env", "run_shell", "cat /x/y.toml; ls -la /proc/1 /tmp; env"),
        ("run this: def f(", "run_python", "def f("),
        ("run this: f() { ls; }; f", "run_shell", "f() { ls; }; f"),
        ("run this: git status", "run_shell", "git status"),
        ("run this shell command: print", "run_shell", "print"),
        ("셸에서 실행해줘: print(1)", "run_shell", "print(1)"),
        (f"봐줘\n{FENCE}python\nprint(1)\n{FENCE}\n고마워", "run_python", "print(1)"),
        (f"{FENCE}\nls -la\n{FENCE}", "run_shell", "ls -la"),
        (f"{FENCE}sh\necho 1\n{FENCE}", "run_shell", "echo 1"),
        (f"{FENCE}`\nprint('{FENCE}')\n{FENCE}`", "run_python", f"print('{FENCE}')"),
        (f"{FENCE}\necho 열린 울타리", "run_shell", "echo 열린 울타리"),
        (f"{FENCE}javascript\nalert(1)\n{FENCE}", None, "alert(1)"),
    ],
)
def test_code_is_found_as_it_stands(text: str, tool: str | None, code: str) -> None:
    found = snippet_in(text)
    assert found is not None
    assert (tool_for(found), found.code) == (tool, code)


@pytest.mark.parametrize("text", ["파이썬으로 퀵소트 짜줘", "How do I run this?", f"{FENCE}python", "run:", ""])
def test_talk_about_code_is_none(text: str) -> None:
    assert snippet_in(text) is None


def test_a_language_nothing_runs_is_named() -> None:
    found = snippet_in(f"{FENCE}Rust\nfn main() {{}}\n{FENCE}")
    assert found is not None
    assert (tool_for(found), found.code, found.language) == (None, "fn main() {}", "rust")
