"""Shell completion: four scripts, and what they ask of `octo` while a command line is being typed.

A script passes the words before the cursor as arguments (so nothing is quoted, split or evaluated twice: titles are a
stranger's text) and reads lines of `value TAB help`. Nothing here may load LangGraph or make a person wait.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer import Argument

from octo_cli.cli import COMMANDS
from octo_cli.cli.commands import Branch, Caller, Entry, build
from octo_cli.cli.pages import option_help, summary
from octo_cli.credentials import PROVIDERS
from octo_cli.errors import OctoError, UsageError
from octo_cli.i18n import LANGUAGES, Words
from octo_cli.settings import KEYS

Item = tuple[str, str]

BASH: Final = r"""# octo completion for bash 4.4 or newer. Written by `octo completion bash`.
_octo() {
    local value help
    COMPREPLY=()
    while IFS=$'\t' read -r value help; do
        COMPREPLY+=("$value")
    done < <(_OCTO_COMPLETE=bash "${COMP_WORDS[0]}" "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _octo octo
"""

ZSH: Final = r"""#compdef octo
# octo completion for zsh. Written by `octo completion zsh`.
_octo() {
    local value help
    local -a values shown
    while IFS=$'\t' read -r value help; do
        values+=("$value")
        shown+=("$value${help:+  -- $help}")
    done < <(_OCTO_COMPLETE=zsh "${words[1]}" "${(@)words[2,CURRENT]}" 2>/dev/null)
    if (( $#values )); then
        compadd -l -d shown -a values
    else
        _files
    fi
}
if [ "$funcstack[1]" = "_octo" ]; then
    _octo "$@"
else
    compdef _octo octo
fi
"""

FISH: Final = r"""# octo completion for fish 3.1 or newer. Written by `octo completion fish`.
function __octo_complete
    set -l words (commandline -opc)
    set -e words[1]
    set -l token (commandline -ct)
    set -l found (_OCTO_COMPLETE=fish command octo $words "$token" 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path "$token"
    end
end
complete -c octo -f -k -a '(__octo_complete)'
"""

# Windows PowerShell drops empty arguments: the word under the cursor travels with a dot before it.
POWERSHELL: Final = r"""# octo completion for PowerShell. Written by `octo completion powershell`.
Register-ArgumentCompleter -Native -CommandName octo -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $before = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
    $env:_OCTO_COMPLETE = 'powershell'
    try { $lines = @(octo @before ".$wordToComplete" 2>$null) } finally { $env:_OCTO_COMPLETE = $null }
    foreach ($line in $lines) {
        $value, $help = $line -split "`t", 2
        if (-not $help) { $help = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
    }
}
"""

SCRIPTS: Final = {"bash": BASH, "zsh": ZSH, "fish": FISH, "powershell": POWERSHELL}


def completion(_ctx: typer.Context, shell: Annotated[str | None, Argument(metavar="SHELL")] = None) -> None:
    """Print a shell's script."""
    name = shell or Path(os.environ.get("SHELL", "")).name
    if name not in SCRIPTS:
        raise UsageError("unknown_shell", shell=name or "—", accepted=", ".join(SCRIPTS))
    sys.stdout.write(SCRIPTS[name])


def answer(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """What could stand under the cursor: the last of `argv`, after the words before it. Never an error."""
    words = list(argv) or [""]
    if environment.get("_OCTO_COMPLETE") == "powershell":
        words[-1] = words[-1].removeprefix(".")
    try:
        for value, text in candidates(words[:-1], words[-1], environment):
            sys.stdout.write(f"{value}\t{_one_line(text)}\n")
    except (OctoError, OSError):
        return 1
    return 0


def candidates(before: Sequence[str], word: str, environment: Mapping[str, str]) -> Iterator[Item]:
    """Values that complete `word`, each with a line of help; none means file names will do."""
    name, equals, value = word.partition("=")
    if word.startswith("--") and equals:
        # zsh and fish leave the word whole, so what completes it must be whole as well.
        return ((f"{name}={item}", text) for item, text in candidates([*before, name], value, environment))
    word = "" if word == "=" else word
    line = _Line(_joined(before), environment)
    found: Iterator[Item] | tuple[Item, ...] = ()
    if (option := line.open_option()) is not None:
        found = line.values_of(option)
    elif word.startswith("-"):
        found = line.options()
    elif isinstance(line.entry, Branch):
        found = line.commands()
    elif (argument := line.open_argument()) is not None:
        found = line.values_of(argument)
    return ((value, text) for value, text in found if value.startswith(word))


class _Line:
    """The command line up to the cursor: which command it names, and what of it is already there."""

    def __init__(self, before: Sequence[str], environment: Mapping[str, str]) -> None:
        self.entry: Branch | Entry = Branch(COMMANDS)
        self.path: list[str] = []
        self.flags: dict[str, Any] = {}
        self.arguments: list[str] = []
        self._open: Any = None
        self.command = _built(self)
        for word in before:
            self._read(word)
        self.caller = Caller(tuple(before), environment, flags=self.flags)

    def _read(self, word: str) -> None:
        if self._open is not None:
            self.flags[self._open.name] = word
            self._open = None
        elif word.startswith("-"):
            option = next((param for param in self._params("option") if word in param.opts), None)
            self._open = None if option is None or option.is_flag else option
        elif isinstance(self.entry, Branch) and word in self.entry.entries:
            self.entry = self.entry.entries[word]
            self.path.append(word)
            self.command = _built(self)
        else:
            self.arguments.append(word)

    def open_option(self) -> Any:
        """The option whose value is being typed."""
        return self._open

    def open_argument(self) -> Any:
        """The argument that is being typed."""
        params = self._params("argument")
        if len(self.arguments) < len(params):
            return params[len(self.arguments)]
        return params[-1] if params and params[-1].nargs == -1 else None

    def options(self) -> Iterator[Item]:
        key = "_".join(self.path) or "octo"
        for param in self._params("option"):
            yield max(param.opts, key=len), option_help(self._words, key, param.name.rstrip("_"))
        yield "--help", self._words("option.help")

    def commands(self) -> Iterator[Item]:
        assert isinstance(self.entry, Branch)
        for name in self.entry.entries:
            yield name, summary(self._words, "_".join([*self.path, name]))

    def values_of(self, param: Any) -> Iterator[Item]:
        complete = COMPLETERS.get(param.name)
        return complete(self) if complete else iter(())

    @property
    def _words(self) -> Words:
        return self.caller.words

    def _params(self, kind: str) -> list[Any]:
        return [param for param in self.command.params if param.param_type_name == kind]


def _built(line: _Line) -> Any:
    if line.path:
        return build(line.path[-1], line.entry)
    from octo_cli.cli.commands import root

    return root(COMMANDS)


def _threads(line: _Line) -> Iterator[Item]:
    from octo_cli.storage import open_storage

    with open_storage(line.caller.settings.database.hurried, create=False) as storage:
        for record in storage.threads(limit=50):
            yield record.thread_id, record.title
    yield "last", line.caller.words("complete.last")


def _memory(line: _Line) -> Iterator[Item]:
    from octo_cli.storage import open_storage

    with open_storage(line.caller.settings.database, create=False) as storage:
        for fact in storage.facts(line.caller.settings.user):
            yield fact.fact_id, fact.text
    yield from _threads(line)


def _checkpoints(line: _Line) -> Iterator[Item]:
    from octo_cli.storage import open_storage

    with open_storage(line.caller.settings.database.hurried, create=False) as storage:
        thread_id = storage.resolve(line.arguments[0] if line.arguments else "last")
        for row in reversed(storage.checkpoint_rows(thread_id)):
            if not row.checkpoint_ns:
                yield row.checkpoint_id, f"{row.metadata.get('step', '')}"


def _types(line: _Line) -> Iterator[Item]:
    from octo_cli.cli.documents import catalog

    for card in catalog(line.caller.settings).cards():
        yield card.name, card.title.get(line.caller.language, "")


def _of(*values: str) -> Callable[[_Line], Iterator[Item]]:
    return lambda _: ((value, "") for value in values)


def _formats(_: _Line) -> Iterator[Item]:
    from octo_cli.outputs import formats

    return ((name, "") for name in formats())


def _settings(_: _Line) -> Iterator[Item]:
    return ((key.name, "") for key in KEYS)


# By the name of the option or argument.
COMPLETERS: Final[Mapping[str, Callable[[_Line], Iterator[Item]]]] = {
    "thread": _threads,
    "threads": _threads,
    "memory": _memory,
    "at": _checkpoints,
    "to": _checkpoints,
    "document_type": _types,
    "format": _formats,
    "form": _of("md", "json", "html"),
    "status": _of("active", "running", "waiting_human", "completed", "failed"),
    "lang": _of(*LANGUAGES),
    "model": _of("offline"),
    "back": _of("collaborate"),
    "provider": _of(*PROVIDERS),
    "key": _settings,
    "shell": _of(*SCRIPTS),
}


def _joined(words: Sequence[str]) -> list[str]:
    """Bash hands `--lang=ko` over as three words; whole or in pieces, the name and the value go apart."""
    apart: list[str] = []
    for word in words:
        name, equals, value = word.partition("=")
        if word.startswith("--") and equals:
            apart += [name, value]
        elif word != "=":
            apart.append(word)
    return apart


def _one_line(text: str) -> str:
    from octo_cli.ui.sanitise import one_line

    return one_line(text)
