"""PDF, Word, web pages and source code in the folders: what is read, how it is cited, what is refused and why."""

import subprocess
import zipfile
from pathlib import Path

import pytest
from pypdf import PdfWriter

from octo_cli.agents.folders import Findings, FolderIndex
from octo_cli.agents.folders.extraction import BOUNDS, extractor, text_apart
from octo_cli.agents.folders.formats import Unreadable
from tests.agents.papers import line, put_docx, put_pdf


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


@pytest.fixture
def index(tmp_path: Path, notes: Path) -> FolderIndex:
    return FolderIndex(tmp_path / "data" / "search.sqlite", [notes])


def cited(found: Findings) -> list[tuple[str, str, int, str, str]]:
    return [
        (file.path, file.unit, place.number, place.heading, place.snippet)
        for file in found.files
        for place in file.places
    ]


def test_a_pdf_is_cited_by_page(index: FolderIndex, notes: Path) -> None:
    put_pdf(
        notes / "lease.pdf", line("About parking."), line("Nothing here."), line("The security deposit is returned.")
    )
    assert cited(index.search("deposit")) == [
        ("notes/lease.pdf", "page", 3, "", "The security **deposit** is returned.")
    ]
    assert cited(index.search("parking"))[0][2] == 1


def test_a_word_file_is_cited_by_paragraph_and_heading(index: FolderIndex, notes: Path) -> None:
    put_docx(notes / "안내.docx")
    assert cited(index.search("돌려받습니다")) == [
        ("notes/안내.docx", "paragraph", 2, "임대차 안내", "보증금은 계약이 끝나면 **돌려받습니다**.")
    ]
    assert cited(index.search("관리비")) == [("notes/안내.docx", "paragraph", 4, "임대차 안내", "**관리비** \\| 5만원")]
    assert cited(index.search("항목"))[0][4] == "**항목** \\| 금액"
    assert cited(index.search("행사"))[0][2:4] == (6, "갱신")
    assert cited(index.search("갱신"))[0][4] == "**갱신**"


def test_a_web_page_is_cited_by_the_lines_of_its_file(index: FolderIndex, notes: Path) -> None:
    (notes / "page.html").write_text(
        "<html><head><title>집 구하기</title>\n"
        "<script>\nvar 비밀 = '</b>고래';\n</script><style>p { color: 고래 }</style>\n"
        "</head><body>\n"
        "<h2>보증<b>금</b> 반환</h2>\n"
        "<p>집주인은 <i>보증</i>금을\n돌려준다.</p><p>다음</p>문단 &lt;끝&gt;\n",
        encoding="utf-8",
    )
    assert cited(index.search("보증금"))[0][1:] == ("line", 6, "", "**보증금** 반환")
    assert cited(index.search("보증금"))[1][1:] == ("line", 7, "보증금 반환", "집주인은 **보증금**을")
    assert cited(index.search('"다음 문단"'))[0][4].endswith("**다음 문단** \\<끝\\>")
    assert cited(index.search("구하기"))[0][2] == 1
    assert index.search("고래").files == ()
    assert index.search("color").files == ()


@pytest.mark.parametrize(
    ("query", "marked"),
    [
        ("lease", "class **Lease**AgentParser:"),
        ("agent", "class Lease**Agent**Parser:"),
        ("LeaseAgentParser", "class **LeaseAgentParser**:"),
        ("leaseagentparser", "class **LeaseAgentParser**:"),
        ("lease_agent", "class **LeaseAgent**Parser:"),
        ("http", "def parse**HTTP**Header(self): ..."),
        ("deposit", "def read\\_**deposit**\\_rate(): ..."),
        ("readDepositRate", "def **read_deposit_rate**(): ..."),
        ("이율", "\\# **이율**을 읽는다"),
    ],
)
def test_names_in_source_code_are_found_by_their_parts(
    query: str, marked: str, index: FolderIndex, notes: Path
) -> None:
    (notes / "agent.py").write_text(
        "# 이율을 읽는다\ndef read_deposit_rate(): ...\n\n"
        "class LeaseAgentParser:\n    def parseHTTPHeader(self): ...\n",
        encoding="utf-8",
    )
    assert marked in [snippet for *_, snippet in cited(index.search(query))]


