"""Fetching under guard: what is refused, what is bounded, and that a refused address is never connected to."""

import asyncio
import gzip
import ssl
import tracemalloc
import zlib
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from octo_cli import __version__
from octo_cli.agents.web.addresses import Networks, is_public, url_of
from octo_cli.agents.web.fetching import Fetched, Fetcher, Resolve, resolve
from octo_cli.agents.web.robots import Robots
from octo_cli.errors import Failed
from octo_cli.settings import WebSettings
from tests.agents.sites import CERTIFICATE, Answer, Visit, page, redirect, serving

# No authorities: loading them takes longer than all the rest of a test.
UNUSED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
HERE = WebSettings(allow_private=("127.0.0.1",), robots=False, timeout=10)


def fetched(
    *addresses: str, settings: WebSettings = HERE, resolve: Resolve = resolve, tls: ssl.SSLContext = UNUSED
) -> list[Fetched]:
    async def story() -> list[Fetched]:
        async with Fetcher(settings, "ko", resolve=resolve, tls=tls) as fetcher:
            return [await fetcher.fetch(address) for address in addresses]

    return asyncio.run(story())


def refusal(
    address: str, settings: WebSettings = HERE, resolve: Resolve = resolve, tls: ssl.SSLContext = UNUSED
) -> Failed:
    with pytest.raises(Failed) as raised:
        fetched(address, settings=settings, resolve=resolve, tls=tls)
    assert raised.value.values["url"]
    return raised.value


def answering(*answers: Sequence[str]) -> Resolve:
    """A resolver that gives these answers one after the other, and the last one from then on."""
    left = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


# Which addresses


SPELLINGS = (
    "http://127.0.0.1:{port}/",
    "http://127.0.0.2:{port}/",
    "http://127.1:{port}/",
    "http://127.0.1:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7F.0x0.0x0.0x1:{port}/",
    "http://0x7f.1:{port}/",
    "http://017700000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://0177.0.0.01:{port}/",
    "http://127.0.0.1%00:{port}/",
    "http://127%2e0.0.1:{port}/",
    "http://%31%32%37.0.0.1:{port}/",
    "http://127。0。0。1:{port}/",
    "http://１２７.0.0.1:{port}/",
    "http://①②⑦.⓪.⓪.①:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://localhost:{port}/",
    "http://localhost.:{port}/",
    "http://LOCALHOST:{port}/",
    "http://ｌｏｃａｌｈｏｓｔ:{port}/",
    "http://[::1]:{port}/",
    "http://[::]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[64:ff9b:1::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://[2001:0:7f00:1::]:{port}/",
    "http://[fe80::1%25lo]:{port}/",
    "http://[::1%25lo]:{port}/",
    "http://[fec0::1]:{port}/",
    "http://[ff02::1]:{port}/",
    "http://example.com@127.0.0.1:{port}/",
    "http://example.com:80@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}@example.invalid/",
    "http://127.0.0.1:{port}\\@example.com/",
    "http:\\\\127.0.0.1:{port}\\",
    "http://127.0.0.1:{port}#@example.com/",
    "http://127.0.0.1\t:{port}/",
    "http://127.0.0.1 :{port}/",
    "http://127.0.0.1\r\nHost: example.com:{port}/",
    "http:///127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "127.0.0.1:{port}",
    "http://.127.0.0.1:{port}/",
    "http://127.0.0.1..:{port}/",
    "http://10.0.0.1:{port}/",
    "http://172.16.0.1:{port}/",
    "http://192.168.0.1:{port}/",
    "http://100.64.0.1:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://168.63.129.16/metadata/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://100.100.100.200/latest/meta-data/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/",
    "javascript:alert(1)",
    "data:text/html,hello",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:99999/",
    "http://",
    "http://example.invalid/" + "a" * 3000,
)


