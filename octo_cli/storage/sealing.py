"""Seals: what keeps stored words from being read, or changed unseen, by whoever gets at the database. No SQL here.

Without a key, words stand as they are and the graph's values are compressed, whose checksum finds a damaged one. With a
key both are compressed and encrypted (AES-256-GCM), each bound to what it is for, so that a text in another column's or
row's place is none. Every database has keys of its own, drawn from the person's key and a salt kept beside the data.

Left open: which threads, agents and document types there are, when and by whom; sizes; and that somebody who can write
puts a thread, or the whole database, back to an earlier state of itself, or one of the graph's values where another of
them was.
"""

import zlib
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

KEY_BYTES: Final = 32
# Where a server's checkpoint, which is plain JSON, has its digest: in its metadata.
OUTLINE: Final = "outline"
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_SEALED: Final = "octo1:"
_FORM: Final = "1"
# What a row may grow to when it is unpacked: a few kilobytes can be made to stand for any number of gigabytes.
_MOST_BYTES: Final = 1 << 28
# Bits of the narrowest window that zlib makes and reads in all its versions.
_NARROWEST: Final = 9


# All that Octo ever wrote. "json" and "pickle" of LangGraph's older savers can name what is to be built.
TYPES: Final = frozenset({"null", "bytes", "bytearray", "msgpack"})


class BrokenSealError(ValueError):
    """What is stored is not what was stored there."""


class Seal:
    """Without a key. `place` says what a text is for: table, column, and the key of its row."""

    mark = "z"
    encrypts = False

    def seal(self, text: str, *place: object) -> str:  # noqa: ARG002 (nothing is bound without a key)
        return text

    def unseal(self, stored: str, *place: object) -> str:  # noqa: ARG002
        """The text that `seal` made `stored` of. Raises BrokenSealError."""
        return stored

    def pack(self, value: bytes, *place: object) -> bytes:  # noqa: ARG002
        return _deflated(value)

    def unpack(self, stored: bytes, *place: object) -> bytes:  # noqa: ARG002
        """The bytes that `pack` made `stored` of. Raises BrokenSealError."""
        return _inflated(stored)

    def digest(self, text: str) -> str:
        """64 hexadecimal digits that no other text has; with a key, nobody can guess a text and compare."""
        from hashlib import sha256

        return sha256(text.encode()).hexdigest()


class KeyedSeal(Seal):
    mark = "aes"
    encrypts = True

    def __init__(self, words: bytes, chain: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(words)
        self._chain = chain

    def seal(self, text: str, *place: object) -> str:
        return f"{_SEALED}{b64encode(self.pack(text.encode(), *place)).decode()}"

    def unseal(self, stored: str, *place: object) -> str:
        if not is_sealed(stored):
            raise BrokenSealError("plain text among encrypted")
        try:
            sealed = b64decode(stored.removeprefix(_SEALED), validate=True)
        except ValueError as exc:
            raise BrokenSealError("cut") from exc
        return self.unpack(sealed, *place).decode()

    def pack(self, value: bytes, *place: object) -> bytes:
        import os

        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, super().pack(value), _bound(place))

    def unpack(self, stored: bytes, *place: object) -> bytes:
        from cryptography.exceptions import InvalidTag

        if len(stored) < _NONCE_BYTES + _TAG_BYTES:
            raise BrokenSealError("cut")
        try:
            value = self._cipher.decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], _bound(place))
        except InvalidTag as exc:
            raise BrokenSealError("changed") from exc
        return super().unpack(value)

    def digest(self, text: str) -> str:
        import hmac

        return hmac.digest(self._chain, text.encode(), "sha256").hex()


def unsealed(seal: Seal, stored: str, value: bytes) -> tuple[str, bytes]:
    """The type and bytes of one of the graph's values. Raises BrokenSealError, for a plain one too if seals encrypt."""
    kind, _, mark = stored.partition("+")
    if kind not in TYPES or (mark != seal.mark and (mark or seal.encrypts)):
        raise BrokenSealError(f"type {stored!r}")
    # A database of before there were seals.
    return (kind, seal.unpack(value, kind)) if mark else (kind, value)


def outline(seal: Seal, checkpoint: Mapping[str, Any]) -> str:
    """The digest of a checkpoint without its values, which have seals of their own: which versions of them it joins."""
    import json

    return seal.digest(json.dumps({**checkpoint, "channel_values": None}, sort_keys=True))


def holds(seal: Seal, checkpoint: Any, metadata: Any) -> bool:
    """Whether a server's checkpoint is the one that was written."""
    of_its_kind = isinstance(checkpoint, dict) and isinstance(metadata, dict)
    return of_its_kind and metadata.get(OUTLINE) == outline(seal, checkpoint)


def is_sealed(stored: str) -> bool:
    """Whether `stored` looks like a text that was sealed with a key."""
    return stored.startswith(_SEALED)


class Lock(NamedTuple):
    """How a database remembers that it is encrypted: the salt of its keys, and by what the right key is known."""

    salt: bytes
    check: bytes

    @property
    def text(self) -> str:
        return f"{_FORM} {self.salt.hex()} {self.check.hex()}"


def new_key() -> str:
    """A key as it is kept: 32 random bytes, base64."""
    import os

    return urlsafe_b64encode(os.urandom(KEY_BYTES)).decode().rstrip("=")


def read_key(text: str) -> bytes | None:
    """The bytes of a key as a person gives it, in either alphabet of base64; None for what is no key."""
    try:
        key = urlsafe_b64decode(f"{text.strip().rstrip('=').replace('+', '-').replace('/', '_')}=")
    except ValueError:
        return None
    return key if len(key) == KEY_BYTES else None


def read_lock(text: str) -> Lock | None:
    """None for what is no lock."""
    form, *parts = text.split(" ")
    try:
        salt, check = map(bytes.fromhex, parts)
    except ValueError:
        return None
    return Lock(salt, check) if form == _FORM else None


def locked(key: bytes) -> Lock:
    """The lock of a new database."""
    import os

    salt = os.urandom(_SALT_BYTES)
    return Lock(salt, _drawn(key, salt)[2])


def unlocked(lock: Lock, key: bytes) -> KeyedSeal | None:
    """The database's seal; None if this is not its key."""
    from hmac import compare_digest

    words, chain, check = _drawn(key, lock.salt)
    return KeyedSeal(words, chain) if compare_digest(check, lock.check) else None


def _drawn(key: bytes, salt: bytes) -> tuple[bytes, bytes, bytes]:
    """The keys for words and for chains, and the check value: none tells anything of another."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    drawn = HKDF(SHA256(), 3 * KEY_BYTES, salt, b"octo storage").derive(key)
    return drawn[:KEY_BYTES], drawn[KEY_BYTES : 2 * KEY_BYTES], drawn[2 * KEY_BYTES :]


def _bound(place: tuple[object, ...]) -> bytes:
    return "\0".join(map(str, place)).encode()


def _deflated(value: bytes) -> bytes:
    # A window no wider than the value: for most of them, setting up the widest would cost more than all the rest.
    width = min(max(len(value).bit_length(), _NARROWEST), zlib.MAX_WBITS)
    deflater = zlib.compressobj(1, zlib.DEFLATED, width, width - _NARROWEST + 1)
    return deflater.compress(value) + deflater.flush()


def _inflated(stored: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        value = inflater.decompress(stored, _MOST_BYTES)
    except zlib.error as exc:
        raise BrokenSealError("changed") from exc
    if not inflater.eof or inflater.unused_data:
        raise BrokenSealError("cut")
    return value
