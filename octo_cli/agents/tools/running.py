"""Tools that run code: Python and shell, in the sandbox this machine has."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from octo_cli.agents.tools import Tool, fenced, parameters, risks, sandbox
from octo_cli.agents.tools.sandbox import Program

if TYPE_CHECKING:
    from octo_cli.agents.kit import Kit
    from octo_cli.i18n import Words

_PLACE = "It runs in the workspace, which it can read but should not write; its temporary folder is $TMPDIR."


def running_tools() -> tuple[Tool, ...]:
    return (
        Tool(
            "run_python",
            f"Runs Python code and gives exit status, stdout and stderr. No network. {_PLACE}",
            "execute",
            parameters(code={"type": "string", "description": "Python source"}),
            _run_python,
            subject="code",
            shown=lambda args, _: fenced(str(args["code"]), "python"),
            risk=risks.of_code,
            notice=_notice,
        ),
        Tool(
            "run_shell",
            f"Runs a command with sh and gives exit status, stdout and stderr. No network. {_PLACE}",
            "execute",
            parameters(command={"type": "string", "description": "for sh"}),
            _run_shell,
            subject="command",
            shown=lambda args, _: fenced(str(args["command"]), "sh"),
            risk=risks.of_command,
            notice=_notice,
        ),
    )


async def _run_python(args: Mapping[str, Any], kit: "Kit") -> dict[str, Any]:
    python = "python3" if kit.settings.code.sandbox == "docker" else sys.executable
    return await _run((python, "-I", "-X", "utf8"), str(args["code"]), kit)


async def _run_shell(args: Mapping[str, Any], kit: "Kit") -> dict[str, Any]:
    return await _run(("sh",), str(args["command"]), kit)


async def _run(command: tuple[str, ...], source: str, kit: "Kit") -> dict[str, Any]:
    program = Program(command, source, kit.settings.workspace.resolve())
    finished: dict[str, Any] = msgspec.to_builtins(await sandbox.run(program, kit.settings.code))
    return finished


def _notice(kit: "Kit", say: "Words") -> str:
    return sandbox.told(sandbox.cage(kit.settings.code), say)