def test_no_spelling_of_a_private_address_is_connected_to() -> None:
    with serving({"/": page("secret")}) as site:
        for spelling in SPELLINGS:
            address = spelling.format(port=site.port)
            refused = refusal(address, WebSettings(robots=False))
            assert refused.code in ("web_private", "web_bad_url"), address
        assert site.asked == []


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "127.8.8.8", "192.168.1.1", "169.254.1.1", "100.64.0.9", "0.0.0.0", "240.0.0.1", "239.1.1.1",
     "192.0.0.192", "192.88.99.1", "198.18.0.1", "203.0.113.7", "168.63.129.16", "::1", "::", "fc00::1", "fe80::1",
     "fec0::1", "ff0e::1", "2001:db8::1", "2001::1", "2002:0a00:0001::", "64:ff9b::a00:1", "::ffff:10.0.0.1",
     "::10.0.0.1", "64:ff9b:1::1", "100::1", "::ffff:0:10.0.0.1"],
)  # fmt: skip
def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    assert not is_public(ip_address(address))
    for answer in ([address], ["93.184.215.14", address]):
        refused = refusal("http://site.test/", resolve=answering(answer))
        assert (refused.code, refused.values["host"]) == ("web_private", "site.test")


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:0101:0101::"],
)
def test_the_public_internet_is_not_refused(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    ("allowed", "host", "port", "address", "admitted"),
    [
        ("127.0.0.1", "127.0.0.1", 80, "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", 80, "127.0.0.2", False),
        ("127.0.0.1:8080", "127.0.0.1", 8080, "127.0.0.1", True),
        ("127.0.0.1:8080", "127.0.0.1", 80, "127.0.0.1", False),
        ("10.0.0.0/8", "wiki.corp", 443, "10.20.30.40", True),
        ("10.0.0.0/8", "wiki.corp", 443, "11.0.0.1", True),  # public anyway
        ("10.0.0.0/8", "wiki.corp", 443, "172.16.0.1", False),
        ("10.0.0.0/8", "wiki.corp", 443, "::ffff:10.0.0.1", True),
        ("wiki.corp", "WIKI.corp", 443, "172.16.0.1", True),
        ("wiki.corp", "evil.corp", 443, "172.16.0.1", False),
        ("wiki.corp:8443", "wiki.corp", 443, "172.16.0.1", False),
        ("::1", "::1", 80, "::1", True),
        ("[::1]:8080", "::1", 8080, "::1", True),
        ("[::1]:8080", "::1", 80, "::1", False),
        ("fd00::/8", "box", 80, "fd12::1", True),
        ("nonsense/99", "127.0.0.1", 80, "127.0.0.1", False),
    ],
)
def test_what_the_settings_allow(allowed: str, host: str, port: int, address: str, admitted: bool) -> None:
    assert Networks((allowed,)).admits(host, port, ip_address(address)) is admitted


def test_a_name_that_answers_differently_a_moment_later_leads_nowhere() -> None:
    asked: list[str] = []
    answers = answering(["127.0.0.1"], ["127.0.0.2"])

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return await answers(host, port)

    with serving({"/": page("public"), "/again": page("secret")}) as site:
        address = f"http://site.test:{site.port}"
        (came,) = fetched(f"{address}/", resolve=rebinding)
        assert (came.body, asked) == (b"public", ["site.test"])
        # The page is reached by its name and the connection by its checked address.
        assert site.asked[0][1]["Host"] == f"site.test:{site.port}"
        assert refusal(f"{address}/again", resolve=rebinding).code == "web_private"
        assert site.paths == ["/"]


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    settings = HERE._replace(allow_private=("127.0.0.0/8",))
    with serving({"/": page("here")}) as site:
        answer = answering(["127.0.0.3", "127.0.0.1"])
        (came,) = fetched(f"http://site.test:{site.port}/", settings=settings, resolve=answer)
    assert came.body == b"here"


@pytest.mark.parametrize("answer", [[], ["no address"]])
def test_a_name_without_an_address(answer: list[str]) -> None:
    assert refusal("http://site.test/", resolve=answering(answer)).code == "web_unknown_host"


def test_a_closed_port_is_said() -> None:
    with serving({}) as site:
        address = site.url
    assert refusal(address).code == "web_unreachable"


# Encrypted


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(CERTIFICATE))


def test_encryption_keeps_the_name_though_the_address_is_pinned() -> None:
    here = answering(["127.0.0.1"])
    with serving({"/": page("sealed")}, tls=True) as site:
        (came,) = fetched(f"https://site.test:{site.port}/", resolve=here, tls=trusting())
        assert came.body == b"sealed"
        for address in (f"https://other.test:{site.port}/", f"https://127.0.0.1:{site.port}/"):
            assert refusal(address, resolve=here, tls=trusting()).code == "web_unreachable"


def test_an_encrypted_page_leads_to_no_open_one() -> None:
    with serving({"/": page("open")}) as plain, serving({"/": redirect(f"{plain.url}/")}, tls=True) as sealed:
        address = f"https://site.test:{sealed.port}/"
        assert refusal(address, resolve=answering(["127.0.0.1"]), tls=trusting()).code == "web_downgrade"
        assert plain.asked == []


# Redirects


@pytest.mark.parametrize(
    "to",
    ["http://127.0.0.2:{port}/secret", "http://[::1]:{port}/secret", "//0.0.0.0:{port}/secret", "http://10.0.0.1/",
     "http://169.254.169.254/latest/meta-data/", "http://[::ffff:127.0.0.2]:{port}/secret"],
)  # fmt: skip
@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_is_checked_like_the_first_address(to: str, status: int) -> None:
    with serving({"/secret": page("secret")}) as site:
        site.pages["/"] = redirect(to.format(port=site.port), status)
        assert refusal(f"{site.url}/").code == "web_led_inside"
        assert site.paths == ["/"]


