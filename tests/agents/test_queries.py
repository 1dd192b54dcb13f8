"""The query language on real folders: what is syntax, what stays a word, and which files a query means."""

import pytest

from octo_cli.agents.folders import FolderIndex, query_of
from octo_cli.reasoning.topics import topic_of
from tests.agents.papers import line, put_docx, put_pdf


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> FolderIndex:
    folder = tmp_path_factory.mktemp("queries")
    home = folder / "home"
    (home / "영수증" / "2026").mkdir(parents=True)
    (home / "영수증" / "2026" / "월세.md").write_text("보증금과 월세 영수증", encoding="utf-8")
    (home / "계약.md").write_text("보증금 계약. 해지하면 돌려준다.", encoding="utf-8")
    (home / "page.html").write_text("<p>보증금 안내 deposit</p>", encoding="utf-8")
    put_docx(home / "안내.docx")
    put_pdf(home / "lease.pdf", line("The deposit."))
    (home / "rent.py").write_text("deposit = 1\n", encoding="utf-8")
    return FolderIndex(folder / "data" / "search.sqlite", [home])


@pytest.mark.parametrize(
    ("query", "files"),
    [
        ("보증금", {"영수증/2026/월세.md", "계약.md", "page.html", "안내.docx"}),
        ("보증금 -해지", {"영수증/2026/월세.md", "page.html", "안내.docx"}),
        ('보증금 -"월세 영수증"', {"계약.md", "page.html", "안내.docx"}),
        ("보증금 - 해지", {"영수증/2026/월세.md", "계약.md", "page.html", "안내.docx"}),
        ('"보증금과 월세"', {"영수증/2026/월세.md"}),
        ("보증금 in:영수증", {"영수증/2026/월세.md"}),
        ('보증금 in:"영수증/2026"', {"영수증/2026/월세.md"}),
        ("보증금 폴더:2026", {"영수증/2026/월세.md"}),
        ("보증금 in:none", set()),
        ("보증금 *.docx", {"안내.docx"}),
        ("보증금 *.docx *.HTML", {"안내.docx", "page.html"}),
        ("워드 문서에서 보증금", {"안내.docx"}),
        ("마크다운 파일에서만 보증금", {"영수증/2026/월세.md", "계약.md"}),
        ("deposit in my PDFs", {"lease.pdf"}),
        ("deposit in the source code files", {"rent.py"}),
        ("depo* in html", {"page.html"}),
        ("월세 보증금 영수증", {"영수증/2026/월세.md"}),
    ],
)
def test_a_query_means_these_files(query: str, files: set[str], index: FolderIndex) -> None:
    assert {file.path.removeprefix("home/") for file in index.search(query).files} == files


@pytest.mark.parametrize(
    ("said", "files"),
    [
        ("PDF 파일에서 deposit 찾아줘", {"lease.pdf"}),
        ("내 워드 문서에서 보증금 찾아줘", {"안내.docx"}),
        ("find the deposit in my PDF files", {"lease.pdf"}),
        ('"보증금과 월세"를 찾아줘', {"영수증/2026/월세.md"}),
        ('보증금 -"보증금과 월세" *.md 찾아줘', {"계약.md"}),
    ],
)
def test_a_plain_sentence_may_say_so_too(said: str, files: set[str], index: FolderIndex) -> None:
    found = index.search(query_of(topic_of(said), said=said))
    assert {file.path.removeprefix("home/") for file in found.files} == files
    assert found.absent == ()


@pytest.mark.parametrize(
    "query", ["2027-03-01", "전입-신고", "--verbose", "-12", "코드 리뷰", "password word", "PDF", "insert in place"]
)
def test_signs_and_names_inside_words_are_no_syntax(query: str) -> None:
    read = query_of(query)
    assert [term.typed for term in read.terms] == query.split()
    assert (read.without, read.suffixes, read.folders) == ((), frozenset(), ())
