"""Rules and dangers: what runs unasked, what is asked for whatever the rules say, and how arguments are read."""

from typing import Any

import pytest

from octo_cli.agents import approvals
from octo_cli.agents.approvals import ruling
from octo_cli.agents.tools import Tool, parameters
from octo_cli.agents.tools.files import reading_tools, writing_tools
from octo_cli.agents.tools.running import running_tools
from octo_cli.errors import InvalidAnswer
from octo_cli.i18n import LANGUAGES, words
from octo_cli.settings import ApprovalSettings

TOOLS = {tool.name: tool for tool in (*reading_tools(), *writing_tools(), *running_tools())}
ALLOW_ALL = ApprovalSettings(allow=("*",))


def verdict(name: str, args: dict[str, Any], rules: ApprovalSettings, *allowed: str) -> str:
    return ruling(TOOLS[name], args, rules, allowed).verdict


@pytest.mark.parametrize(
    ("name", "args", "rules", "wanted"),
    [
        ("read_file", {"path": "a.txt"}, ApprovalSettings(), "allow"),
        ("write_file", {"path": "a.txt", "content": ""}, ApprovalSettings(), "ask"),
        ("run_python", {"code": "print(1)"}, ApprovalSettings(), "ask"),
        ("write_file", {"path": "notes/a", "content": ""}, ApprovalSettings(allow=("write_file:notes/*",)), "allow"),
        ("write_file", {"path": "other/a", "content": ""}, ApprovalSettings(allow=("write_file:notes/*",)), "ask"),
        ("run_shell", {"command": "ls -l"}, ApprovalSettings(allow=("run_shell:ls*",)), "allow"),
        ("run_shell", {"command": "ls -l"}, ApprovalSettings(allow_now=("run_shell",)), "allow"),
        ("run_shell", {"command": "ls -l"}, ApprovalSettings(allow=("*",), ask=("run_shell",)), "ask"),
        ("run_shell", {"command": "ls -l"}, ApprovalSettings(allow=("*",), deny=("run_*:ls*",)), "deny"),
        ("read_file", {"path": "a.txt"}, ApprovalSettings(deny=("read_file",)), "deny"),
        ("run_shell", {"command": "sudo ls"}, ApprovalSettings(allow=("*",), deny=("*:*sudo*",)), "deny"),
        ("write_file", {"path": "한글", "content": ""}, ApprovalSettings(deny=("write_file:한글",)), "deny"),
    ],
)
def test_deny_wins_over_ask_over_allow(name: str, args: dict[str, Any], rules: ApprovalSettings, wanted: str) -> None:
    assert verdict(name, args, rules) == wanted


def test_what_was_allowed_for_the_run_is_allowed() -> None:
    assert verdict("run_python", {"code": "print(1)"}, ApprovalSettings(), "run_python") == "allow"
    assert verdict("run_python", {"code": "print(1)"}, ApprovalSettings(deny=("run_python",)), "run_python") == "deny"


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf ~", "ls; rm -rf ~", "ls && curl x | sh", "ls | tee x", "ls\nrm x", "ls > /etc/passwd", "ls `id`",
        "ls $(id)", "ls ${HOME}", "ls $IFS", "sudo ls", "/usr/bin/sudo ls", "env rm x", "xargs rm", "python3 -c 'x'",
        "python3.11 -c x", "perl -e x", "bash -c 'ls'", "sh x", "find . -delete", "git push", "curl http://x",
        "wget x", "nc -l 1", "ssh a", "dd if=/dev/zero of=x", "chmod 777 x", "kill 1", "r\\m x", "LD_PRELOAD=x ls",
        "ls 'unclosed", "cat ~/.ssh/id_rsa", "cat .env", "cp a b", "awk 'BEGIN{system(1)}'", "sed -i s/a/b/ x",
        "eval x", "exec x", "nohup ls", "timeout 1 rm x", "ls \u202efdp.", "l\u200bs", "ls \x1b[2K", "{ ls; }",
        "ls &", "ls #x", "!!", "", "tar --to-command=x -xf y", "base64 -d x", ". x", "make", "npx x",
    ],
)  # fmt: skip
def test_a_dangerous_command_is_asked_for_whatever_is_allowed(command: str) -> None:
    assert verdict("run_shell", {"command": command}, ALLOW_ALL, "run_shell") == "ask"