@pytest.mark.parametrize("to", ["file:///etc/passwd", "http://2130706433/", "http://a@127.0.0.1/", "gopher://x/", "\\"])
def test_a_redirect_to_no_web_address_is_a_broken_answer(to: str) -> None:
    with serving({"/": redirect(to), "/%5C": page("", status=404)}) as site:
        assert refusal(f"{site.url}/").code in ("web_broken", "web_status")


def test_redirects_are_followed_and_named_by_where_they_end() -> None:
    with serving({"/": redirect("/a?b=1#c"), "/a": redirect("b/c"), "/b/c": page("end")}) as site:
        (came,) = fetched(f"{site.url}/#start")
        assert (came.url, came.final_url) == (f"{site.url}/", f"{site.url}/b/c")
        assert site.paths == ["/", "/a?b=1", "/b/c"]


def test_five_redirects_are_followed_and_no_sixth() -> None:
    pages: dict[str, Answer] = {f"/{number}": redirect(f"/{number - 1}") for number in range(1, 7)}
    with serving({**pages, "/0": page("end")}) as site:
        (came,) = fetched(f"{site.url}/5")
        assert came.final_url == f"{site.url}/0"
        assert refusal(f"{site.url}/6").code == "web_redirects"
        site.pages["/"] = redirect("/")
        assert refusal(f"{site.url}/").code == "web_redirects"


def test_nothing_of_one_site_goes_to_another() -> None:
    with serving({"/": page("b")}) as other, serving({}) as site:
        site.pages["/"] = redirect(f"{other.url}/", Set_Cookie="session=1; Path=/; Domain=127.0.0.1")
        fetched(f"{site.url}/", f"{other.url}/")
        for _, headers, _ in (*site.asked, *other.asked):
            assert headers.keys() <= {
                "Host",
                "User-Agent",
                "Accept",
                "Accept-Encoding",
                "Accept-Language",
                "Connection",
            }
            assert headers["User-Agent"] == f"octo/{__version__}"


# Size and time


def sized(most: int) -> WebSettings:
    return HERE._replace(max_bytes=most)


def endless(visit: Visit) -> None:
    visit.head(Content_Type="text/plain")
    while True:
        visit.wfile.write(b"x" * 65536)


def announced(visit: Visit) -> None:
    visit.head(Content_Type="text/plain", Content_Length="100")
    visit.wfile.write(b"x" * 10)


def silent(visit: Visit) -> None:
    visit.site.closing.wait(20)


def drop_by_drop(visit: Visit) -> None:
    visit.head(Content_Type="text/plain", Content_Length="1000")
    while not visit.site.closing.wait(0.05):
        visit.wfile.write(b"x")


