"""What a page says: its bytes in whatever encoding and format, and what is left out of it."""

import asyncio
import zlib
from io import BytesIO

import pytest
from pypdf import PdfReader, PdfWriter

from octo_cli.agents.web.reading import BOUNDS, LONGEST_TEXT, Page, Source, Unreadable, read, read_apart
from octo_cli.errors import Failed

BODY = (
    "<article><h1>전입신고 안내</h1>"
    "<p>새 집으로 이사한 사람은 이사한 날부터 14일 안에 주민센터나 인터넷으로 전입신고를 해야 합니다.</p>"
    "<p>전입신고를 늦게 하면 <b>5만원</b> 이하의 과태료를 낼 수 있습니다. 신고할 때에는 신분증을 준비합니다.</p>"
    "<ul><li>신분증</li><li>임대차계약서</li></ul></article>"
)
HEAD = (
    "<title>전입신고 안내 | 정부</title><meta property='og:site_name' content='정부24'>"
    "<meta name='author' content='김 민수'><meta property='article:published_time' content='2026-10-02T10:00:00+09:00'>"
)


def html(head: str = HEAD, body: str = BODY) -> str:
    chrome = "<nav><a href='/'>처음으로</a> <a href='/x'>민원</a></nav>"
    page = f"<body>{chrome}{body}<footer>찾아오시는 길</footer></body>"
    return f"<!doctype html><html lang=ko><head>{head}</head>{page}</html>"


def source(body: str | bytes, media_type: str = "text/html", charset: str | None = None) -> Source:
    return Source("http://site.test/", media_type, charset, body.encode() if isinstance(body, str) else body)


def page_of(body: str | bytes, media_type: str = "text/html", charset: str | None = None) -> Page:
    page = read(source(body, media_type, charset))
    assert isinstance(page, Page)
    return page


def pdf(text: str, *, packed: bytes | None = None) -> bytes:
    """A PDF of one page with one line of text, or with a packed stream of instructions."""
    drawing = packed or f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    form = "/Filter /FlateDecode " if packed else ""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        f"<<{form}/Length {len(drawing)}>>\nstream\n".encode() + drawing + b"\nendstream",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Title(Residence)/Author(Kim)/CreationDate(D:20261002100000)>>",
    ]
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, item in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + item + b"\nendobj\n"
    start = len(out)
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode()
    out += f"trailer\n<</Size {len(objects) + 1}/Root 1 0 R/Info 6 0 R>>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def locked(raw: bytes) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(BytesIO(raw)))
    writer.encrypt("secret", algorithm="RC4-128")
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_page_is_its_main_text_and_who_wrote_it_when() -> None:
    page = page_of(html())
    assert (page.title, page.site, page.date, page.author) == ("전입신고 안내", "정부24", "2026-10-02", "김 민수")
    assert page.text.startswith("# 전입신고 안내\n\n새 집으로 이사한 사람은")
    assert "**5만원**" in page.text
    assert "- 신분증" in page.text
    assert "처음으로" not in page.text
    assert "찾아오시는" not in page.text
    assert not page.thin


ENCODED = html(head="<title>전입신고 똠방각하 뷁</title>")


def declaring(meta: str) -> bytes:
    return ENCODED.replace("<head>", f"<head>{meta}").encode("cp949")


@pytest.mark.parametrize(
    ("raw", "charset"),
    [
        (ENCODED.encode("cp949"), "euc-kr"),
        (ENCODED.encode("cp949"), "EUC-KR"),
        (ENCODED.encode("cp949"), "ks_c_5601-1987"),
        (ENCODED.encode("cp949"), None),
        (ENCODED.encode("cp949"), "no-such-charset"),
        (ENCODED.encode("cp949"), "punycode"),
        (ENCODED.encode("cp949"), "utf-8"),  # what a server says of all its pages
        (declaring("<meta charset=euc-kr>"), None),
        (declaring("<meta http-equiv=Content-Type content=\'text/html; charset=x-windows-949\'>"), None),
        (ENCODED.encode(), None),
        (ENCODED.encode(), "ascii"),
        (ENCODED.encode("utf-8-sig"), "euc-kr"),
        (ENCODED.encode("utf-16"), None),
        (ENCODED.encode("johab"), "johab"),
    ],
)  # fmt: skip
def test_a_page_is_read_in_the_encoding_it_is_in(raw: bytes, charset: str | None) -> None:
    if charset == "ascii":
        raw = ENCODED.encode("ascii", "xmlcharrefreplace")
    if charset == "johab":
        raw = ENCODED.replace("똠방각하 뷁", "").encode("johab")
    page = page_of(raw, charset=charset)
    assert page.title.startswith("전입신고")
    assert "주민센터나 인터넷으로 전입신고를" in page.text


