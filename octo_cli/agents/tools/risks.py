"""What makes a call so dangerous that it is always asked for, whatever the rules allow. Tables; decides nothing else.

None of this is a boundary: a program can hide what it does from any pattern. The boundary is the person who is asked,
and the sandbox. These tables only keep an allow rule from covering more than whoever wrote it had in mind.
"""

import json
import shlex
import unicodedata
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from octo_cli.values.patterns import lazy
from octo_cli.values.text import clean

# What joins, redirects, expands or hides commands: with any of it, the text is not the one command it seems to be.
_JOINTS: Final = frozenset(";&|`$<>(){}\\\n\r#!")
# They destroy, change rights or the machine, reach out, or run whatever else they are given.
_PROGRAMS: Final = frozenset(
    """
    sudo su doas pkexec dd mkfs fdisk parted shred mount umount shutdown reboot halt poweroff init systemctl service
    rm rmdir mv unlink truncate chmod chown chgrp setfacl kill pkill killall crontab at batch
    curl wget nc ncat netcat socat ssh scp sftp rsync ftp telnet git hg svn docker podman kubectl
    env xargs exec eval source . nohup timeout nice ionice time watch setsid stdbuf script command builtin parallel
    sh bash zsh dash ksh fish csh tcsh busybox python perl ruby node deno bun php lua awk gawk mawk sed ed vi vim emacs
    find fd tar zip unzip make cmake ninja pip pipx uv npm npx yarn pnpm cargo go gem apt apt-get yum dnf brew
    tee install ln cp export alias unalias trap set unset
    """.split()  # noqa: SIM905 (a word list reads better than a thousand quotes)
)
_VERSIONED: Final = lazy(r"[\d.]+$")
_DESTRUCTIVE: Final = lazy(
    r"\brm\s+-\w*[rf]|\bsudo\b|\bmkfs|\bdd\s+(?:if|of)=|\b(?:curl|wget)\b[^\n]*\|\s*\w*sh\b|:\(\)\s*\{|>\s*/dev/[sh]d|"
    r"\bchmod\s+(?:-\w+\s+)*[0-7]*777\b|\bbase64\s+(?:-d|--decode)|\bshutdown\b|\breboot\b|"
    r"\bdrop\s+(?:table|database)\b|\bgit\s+push\b"
)
_CODE: Final = lazy(
    r"\b(?:rmtree|system|popen|subprocess|pty|ctypes|cffi|socket|urllib|http\.client|requests|httpx|ftplib|smtplib|paramiko|"
    r"__import__|importlib|eval|exec|compile|marshal|pickle|b64decode|fromhex|expanduser|environ|getenv|"
    r"Path\.home|unlink|rmdir|removedirs|remove|rename|replace_file|chmod|chown|symlink|fork|kill|setattr|globals)\b|"
    r"__(?:builtins|subclasses|globals|class|mro|bases)__"
)
_HIDDEN_NAME: Final = lazy(r"(?:^|[\s/=:'\"])(?:~|\.[A-Za-z_])")
_SECRET_NAME: Final = lazy(
    r"^(?:\.env(?:\..*)?|\.netrc|\.pgpass|\.npmrc|\.pypirc|\.htpasswd|id_(?:rsa|dsa|ecdsa|ed25519)\w*|credentials?(?:\..*)?|"
    r"secrets?(?:\..*)?|.*\.(?:pem|key|p12|pfx|jks|keystore|kdbx|asc|gpg))$"
)
_SECRET_FOLDERS: Final = frozenset({".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".password-store"})


def of_command(args: Mapping[str, Any]) -> str | None:
    """The risk of a shell command in `args["command"]`."""
    command = str(args.get("command", ""))
    if risk := of_text(command):
        return risk
    if any(char in _JOINTS for char in command):
        return "chained"
    try:
        words = shlex.split(command)
    except ValueError:
        return "chained"
    if not words or "=" in words[0]:
        return "chained"
    if any(_program(word) in _PROGRAMS for word in words):
        return "program"
    return "hidden_files" if _HIDDEN_NAME.search(command) else None


def of_code(args: Mapping[str, Any]) -> str | None:
    """The risk of Python code in `args["code"]`."""
    code = str(args.get("code", ""))
    if risk := of_text(code):
        return risk
    if _CODE.search(code):
        return "code"
    return "hidden_files" if _HIDDEN_NAME.search(code) else None


def of_writing(args: Mapping[str, Any]) -> str | None:
    """Configuration and history live in hidden files: who may write notes may not write those unasked."""
    if any(_hides(str(text)) for text in args.values()):
        return "hidden_text"
    parts = _parts(args)
    return "hidden_files" if any(part.startswith(".") and part not in (".", "..") for part in parts) else None


def of_reading(args: Mapping[str, Any]) -> str | None:
    return "secret" if is_secret(_parts(args)) else None


def of_anything(args: Mapping[str, Any]) -> str | None:
    """The risk of arguments nobody here knows the meaning of."""
    return of_text(json.dumps(dict(args), ensure_ascii=False, default=str))


def of_text(text: str) -> str | None:
    if _hides(text):
        return "hidden_text"
    return "destructive" if _DESTRUCTIVE.search(text) else None


def _hides(text: str) -> bool:
    """Whether `text` shows otherwise than it is: no rule was written for that."""
    return clean(text) != unicodedata.normalize("NFC", text).replace("\r\n", "\n")


def is_secret(parts: tuple[str, ...]) -> bool:
    """Whether a path holds keys or passwords, by its name."""
    lowered = tuple(part.casefold() for part in parts)
    return bool(lowered) and (_SECRET_NAME.match(lowered[-1]) is not None or not _SECRET_FOLDERS.isdisjoint(lowered))


def _parts(args: Mapping[str, Any]) -> tuple[str, ...]:
    return PurePosixPath(str(args.get("path", "")).replace("\\", "/")).parts


def _program(word: str) -> str:
    name = PurePosixPath(word).name or word
    return name if name in _PROGRAMS else _VERSIONED.sub("", name)