def test_a_letter_inside_a_name_is_no_part_of_it(index: FolderIndex, notes: Path) -> None:
    (notes / "a.py").write_text("leaseAgent = 1\n", encoding="utf-8")
    assert index.search("easeA").files == ()
    assert index.search("gent").files == ()


def test_a_file_only_its_owner_may_change_is_read(index: FolderIndex, notes: Path) -> None:
    put_pdf(notes / "a.pdf", line("The deposit."), owner="secret")
    assert [file.path for file in index.search("deposit").files] == ["notes/a.pdf"]


def put_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts, parts.open("word/document.xml", "w") as part:
        for _ in range(101):
            part.write(b"0" * 1_000_000)


def test_what_cannot_be_read_is_named_with_the_reason_and_the_rest_is_searched(index: FolderIndex, notes: Path) -> None:
    put_pdf(notes / "locked.pdf", line("deposit"), password="secret")
    (notes / "broken.pdf").write_bytes(b"%PDF-1.4\ngarbage")
    (notes / "broken.docx").write_bytes(b"PK\3\4garbage")
    (notes / "locked.docx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
    (notes / "empty.pdf").write_bytes(b"")
    (notes / "binary.html").write_bytes(bytes(range(256)) * 4)
    put_bomb(notes / "bomb.docx")
    scan = PdfWriter()
    scan.add_blank_page(100, 100)
    scan.write(notes / "scan.pdf")
    put_pdf(notes / "z.pdf", line("The deposit."))
    for _ in range(2):
        found = index.search("deposit")
        assert [file.path for file in found.files] == ["notes/z.pdf"]
        assert {tuple(skipped) for skipped in found.skipped} == {
            ("notes/locked.pdf", "encrypted"),
            ("notes/locked.docx", "encrypted"),
            ("notes/broken.pdf", "broken"),
            ("notes/broken.docx", "broken"),
            ("notes/empty.pdf", "broken"),
            ("notes/binary.html", "binary"),
            ("notes/bomb.docx", "too_large"),
            ("notes/scan.pdf", "no_text"),
        }


def test_changed_and_deleted_ones_are_noticed(index: FolderIndex, notes: Path) -> None:
    put_pdf(notes / "a.pdf", line("whale"))
    assert index.search("whale").searched == 1
    put_pdf(notes / "a.pdf", line("shark and more"))
    assert index.search("whale").files == ()
    assert index.search("shark").searched == 1
    (notes / "a.pdf").unlink()
    assert index.search("shark").searched == 0


def test_a_file_that_takes_too_long_is_given_up_and_its_process_ended(tmp_path: Path) -> None:
    put_pdf(tmp_path / "slow.pdf", "(a) Tj " * 1_000_000)
    with extractor(most=BOUNDS._replace(seconds=0.4)) as child, pytest.raises(Unreadable) as raised:
        text_apart(child, "pdf", (tmp_path / "slow.pdf").read_bytes())
    assert raised.value.reason == "slow"


def test_who_leaves_waits_for_no_file(index: FolderIndex, notes: Path) -> None:
    put_pdf(notes / "a.pdf", "(a) Tj " * 1_000_000)
    looks = iter([False] * 3)
    assert index.search("whale", stopped=lambda: next(looks, True)).searched == 0
    put_pdf(notes / "a.pdf", line("whale"))
    assert index.search("whale").searched == 1


def test_a_reader_that_dies_is_replaced(tmp_path: Path) -> None:
    put_pdf(tmp_path / "a.pdf", line("whale"))
    raw = (tmp_path / "a.pdf").read_bytes()
    with extractor() as reader:
        assert text_apart(reader, "pdf", raw) == "whale"
        child = reader._child
        assert isinstance(child, subprocess.Popen)
        child.kill()
        child.wait()
        with pytest.raises(Unreadable) as raised:
            text_apart(reader, "pdf", raw)
        assert raised.value.reason == "broken"
        assert text_apart(reader, "pdf", raw) == "whale"