def test_one_broken_byte_hides_nothing_else() -> None:
    raw = html().encode().replace("신분증".encode(), b"\xff\xfe", 1)
    assert "주민센터나 인터넷으로" in page_of(raw, charset="utf-8").text


def test_a_page_with_hardly_any_text_is_known_for_it() -> None:
    page = page_of("<html><title>t</title><body><a href=/>Menu</a><div id=app>Loading…</div></body></html>")
    assert page.thin
    assert "Loading…" in page.text


@pytest.mark.parametrize(
    ("body", "media_type", "reason"),
    [
        ("<html><body><div id=app></div><script>start()</script></body></html>", "text/html", "no_text"),
        ("", "text/html", "no_text"),
        ("  \n", "text/plain", "no_text"),
        (b"\x00\x01\x02binary", "application/octet-stream", "unreadable"),
        (b"%PDF-1.7 and nothing more", "application/pdf", "unreadable"),
        (locked(pdf("secret")), "application/pdf", "locked"),
    ],
)
def test_what_has_nothing_to_read(body: str | bytes, media_type: str, reason: str) -> None:
    assert read(source(body, media_type)) == Unreadable(reason)


@pytest.mark.parametrize("media_type", ["application/pdf", "application/octet-stream", ""])
def test_a_pdf(media_type: str) -> None:
    page = page_of(pdf("Move in, then report within 14 days."), media_type)
    assert (page.title, page.author, page.date) == ("Residence", "Kim", "2026-10-02")
    assert page.text == "Move in, then report within 14 days."


@pytest.mark.parametrize(
    ("body", "media_type", "title", "text", "prose"),
    [
        ('{"가": [1]}', "application/json", "", '{\n  "가": [\n    1\n  ]\n}', False),
        ('{"a":1}', "application/vnd.api+json", "", '{\n  "a": 1\n}', False),
        ("[" * 100_000, "application/json", "", "[" * LONGEST_TEXT, False),
        ("# Title #\n\ntext", "text/markdown", "Title", "# Title #\n\ntext", True),
        ("line\r\nline", "text/plain", "", "line\nline", True),
        ("plain words", "", "", "plain words", True),
    ],
)
def test_other_kinds(body: str, media_type: str, title: str, text: str, prose: bool) -> None:
    page = page_of(body, media_type)
    assert (page.title, page.text, page.prose) == (title, text, prose)


def test_nothing_in_a_page_drives_a_terminal() -> None:
    page = page_of("a\x1b[31mred\x07\u202e\u200b b", "text/plain")
    assert page.text == "a[31mred b"
    title = page_of(html(head="<title>a\u202e\n\x1b]0;b\x07</title>", body="<p>글입니다.</p>")).title
    assert title == "a ]0;b"


def test_a_page_is_read_in_another_process() -> None:
    assert asyncio.run(read_apart(source(html()))) == read(source(html()))


def test_a_page_that_takes_for_ever_to_read_is_given_up() -> None:
    drawing = b"BT /F1 12 Tf 72 720 Td (text) Tj ET\n" * 300_000
    endless = source(pdf("", packed=zlib.compress(drawing)), "application/pdf")
    with pytest.raises(Failed) as raised:
        asyncio.run(read_apart(endless, BOUNDS._replace(seconds=1)))
    assert raised.value.code == "web_unreadable"
