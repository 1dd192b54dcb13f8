"""KEYS: where a provider's key is found and kept, and what keeps it from being seen. No prompt, no screen, no provider.

A key is looked for in the environment, then in the system's keyring, then, for whoever asked for that, in a file only
its owner may read. Every key that was found is remembered here, so that `scrub` can take it out of a text again.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, TypeVar
from urllib.parse import quote, unquote

from octo_cli.errors import Failed, UsageError
from octo_cli.settings import octo_folders, write_private

T = TypeVar("T")
Environment = Mapping[str, str]
Source = Literal["environment", "keyring", "file"]

SERVICE: Final = "octo"
FILE: Final = "keys.json"
# Who is listed when nobody in particular is asked for.
PROVIDERS: Final = ("openai", "anthropic", "google", "mistral", "tavily", "brave")
# What the key of an encrypted database is kept as.
DATABASE: Final = "database"
HIDDEN: Final = "***"
# Seconds. A locked keyring may ask the person for its password; one that never answers must not hold Octo up.
PATIENCE: Final = 10.0
# Whoever is keeping a key sits there and may first have to type the keyring's own password.
_PATIENCE_OF_A_PERSON: Final = 60.0

_ALSO_CALLED: Final = {"google_genai": "google", "gemini": "google", "mistralai": "mistral"}
# Where the variable is not simply NAME_API_KEY; the first is the one to recommend.
_VARIABLES: Final = {
    "google": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    "brave": ("BRAVE_API_KEY", "BRAVE_SEARCH_API_KEY"),
    DATABASE: ("OCTO_ENCRYPTION_KEY",),
}
_PROVIDER: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
# A shorter text is no key, and taking it out would spoil every sentence that has it.
_SHORTEST: Final = 8
# The last characters of a shorter key would tell too much of it.
_SHORTEST_TO_HINT_AT: Final = 20
_SECRET_NAME: Final = re.compile(
    r"(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|HEADERS)$|SECRET|^PGPASSWORD$",
    re.IGNORECASE,
)
# What the providers' keys look like, so that also one Octo never held is known when it is seen.
_SHAPES: Final = re.compile(
    r"\b(?:sk-|sk_|gsk_|xai-|tvly-|pplx-|hf_|gh[pousr]_|github_pat_|lsv2_|BSA|AIza|AKIA)(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{16,}"
)
_PASSWORD_IN_ADDRESS: Final = re.compile(r"(?<=://)([^\s/:@]*):([^\s/@]+)@")
_PASSWORD_OF_SERVER: Final = re.compile(r"://[^:]*:(.+)@|[?&](?:ssl)?password=([^&]+)", re.DOTALL)
_PASSWORD_IN_QUERY: Final = re.compile(r"(?<=[?&])((?:ssl)?password)=[^\s&]+")

_known: set[str] = set()


class Credential:
    """A key and where it was found. Nothing that shows, copies or stores objects gets at the key; `secret` does."""

    __slots__ = ("_secret", "source")

    def __init__(self, secret: str, source: Source) -> None:
        self._secret = secret
        self.source: Source = source
        _known.add(secret)

    @property
    def secret(self) -> str:
        return self._secret

    @property
    def ending(self) -> str:
        """The last four characters, by which a person knows the key; "" of a short one."""
        return self._secret[-4:] if len(self._secret) >= _SHORTEST_TO_HINT_AT else ""

    def __repr__(self) -> str:
        return f"Credential({HIDDEN}, {self.source!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a credential is not written anywhere")


class NoKeyring(Failed):
    """There is none, it keeps nothing, or it does not answer."""

    def __init__(self, provider: str) -> None:
        super().__init__("keyring_missing", provider=provider, variable=variables(provider)[0])


def find(provider: str, environment: Environment) -> Credential | None:
    """The provider's key, from the first place that has one; None without a key."""
    return find_all((provider,), environment)[provider]


def find_all(
    providers: Iterable[str], environment: Environment, *, patience: float = PATIENCE
) -> dict[str, Credential | None]:
    """As `find`, for several, with one look into the keyring; `patience` in seconds for that.

    Raises UsageError (keys_unreadable) for a key file that cannot be read.
    """
    names = {provider: canonical(provider) for provider in providers}
    found: dict[str, Credential | None] = {
        provider: _in_environment(name, environment) for provider, name in names.items()
    }
    missing = {name for provider, name in names.items() if found[provider] is None}
    if not missing:
        return found
    in_keyring = _ask_keyring(lambda keyring: {n: keyring.get_password(SERVICE, n) for n in missing}, patience) or {}
    in_file = _read_file(key_file(environment))
    for provider, name in names.items():
        if found[provider] is None and (secret := in_keyring.get(name)):
            found[provider] = Credential(secret, "keyring")
        elif found[provider] is None and (secret := in_file.get(name)):
            found[provider] = Credential(secret, "file")
    return found


