"""Which addresses may be fetched: the form of a URL, and the networks a name leads to. Opens no connection."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import httpx

from octo_cli.errors import Failed
from octo_cli.values.text import one_line

Address = IPv4Address | IPv6Address

LONGEST_URL: Final = 2000
_LONGEST_SHOWN: Final = 200

_NO_PART_OF_A_URL: Final = re.compile(r"[\s\x00-\x20\x7f\\]")
_HOST_NAME: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", re.I)
# "2130706433", "0x7f.1", "0177.0.0.1": some libraries read these as IPv4 addresses, and no honest page writes them.
_ENDS_IN_A_NUMBER: Final = re.compile(r"(?:^|\.)(?:\d+|0x[0-9a-f]*)$", re.I)

_GLOBAL_UNICAST: Final = ip_network("2000::/3")
_NAT64: Final = ip_network("64:ff9b::/96")
# Addresses `ipaddress` calls global that lead to a cloud's own services or nowhere anybody would publish a page.
_NOT_PUBLIC: Final = (
    ip_network("168.63.129.16/32"),  # Azure's WireServer
    ip_network("192.0.0.0/24"),  # IETF protocol assignments (RFC 6890), Oracle's metadata among them
    ip_network("192.88.99.0/24"),  # 6to4 relays, deprecated by RFC 7526
)


def url_of(text: str) -> httpx.URL:
    """The address `text` is, without its fragment. Raises Failed (web_bad_url) for any but a plain http(s) one."""
    refused = Failed("web_bad_url", url=shown(text))
    said = text.strip()
    if len(said) > LONGEST_URL or _NO_PART_OF_A_URL.search(said):
        raise refused
    try:
        url = httpx.URL(said)
    except (httpx.InvalidURL, ValueError) as exc:
        raise refused from exc
    host = url.raw_host.decode("ascii").rstrip(".")
    # "http://bank.example@evil.example/" shows one host and means another.
    if url.scheme not in ("http", "https") or url.userinfo or not 0 < (url.port or 443) < 65536:
        raise refused
    if _literal(host) is None and (not _HOST_NAME.fullmatch(host) or _ENDS_IN_A_NUMBER.search(host)):
        raise refused
    return url.copy_with(host=host, fragment=None)


def shown(url: str) -> str:
    """An address as it may stand in a sentence."""
    line = one_line(url)
    return line if len(line) <= _LONGEST_SHOWN else f"{line[: _LONGEST_SHOWN - 1]}…"


class Networks:
    """Where a fetch may lead: the public internet, and what the settings allow beyond it.

    `allowed` holds host names, addresses and networks ("10.0.0.0/8"); one with a port ("wiki.corp:8080") allows no
    other.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._networks: list[tuple[IPv4Network | IPv6Network, int | None]] = []
        self._hosts: set[tuple[str, int | None]] = set()
        for entry in allowed:
            self._allow(entry.strip().lower())

    def admits(self, host: str, port: int, address: Address) -> bool:
        """Whether `host`, which resolved to `address`, may be connected to."""
        if is_public(address):
            return True
        if not self._hosts.isdisjoint({(host.lower(), None), (host.lower(), port)}):
            return True
        plain = _inside(address) or address
        return any(plain in network and only in (None, port) for network, only in self._networks)

    def _allow(self, entry: str) -> None:
        host, port = _without_port(entry)
        try:
            self._networks.append((ip_network(host, strict=False), port))
        except ValueError:
            self._hosts.add((host.rstrip("."), port))


def is_public(address: Address) -> bool:
    """Whether an address is of the public internet, also the IPv4 one that an IPv6 address carries inside."""
    if inside := _inside(address):
        return is_public(inside)
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _NOT_PUBLIC)


def address_of(text: str) -> Address:
    """An address as a resolver gives it. Raises ValueError."""
    return ip_address(text)


def _literal(host: str) -> Address | None:
    try:
        found = ip_address(host)
    except ValueError:
        return None
    # "fe80::1%eth0" names an interface of this machine.
    return None if getattr(found, "scope_id", None) else found


def _inside(address: Address) -> IPv4Address | None:
    """The IPv4 address an IPv6 one stands for: mapped, 6to4 or NAT64."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _without_port(entry: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(\[[^\]]+\]|[^:]+):(\d{1,5})", entry)
    host, port = (match[1], int(match[2])) if match else (entry, None)
    return host.removeprefix("[").removesuffix("]"), port