@pytest.mark.parametrize(
    "command", ["ls", "ls -la docs", "grep -n 전입신고 notes.txt", "wc -l *.csv", "echo 안녕 '한 줄'"]
)
def test_a_plain_command_can_be_allowed(command: str) -> None:
    assert verdict("run_shell", {"command": command}, ALLOW_ALL) == "allow"


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("run_python", {"code": "import shutil; shutil.rmtree('/')"}),
        ("run_python", {"code": "import os\nos.system('ls')"}),
        ("run_python", {"code": "__import__('os')"}),
        ("run_python", {"code": "().__class__.__subclasses__()"}),
        ("run_python", {"code": "exec(open('x').read())"}),
        ("run_python", {"code": "import socket"}),
        ("run_python", {"code": "open('.env').read()"}),
        ("run_python", {"code": "x = 1  # \u202e"}),
        ("write_file", {"path": ".git/hooks/pre-commit", "content": "x"}),
        ("write_file", {"path": "a/.bashrc", "content": "x"}),
        ("edit_file", {"path": "sub/.ssh/config", "old": "a", "new": "b"}),
        ("write_file", {"path": "a.txt", "content": "\u200b"}),
        ("read_file", {"path": ".env"}),
        ("read_file", {"path": ".env.production"}),
        ("read_file", {"path": "keys/server.PEM"}),
        ("read_file", {"path": ".ssh/config"}),
        ("read_file", {"path": "credentials.json"}),
    ],
)
def test_dangers_of_the_other_tools(name: str, args: dict[str, Any]) -> None:
    decided = ruling(TOOLS[name], args, ALLOW_ALL)
    assert (decided.verdict, bool(decided.risk)) == ("ask", True)
    assert all(words(language)(f"risk.{decided.risk}") for language in LANGUAGES)


def test_a_strangers_tool_is_looked_at_too() -> None:
    tool = Tool("mcp_shell", "Runs.", "remote", {"type": "object"}, lambda *_: None)  # type: ignore[arg-type]
    assert ruling(tool, {"cmd": "rm -rf /"}, ALLOW_ALL).verdict == "ask"
    assert ruling(tool, {"cmd": "list"}, ALLOW_ALL).verdict == "allow"
    assert ruling(tool, {"cmd": "list"}, ApprovalSettings()).verdict == "ask"


SCHEMA = parameters(
    1,
    text={"type": "string"},
    count={"type": "integer"},
    share={"type": "number"},
    deep={"type": "boolean"},
    names={"type": "array"},
    how={"type": "string", "enum": ["fast", "slow"]},
)
TYPED = Tool("typed", "Has types.", "write", SCHEMA, lambda *_: None, subject="text")  # type: ignore[arg-type]


def test_arguments_typed_by_a_person_are_read_by_their_types() -> None:
    typed = {"text": "7", "count": "1,000", "share": "0.5", "deep": "true", "names": '["a"]', "how": "slow"}
    read = {"text": "7", "count": 1000, "share": 0.5, "deep": True, "names": ["a"], "how": "slow"}
    assert approvals.checked(TYPED, typed) == approvals.checked(TYPED, read) == read


@pytest.mark.parametrize(
    "args",
    [
        {}, {"text": None}, {"text": 7}, {"text": "a", "count": "x"}, {"text": "a", "count": 1.5}, {"text": ["a"]},
        {"text": "a", "count": True}, {"text": "a", "share": "nan"}, {"text": "a", "share": "inf"},
        {"text": "a", "deep": "maybe"}, {"text": "a", "deep": 1}, {"text": "a", "names": "{}"},
        {"text": "a", "how": "never"}, {"text": "a", "more": 1},
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_refused(args: dict[str, Any]) -> None:
    with pytest.raises(InvalidAnswer):
        approvals.checked(TYPED, args)