def keep(provider: str, secret: str, environment: Environment, *, plaintext: bool = False) -> Source:
    """Keep a key for later runs, in the keyring or, with `plaintext`, in the file; never in both.

    Raises NoKeyring, or Failed (keys_unwritable).
    """
    name = canonical(provider)
    _known.add(secret)
    if plaintext:
        _write_file(key_file(environment), {**_read_file(key_file(environment)), name: secret})
        _ask_keyring(lambda keyring: keyring.delete_password(SERVICE, name))
        return "file"

    def put(keyring: Any) -> bool:
        keyring.set_password(SERVICE, name, secret)
        # A backend that keeps nothing takes everything.
        return bool(keyring.get_password(SERVICE, name) == secret)

    if not _ask_keyring(put, _PATIENCE_OF_A_PERSON):
        raise NoKeyring(provider)
    _forget_in_file(name, environment)
    return "keyring"


def forget(provider: str, environment: Environment) -> tuple[Source, ...]:
    """Remove a kept key; where it was. The environment is not Octo's to change."""
    name = canonical(provider)
    was: list[Source] = []

    def remove(keyring: Any) -> bool:
        if keyring.get_password(SERVICE, name) is None:
            return False
        keyring.delete_password(SERVICE, name)
        return True

    if _ask_keyring(remove, _PATIENCE_OF_A_PERSON):
        was.append("keyring")
    if _forget_in_file(name, environment):
        was.append("file")
    return tuple(was)


def kept_in_file(environment: Environment) -> tuple[str, ...]:
    """The providers whose keys lie in the file."""
    return tuple(_read_file(key_file(environment)))


def key_file(environment: Environment) -> Path:
    """Where keys lie that somebody wanted in a file."""
    return octo_folders(environment).config / FILE


def keyring_name(*, patience: float = PATIENCE) -> str | None:
    """The system's keyring by its own name; None when there is none that keeps anything."""

    def name(keyring: Any) -> str | None:
        backend = keyring.get_keyring()
        return str(backend.name) if backend.priority > 0 else None

    return _ask_keyring(name, patience)


def canonical(provider: str) -> str:
    """The name a provider's key is kept under. Raises UsageError for what can be no provider's name."""
    name = provider.strip().lower().replace("-", "_")
    if not _PROVIDER.fullmatch(name):
        raise UsageError("provider_name", value=provider, known=", ".join(PROVIDERS))
    return _ALSO_CALLED.get(name, name)


def variables(provider: str) -> tuple[str, ...]:
    """The environment variables that may hold the provider's key, the usual one first."""
    name = canonical(provider)
    return _VARIABLES.get(name, (f"{name.upper()}_API_KEY",))


def looks_like_key(text: str) -> bool:
    return _SHAPES.search(text) is not None


def scrub(text: str, environment: Environment = os.environ) -> str:
    """`text` without any key: those found here, those the environment holds, and whatever has the shape of one."""
    for secret in _worth_hiding(environment):
        for form in (secret, quote(secret, safe="")):
            text = text.replace(form, HIDDEN)
    text = _PASSWORD_IN_ADDRESS.sub(rf"\1:{HIDDEN}@", text)
    text = _PASSWORD_IN_QUERY.sub(rf"\1={HIDDEN}", text)
    return _SHAPES.sub(HIDDEN, text)


def _worth_hiding(environment: Environment) -> list[str]:
    """Every key known here, the longest first: one may be part of another."""
    named = {value for name, value in environment.items() if _SECRET_NAME.search(name)}
    passwords = {unquote(found[2]) for value in environment.values() if (found := _PASSWORD_IN_ADDRESS.search(value))}
    if found := _PASSWORD_OF_SERVER.search(server := environment.get("OCTO_POSTGRES_URL", "")):
        # Also as a whole: in a malformed one nobody knows where the password ends.
        passwords |= {server, unquote(found[1] or found[2])}
    return sorted((one for one in _known | named | passwords if len(one) >= _SHORTEST), key=len, reverse=True)


def _in_environment(name: str, environment: Environment) -> Credential | None:
    values = (environment.get(variable, "").strip() for variable in variables(name))
    return next((Credential(value, "environment") for value in values if value), None)


def _ask_keyring(call: Callable[[Any], T], patience: float = PATIENCE) -> T | None:
    """What `call` gets from the keyring; None without one, or when it does not answer in time."""
    from queue import Empty, SimpleQueue
    from threading import Thread

    answers: SimpleQueue[T | None] = SimpleQueue()

    def ask() -> None:
        try:
            import keyring

            answers.put(call(keyring))
        except Exception:  # noqa: BLE001 (a backend raises whatever its platform does; without it there is no key)
            answers.put(None)

    # A thread that waits for a locked D-Bus cannot be stopped, and must not hold the exit up either.
    Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=patience)
    except Empty:
        return None


def _read_file(path: Path) -> dict[str, str]:
    import msgspec

    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, msgspec.DecodeError) as exc:
        # Not the decoder's words: they may quote what stands there.
        raise UsageError("keys_unreadable", file=str(path)) from exc


def _write_file(path: Path, keys: Mapping[str, str]) -> None:
    import msgspec

    try:
        if keys:
            write_private(path, msgspec.json.encode(keys))
        else:
            path.unlink(missing_ok=True)
    except OSError as exc:
        raise Failed("keys_unwritable", file=str(path), reason=exc.strerror or str(exc)) from exc


def _forget_in_file(name: str, environment: Environment) -> bool:
    kept = _read_file(key_file(environment))
    if name not in kept:
        return False
    _write_file(key_file(environment), {other: secret for other, secret in kept.items() if other != name})
    return True