def bomb(size: int) -> bytes:
    packing = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return b"".join(packing.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packing.flush()


def test_a_page_up_to_the_limit_is_taken_and_no_larger_one() -> None:
    with serving({"/": page("x" * 2000, "text/plain")}) as site:
        assert len(fetched(f"{site.url}/", settings=sized(2000))[0].body) == 2000
        assert refusal(f"{site.url}/", sized(1999)).code == "web_too_large"


def test_an_endless_page_ends() -> None:
    with serving({"/": endless}) as site:
        assert refusal(f"{site.url}/", sized(100_000)).code == "web_too_large"


def test_the_limit_holds_for_what_is_unpacked() -> None:
    packed = bomb(64 << 20)
    twice = gzip.compress(packed)
    with serving(
        {
            "/bomb": page(packed, "text/plain", Content_Encoding="gzip"),
            "/twice": page(twice, "text/plain", Content_Encoding="gzip, gzip"),
            "/parts": page(gzip.compress(b"one ") + gzip.compress(b"two"), "text/plain", Content_Encoding="gzip"),
            "/cut": page(gzip.compress(b"a" * 1000)[:-12], "text/plain", Content_Encoding="gzip"),
            "/none": page("no gzip", "text/plain", Content_Encoding="gzip"),
            "/br": page("?", "text/plain", Content_Encoding="br"),
        }
    ) as site:
        tracemalloc.start()
        try:
            assert refusal(f"{site.url}/bomb", sized(1 << 20)).code == "web_too_large"
            assert tracemalloc.get_traced_memory()[1] < 16 << 20
        finally:
            tracemalloc.stop()
        assert fetched(f"{site.url}/parts")[0].body == b"one two"
        for path in ("/twice", "/cut", "/none", "/br"):
            assert refusal(f"{site.url}{path}").code == "web_broken", path


@pytest.mark.parametrize("answer", [silent, drop_by_drop])
def test_a_page_that_does_not_come_is_not_waited_for(answer: Answer) -> None:
    with serving({"/": answer}) as site:
        refused = refusal(f"{site.url}/", HERE._replace(timeout=0.4))
        assert (refused.code, refused.values["seconds"]) == ("web_timeout", "0.4")


def test_half_a_page_is_none() -> None:
    with serving({"/": announced}) as site:
        assert refusal(f"{site.url}/").code == "web_broken"


@pytest.mark.parametrize("status", [304, 400, 403, 404, 410, 429, 500, 503])
def test_a_status_that_is_no_page(status: int) -> None:
    with serving({"/": page("", status=status)}) as site:
        refused = refusal(f"{site.url}/")
        assert (refused.code, refused.values["status"]) == ("web_status", status)


@pytest.mark.parametrize("media_type", ["image/png", "video/mp4", "application/zip", "application/x-msdownload"])
def test_what_cannot_be_read_is_not_even_loaded(media_type: str) -> None:
    def answer(visit: Visit) -> None:
        visit.head(Content_Type=media_type)
        visit.site.closing.wait(20)

    with serving({"/": answer}) as site:
        refused = refusal(f"{site.url}/")
        assert (refused.code, refused.values["type"]) == ("web_type", media_type)


# robots.txt


ROBOTS = """\
# comments and what no rule is are left out
Sitemap: https://example.com/map
User-agent: *
Disallow: /

User-agent: other
User-agent: Octo/9.9  # a version
Disallow: /private
Allow: /private/open
Disallow: /*.pdf$
Disallow: /find?*q=
Crawl-delay: 10
Disallow: /가

User-agent: octo
Disallow: /late
"""


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/", True), ("/private", False), ("/private/x", False), ("/private/open/x", True), ("/a.pdf", False),
     ("/a.pdf?x", True), ("/find?a=1&q=2", False), ("/find?a=1", True), ("/%EA%B0%80", False), ("/late", False),
     ("/robots.txt", True)],
)  # fmt: skip
def test_the_longest_rule_of_the_programs_own_groups_decides(path: str, allowed: bool) -> None:
    assert Robots(ROBOTS, "octo").allows(path) is allowed
    assert Robots(ROBOTS, "stranger").allows(path) is (path == "/robots.txt")


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        ("User-agent: *\nDisallow:", "/x", True),
        ("", "/x", True),
        ("<html>not found</html>", "/x", True),
        ("\ufeffuser-AGENT: *\r\ndisallow : /x\r\n", "/x", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a", "/a", True),
        ("User-agent: *\nDisallow: *a*b*$", "/xaxbx", False),
        ("User-agent: *\nDisallow: /a$", "/ab", True),
        ("User-agent: *\nDisallow: /" + "*a" * 5000, "/" + "a" * 4000, True),
        ("Disallow: /x", "/x", True),
    ],
)
def test_rules_as_they_are_written(text: str, path: str, allowed: bool) -> None:
    assert Robots(text, "octo").allows(path) is allowed


OBEDIENT = HERE._replace(robots=True)


def site_with(robots: Answer) -> dict[str, Answer]:
    return {"/robots.txt": robots, "/": page("home"), "/private": page("secret"), "/out": redirect("/private")}


def test_robots_are_asked_once_a_site_and_heeded_on_the_way() -> None:
    with serving(site_with(page("User-agent: *\nDisallow: /private", "text/plain"))) as site:
        assert [came.body for came in fetched(f"{site.url}/", f"{site.url}/", settings=OBEDIENT)] == [b"home", b"home"]
        assert site.paths == ["/robots.txt", "/", "/"]
        assert refusal(f"{site.url}/private", OBEDIENT).code == "web_robots"
        assert refusal(f"{site.url}/out", OBEDIENT).code == "web_robots"
        assert "/private" not in site.paths
        assert fetched(f"{site.url}/out")[0].body == b"secret"  # the setting is off


@pytest.mark.parametrize(
    ("robots", "code"),
    [
        (page("", status=404), None),
        (page("User-agent: *\nDisallow: /", "text/plain", status=403), None),
        (redirect("/robots.txt"), None),
        (page("User-agent: *\nDisallow: /\n" + "#" * 600_000, "image/png"), "web_robots"),
        (page("", status=503), "web_robots_unavailable"),
        (announced, "web_broken"),
    ],
)
def test_a_site_whose_robots_do_not_come(robots: Answer, code: str | None) -> None:
    with serving(site_with(robots)) as site:
        if code is None:
            assert fetched(f"{site.url}/", settings=OBEDIENT)[0].body == b"home"
        else:
            assert refusal(f"{site.url}/", OBEDIENT).code == code
            assert "/" not in site.paths


def test_an_address_is_taken_with_a_korean_name_and_without_its_fragment() -> None:
    assert str(url_of(" http://한글.kr/가?b=나#다 ")) == "http://xn--bj0bj06e.kr/%EA%B0%80?b=%EB%82%98"
    assert str(url_of("http://Example.COM./x")) == "http://example.com/x"
