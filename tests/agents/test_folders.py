"""The folder index on real folders: what it finds, what it leaves out, and what it survives."""

import os
import sqlite3
import stat
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from markdown_it import MarkdownIt

from octo_cli.agents.folders import Findings, FolderIndex
from octo_cli.values.terms import index_tokens, terms_of

LAW = "# 주거\n\n## 대항력\n\n주택임대차보호법은 전입신고를 마친 다음 날부터 적용된다.\n확정일자도 받는다.\n"
NOTE = "Landlords keep the deposit in a Café account.\nThe LangGraph contract ends 2027-03-01.\n"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


@pytest.fixture
def index(tmp_path: Path, notes: Path) -> FolderIndex:
    return FolderIndex(tmp_path / "data" / "search.sqlite", [notes])


def put(folder: Path, **files: str) -> None:
    """Write `name="text"` as name.md."""
    for name, text in files.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def paths(found: Findings) -> list[str]:
    return [file.path for file in found.files]


def snippets(found: Findings) -> list[str]:
    return [place.snippet for file in found.files for place in file.places]


def rows(tmp_path: Path, asked: str) -> list[Any]:
    with closing(sqlite3.connect(tmp_path / "data" / "search.sqlite")) as connection:
        return connection.execute(asked).fetchall()


# What is found


@pytest.mark.parametrize(
    ("query", "marked"),
    [
        ("보호", "보호"),
        ("차보", "차보"),
        ("임대차보호법", "임대차보호법"),
        ("법", "법"),
        ("은", "은"),
        ("전입신고", "전입신고"),
        ("전입신고가", "전입신고"),
        ("전입신고를", "전입신고를"),
        ("전입신고에서는", "전입신고"),
        ("적용된", "적용된"),
        ("임대*", "임대"),
        ('"다음 날부터"', "다음 날부터"),
        ("“마친 다음”", "마친 다음"),
        ("다음날부터", "다음 날부터"),
        ("임대차보호 없는말", "임대차보호"),
    ],
)
def test_korean_is_found_inside_words(query: str, marked: str, index: FolderIndex, notes: Path) -> None:
    put(notes, law=LAW, other=NOTE)
    found = index.search(query)
    assert paths(found) == ["notes/law.md"]
    assert f"**{marked}**" in snippets(found)[0]
    assert found.files[0].places[0].number == 5


@pytest.mark.parametrize(
    ("query", "marked"),
    [
        ("deposit", "deposit"),
        ("DEPOSIT", "deposit"),
        ("deposits", "deposit"),
        ("landlord", "Landlord"),
        ("landlord's", "Landlord"),
        ("lang*", "Lang"),
        ("cafe", "Café"),
        ("ＬａｎｇＧｒａｐｈ", "LangGraph"),
        ("2027-03-01", "2027-03-01"),
        ('"the deposit"', "the deposit"),
        ("LangGraph를", "LangGraph"),
    ],
)
def test_latin_is_found_by_word(query: str, marked: str, index: FolderIndex, notes: Path) -> None:
    put(notes, law=LAW, other=NOTE)
    found = index.search(query)
    assert paths(found) == ["notes/other.md"]
    assert f"**{marked}**" in snippets(found)[0]


@pytest.mark.parametrize("query", ["보차", "법전", "신고전입", '"날부터 다음"', "posit", "graph", "2027-03-02", "0"])
def test_what_is_not_there_is_not_found(query: str, index: FolderIndex, notes: Path) -> None:
    put(notes, law=LAW, other=NOTE)
    found = index.search(query)
    assert (found.files, found.share, found.searched) == ((), None, 2)


def test_every_part_of_every_korean_word_is_found(index: FolderIndex, notes: Path) -> None:
    text = "주택임대차보호법은 다음 날 0시부터 漢字와 かな까지"
    put(notes, all=text)
    for word in text.split():
        for start in range(len(word)):
            for end in range(start + 1, len(word) + 1):
                assert snippets(index.search(f'"{word[start:end]}"')), word[start:end]


def test_two_syllables_are_one_token() -> None:
    assert index_tokens("임대차보호법, NDA를") == "임대 대차 차보 보호 호법 법 nda 를"
    assert [term.match for term in terms_of('"차보"')] == ['"차보"']
    assert [term.match for term in terms_of('"보호법"')] == ['"보호 호법"']


def test_files_with_all_words_come_first_and_the_rest_ranks_lower(index: FolderIndex, notes: Path) -> None:
    put(
        notes,
        both="전입신고와 확정일자",
        far="전입신고\n\n" + "다른 이야기\n" * 50 + "확정일자",
        one="전입신고 전입신고 전입신고",
    )
    found = index.search("확정일자 전입신고")
    assert paths(found) == ["notes/both.md", "notes/far.md", "notes/one.md"]
    assert [file.score for file in found.files] == sorted((file.score for file in found.files), reverse=True)
    assert found.share == 1.0
    assert index.search("확정일자 보증금반환 전입신고 임차권등기").share == 0.5


def test_words_that_stand_nowhere_are_named(index: FolderIndex, notes: Path) -> None:
    put(notes, law=LAW)
    assert index.search("대항력 unicorn 전입신고").absent == ("unicorn",)


def test_name_and_heading_weigh_more_than_text(index: FolderIndex, notes: Path) -> None:
    filler = "그 밖의 이야기가 길게 이어진다.\n" * 5
    put(notes, 텃밭=filler, b=f"# 텃밭\n\n{filler}", c=f"텃밭\n\n{filler}", **{f"x{n}": filler for n in range(20)})
    assert paths(index.search("텃밭"))[:2] == ["notes/b.md", "notes/c.md"]
    named = next(file for file in index.search("텃밭").files if file.path == "notes/텃밭.md")
    assert [(place.number, place.snippet) for place in named.places] == [(1, "그 밖의 이야기가 길게 이어진다.")]


def test_five_files_and_three_lines_at_most(index: FolderIndex, notes: Path) -> None:
    put(notes, **{f"n{n}": "보증금\n" * 10 for n in range(8)})
    found = index.search("보증금")
    assert [len(file.places) for file in found.files] == [3] * 5
    assert found.matching == 8
    assert [place.number for place in found.files[0].places] == [1, 2, 3]


def test_the_heading_above_a_line(index: FolderIndex, notes: Path) -> None:
    put(notes, law=LAW, code="# 설치\n\n```sh\n# 주석일 뿐\npip install octopus\n```\n\n## 다음\n\nsquid\n")
    assert index.search("전입신고").files[0].places[0].heading == "대항력"
    assert index.search("대항력").files[0].places[0].heading == "주거"
    assert index.search("octopus").files[0].places[0].heading == "설치"
    assert index.search("squid").files[0].places[0].heading == "다음"


def test_a_heading_is_shown_without_its_sign_and_forges_no_list(index: FolderIndex, notes: Path) -> None:
    put(notes, law="# 주거\n\n## 3. 대항력 ##\n\n내용\n")
    assert snippets(index.search("대항력")) == ["3\\. **대항력** \\#\\#"]


def test_line_numbers_are_those_of_an_editor(index: FolderIndex, notes: Path) -> None:
    (notes / "a.txt").write_bytes("하나\u2028\x0b둘\x0c\x85셋\r\n\r\n고래\r\n".encode())
    assert index.search("고래").files[0].places[0].number == 3


def test_a_long_line_is_cut_around_the_match(index: FolderIndex, notes: Path) -> None:
    put(notes, long="가" * 500 + "고래" + "나" * 500)
    (snippet,) = snippets(index.search("고래"))
    assert snippet.startswith("…가")
    assert snippet.endswith("나…")
    assert "**고래**" in snippet
    assert len(snippet) < 200


def test_a_phrase_may_run_over_the_end_of_a_line(index: FolderIndex, notes: Path) -> None:
    put(notes, a="the security\ndeposit\n")
    assert snippets(index.search('"security deposit"')) == ["the **security deposit**"]


# Which files are read, and how


@pytest.mark.parametrize("name", ["a.md", "a.MARKDOWN", "a.txt", "a.text", "a.rst", "a.org", "a.csv", "a.tsv"])
def test_files_that_count(name: str, index: FolderIndex, notes: Path) -> None:
    (notes / name).write_text("고래", encoding="utf-8")
    assert paths(index.search("고래")) == [f"notes/{name}"]


@pytest.mark.parametrize(
    "raw",
    [
        "첫 줄\n고래와 바다\n".encode("cp949"),
        "첫 줄\n고래와 바다\n".encode("utf-8-sig"),
        "첫 줄\n고래와 바다\n".encode("utf-16"),
        b"\xfe\xff" + "첫 줄\n고래와 바다\n".encode("utf-16-be"),
        "첫 줄\n고래와 바다\n".encode("utf-16-le"),
        "첫 줄\n고래와 바다\n".encode("utf-16-be"),
        unicodedata.normalize("NFD", "첫 줄\n고래와 바다\n").encode(),
        ("첫 줄\n고래와 바다\n" * 30).encode() + b"\xff\n",
    ],
    ids=["cp949", "utf-8 mark", "utf-16 mark", "utf-16-be mark", "utf-16-le", "utf-16-be", "NFD", "a broken byte"],
)
def test_encodings(raw: bytes, index: FolderIndex, notes: Path) -> None:
    (notes / "a.txt").write_bytes(raw)
    found = index.search("고래")
    assert found.files[0].places[0].number == 2
    assert snippets(found)[0] == "**고래**와 바다"


def test_a_decomposed_file_name_is_found_and_shown_composed(index: FolderIndex, notes: Path) -> None:
    (notes / unicodedata.normalize("NFD", "임대차 메모.md")).write_text("내용", encoding="utf-8")
    assert paths(index.search("임대차")) == ["notes/임대차 메모.md"]
    assert paths(index.search(unicodedata.normalize("NFD", "내용"))) == ["notes/임대차 메모.md"]


def test_a_name_that_is_no_text_is_searched_all_the_same(index: FolderIndex, notes: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(notes) + b"/\xb0\xed\xb7\xa1.md")).write_text("고래", encoding="utf-8")
    except (OSError, UnicodeError):
        pytest.skip("this file system takes only names that are text")
    (path,) = paths(index.search("고래"))
    assert path.startswith("notes/")
    path.encode()


def test_what_is_not_text_or_too_large_is_named(index: FolderIndex, notes: Path) -> None:
    (notes / "picture.txt").write_bytes(bytes(range(256)) * 20)
    (notes / "control.txt").write_bytes(b"\x01\x02abc" * 20)
    (notes / "huge.md").write_text("고래\n" * 900_000, encoding="utf-8")
    put(notes, whale="고래")
    for _ in range(2):
        found = index.search("고래")
        assert paths(found) == ["notes/whale.md"]
        assert found.searched == 1
        assert {tuple(skipped) for skipped in found.skipped} == {
            ("notes/picture.txt", "binary"),
            ("notes/control.txt", "binary"),
            ("notes/huge.md", "too_large"),
        }


def test_links_are_not_followed(index: FolderIndex, notes: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.mkdir()
    put(outside, plan="고래")
    put(notes, real="고래")
    (notes / "folder").symlink_to(outside)
    (notes / "file.md").symlink_to(outside / "plan.md")
    (notes / "inside.md").symlink_to(notes / "real.md")
    (notes / "circle").symlink_to(notes)
    found = index.search("고래")
    assert paths(found) == ["notes/real.md"]
    assert {tuple(skipped) for skipped in found.skipped} == {("notes/folder", "link"), ("notes/file.md", "link")}


def test_hidden_and_machine_made_folders_are_left_out(index: FolderIndex, notes: Path) -> None:
    for name in (".git", ".venv", "node_modules", ".hidden", "kept"):
        (notes / name).mkdir()
        put(notes / name, a="고래")
    put(notes, **{".dot": "고래"})
    found = index.search("고래")
    assert paths(found) == ["notes/kept/a.md"]
    assert found.skipped == ()


def test_what_git_ignores_is_left_out(index: FolderIndex, notes: Path) -> None:
    for name in ("build", "src/build", "src/deep"):
        (notes / name).mkdir(parents=True)
        put(notes / name, a="고래")
    put(notes, top="고래", kept="고래")
    put(notes / "src", top="고래")
    (notes / ".gitignore").write_text("/build/\n/top.md\n!kept.md\n", encoding="utf-8")
    (notes / "src" / ".gitignore").write_text("deep\n", encoding="utf-8")
    assert sorted(paths(index.search("고래"))) == ["notes/kept.md", "notes/src/build/a.md", "notes/src/top.md"]
    (notes / ".gitignore").write_text("*.md\n", encoding="utf-8")
    (notes / "src" / ".gitignore").write_text("!top.md\n", encoding="utf-8")
    assert paths(index.search("고래")) == ["notes/src/top.md"]
    (notes / ".gitignore").write_text("!\n", encoding="utf-8")
    assert index.search("고래").searched == 6


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_does_not_hold_up_the_search(index: FolderIndex, notes: Path) -> None:
    os.mkfifo(notes / "pipe.md")
    put(notes, a="고래")
    assert paths(index.search("고래")) == ["notes/a.md"]


def test_missing_folders_are_named_and_the_rest_searched(tmp_path: Path, notes: Path) -> None:
    put(notes, a="고래")
    file = tmp_path / "file.md"
    file.write_text("고래", encoding="utf-8")
    index = FolderIndex(tmp_path / "data" / "search.sqlite", [tmp_path / "gone", notes, file, notes])
    found = index.search("고래")
    assert found.missing == (tmp_path / "gone", file)
    assert paths(found) == ["notes/a.md"]


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    folders = [tmp_path / "home" / "notes", tmp_path / "work" / "notes"]
    for folder in folders:
        folder.mkdir(parents=True)
        put(folder, a="고래")
    index = FolderIndex(tmp_path / "data" / "search.sqlite", folders)
    assert sorted(paths(index.search("고래"))) == ["home/notes/a.md", "work/notes/a.md"]


def test_a_folder_inside_another_is_searched_once(tmp_path: Path, notes: Path) -> None:
    (notes / "deep").mkdir()
    put(notes / "deep", a="고래")
    index = FolderIndex(tmp_path / "data" / "search.sqlite", [notes, notes / "deep"])
    assert paths(index.search("고래")) == ["notes/deep/a.md"]


# Keeping up with the folders


def test_new_changed_moved_and_deleted_files_are_noticed(index: FolderIndex, notes: Path) -> None:
    put(notes, a="고래", b="오징어")
    assert paths(index.search("고래")) == ["notes/a.md"]
    put(notes, a="상어", c="고래")
    (notes / "b.md").rename(notes / "d.md")
    assert paths(index.search("고래")) == ["notes/c.md"]
    assert paths(index.search("상어")) == ["notes/a.md"]
    assert paths(index.search("오징어")) == ["notes/d.md"]
    (notes / "d.md").unlink()
    assert paths(index.search("오징어")) == []
    assert index.search("상어").searched == 2


def test_a_change_that_keeps_size_and_time_is_noticed(index: FolderIndex, notes: Path) -> None:
    put(notes, a="고래")
    before = (notes / "a.md").stat()
    assert paths(index.search("고래")) == ["notes/a.md"]
    put(notes, a="상어")
    os.utime(notes / "a.md", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert paths(index.search("상어")) == ["notes/a.md"]


def test_a_file_that_was_only_touched_is_not_indexed_again(index: FolderIndex, notes: Path, tmp_path: Path) -> None:
    put(notes, a="고래", b="상어")
    index.search("고래")
    before = rows(tmp_path, "SELECT id, path FROM files ORDER BY id")
    os.utime(notes / "a.md", (1, 1))
    index.search("고래")
    assert rows(tmp_path, "SELECT id, path FROM files ORDER BY id") == before


def test_folders_taking_turns_keep_their_index(tmp_path: Path, notes: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    put(notes, a="고래")
    put(other, b="고래")
    file = tmp_path / "data" / "search.sqlite"
    assert paths(FolderIndex(file, [notes]).search("고래")) == ["notes/a.md"]
    before = rows(tmp_path, "SELECT id FROM files")
    assert paths(FolderIndex(file, [other]).search("고래")) == ["other/b.md"]
    assert paths(FolderIndex(file, [notes]).search("고래")) == ["notes/a.md"]
    assert set(before) < set(rows(tmp_path, "SELECT id FROM files"))


def test_a_folder_long_not_searched_is_forgotten(tmp_path: Path, notes: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    put(notes, a="고래")
    put(other, b="상어")
    file = tmp_path / "data" / "search.sqlite"
    FolderIndex(file, [notes]).search("고래")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE folders SET day = day - 31")
        connection.commit()
    FolderIndex(file, [other]).search("상어")
    assert rows(tmp_path, "SELECT count(*) FROM files") == [(1,)]
    assert rows(tmp_path, "SELECT count(*) FROM pages") == [(1,)]


def test_a_stopped_search_indexes_nothing_more(index: FolderIndex, notes: Path) -> None:
    put(notes, a="고래")
    assert index.search("고래", stopped=lambda: True).files == ()
    assert paths(index.search("고래")) == ["notes/a.md"]


# What it survives


@pytest.mark.parametrize(
    "query",
    [
        "-고래",
        "고래 AND",
        "NOT 고래",
        "NEAR(고래 바다, 5)",
        "body:x 고래",
        "{name}: 고래",
        "고래 OR OR",
        "^고래",
        "(고래",
        "고래) + 바다",
        '"고래',
        "고래'; DROP TABLE pages; --",
        "\x00고래\x1b",
        "\ud800고래",
        "고래 " * 5_000,
        "고래 " + '"' * 10_000,
        "고래 " + "「 " * 5_000,
        "고래 " + "“바다" * 3_000,
        "고래 " + "a*" * 5_000,
        "고래 " + " ".join(f"낱말{n}들에서는" for n in range(2_000)),
        "고래 " + "고" * 10_000,
    ],
    ids=range(21),
)
def test_no_query_is_syntax(query: str, index: FolderIndex, notes: Path) -> None:
    put(notes, a="고래와 바다")
    assert paths(index.search(query)) == ["notes/a.md"]


@pytest.mark.parametrize("query", ["", "   ", '"', '""', "*", "** * ***", "🐋 !!! …", ".*+?[](){}|\\^$", "\x00"])
def test_a_query_without_letters_finds_nothing(query: str, index: FolderIndex, notes: Path) -> None:
    put(notes, a="고래와 바다 * .")
    found = index.search(query)
    assert (found.terms, found.files, found.searched) == (0, (), 1)


def test_operators_are_words(index: FolderIndex, notes: Path) -> None:
    put(notes, a="whale and sea", b="NOT here")
    assert paths(index.search("AND")) == ["notes/a.md"]
    assert paths(index.search("NOT")) == ["notes/b.md"]


@pytest.mark.parametrize(
    "line",
    [
        "# 고래",
        "> 고래",
        "- 고래 - 고래",
        "1. 고래",
        "고래 [눌러](https://evil.example) ![x](y)",
        "<script>alert(1)</script> 고래 <https://evil.example>",
        "고래 **굵게** _기울임_ `코드` ~~지움~~ \\* &lt; | a | b |",
        "```고래",
        "    고래",
        "\x1b[31m고래\x1b[0m \x1b]0;제목\x07 \x9b2J",
        "고래 \u202e거꾸로\u2066 \u200b",
        "\ue000고래\ue001 \ue000",
    ],
)
def test_what_a_file_says_cannot_forge_or_drive_anything(line: str, index: FolderIndex, notes: Path) -> None:
    (notes / "a.txt").write_text(f"앞\n{line}\n뒤\n", encoding="utf-8")
    (snippet,) = snippets(index.search("고래"))
    (opening, inline, closing_token) = MarkdownIt("gfm-like", {"linkify": False}).parse(snippet)
    assert (opening.type, closing_token.type) == ("paragraph_open", "paragraph_close")
    assert {token.type for token in inline.children or []} <= {"text", "text_special", "strong_open", "strong_close"}
    marked = [token.type for token in inline.children or []].count("strong_open")
    assert marked == line.count("고래")
    assert not [char for char in snippet if unicodedata.category(char) in ("Cc", "Cf", "Co")]


def test_a_resident_registration_number_is_masked(index: FolderIndex, notes: Path) -> None:
    put(notes, a="홍길동 920101-1234567")
    for query in ("홍길동", "920101", "1234567"):
        (snippet,) = snippets(index.search(query))
        assert "1234567" not in snippet


def garble(file: Path) -> None:
    file.write_bytes(b"this is no database" * 1000)


def empty(file: Path) -> None:
    file.write_bytes(b"")


def overwrite_pages(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[4096:] = b"\xaa" * (len(raw) - 4096)
    file.write_bytes(raw)


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def other_version(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("ALTER TABLE files RENAME COLUMN digest TO checksum")
        connection.execute("PRAGMA user_version = 7")
        connection.commit()


def other_program(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE files (unrelated TEXT)")
        connection.commit()


@pytest.mark.parametrize("harm", [garble, empty, overwrite_pages, truncate, other_version, other_program])
def test_a_harmed_index_is_made_anew(
    harm: Callable[[Path], None], index: FolderIndex, notes: Path, tmp_path: Path
) -> None:
    put(notes, **{f"n{n}": f"고래 {n}\n" * 50 for n in range(30)})
    assert index.search("고래").matching == 30
    harm(tmp_path / "data" / "search.sqlite")
    assert index.search("고래").matching == 30
    assert rows(tmp_path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(tmp_path, "SELECT count(*) FROM files") == [(30,)]


def test_the_index_is_private(index: FolderIndex, notes: Path, tmp_path: Path) -> None:
    put(notes, a="고래")
    index.search("고래")
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in (tmp_path / "data").iterdir()} == {
        "search.sqlite": "0o600"
    }


def test_without_a_place_for_the_index_the_search_still_answers(tmp_path: Path, notes: Path) -> None:
    put(notes, a="고래")
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert paths(FolderIndex(tmp_path / "file" / "search.sqlite", [notes]).search("고래")) == ["notes/a.md"]


AS_NOBODY = """
import os, sys
from pathlib import Path
from octo_cli.agents.folders import FolderIndex
index = FolderIndex(Path(sys.argv[1]), [Path(sys.argv[2])])
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
found = index.search("고래")
print([file.path for file in found.files], sorted(map(tuple, found.skipped)), found.searched)
"""


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that a process without rights can enter; pytest's own are closed to it."""
    with TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        if os.geteuid() == 0 and not all(parent.stat().st_mode & stat.S_IXOTH for parent in folder.parents):
            pytest.skip("the temporary folder is private")
        yield folder


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
@pytest.mark.parametrize("has_index", [False, True], ids=["no index yet", "an index it may only read"])
def test_what_may_not_be_read_is_named_and_a_closed_data_folder_does_not_matter(
    has_index: bool, reachable: Path
) -> None:
    notes, data = reachable / "notes", reachable / "data"
    (notes / "shut").mkdir(parents=True)
    data.mkdir()
    put(notes, a="고래", closed="고래")
    if has_index:
        FolderIndex(data / "search.sqlite", [notes]).search("고래")
        (data / "search.sqlite").chmod(0o444)
    (notes / "closed.md").chmod(0)
    (notes / "shut").chmod(0)
    data.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(data / "search.sqlite"), str(notes)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    data.chmod(0o755)
    (notes / "shut").chmod(0o755)
    assert done.stdout.strip() == (
        "['notes/a.md'] [('notes/closed.md', 'unreadable'), ('notes/shut', 'unreadable')] 1"
    ), done.stderr


KILLED = """
import os, signal, sys
from pathlib import Path
from octo_cli.agents.folders import FolderIndex
asked = iter(range(1000))
def stopped():
    # The walk asks once, then every batch of the index does.
    if next(asked) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return False
FolderIndex(Path(sys.argv[1]), [Path(sys.argv[2])]).search("고래", stopped=stopped)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs kill -9")
def test_a_killed_process_leaves_an_index_that_goes_on(index: FolderIndex, notes: Path, tmp_path: Path) -> None:
    put(notes, **{f"n{n}": f"고래 {n}" for n in range(250)})
    command = [sys.executable, "-c", KILLED, str(tmp_path / "data" / "search.sqlite"), str(notes)]
    assert subprocess.run(command, timeout=60, check=False).returncode == -9
    assert rows(tmp_path, "SELECT count(*) FROM files") == [(200,)]
    assert index.search("고래").matching == 250
    assert rows(tmp_path, "PRAGMA integrity_check") == [("ok",)]


SEARCH = """
import sys
from pathlib import Path
from octo_cli.agents.folders import FolderIndex
sys.stdin.readline()
found = FolderIndex(Path(sys.argv[1]), [Path(sys.argv[2])]).search("고래")
print(found.matching, found.searched)
"""


@pytest.mark.parametrize("damaged", [False, True], ids=["no index yet", "a damaged one"])
def test_processes_that_index_at_once(damaged: bool, notes: Path, tmp_path: Path) -> None:
    put(notes, **{f"n{n}": f"고래 {n} 바다 이야기\n" * 20 for n in range(250)})
    file = tmp_path / "data" / "search.sqlite"
    if damaged:
        file.parent.mkdir()
        garble(file)
    command = [sys.executable, "-c", SEARCH, str(file), str(notes)]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = [racer.communicate(timeout=60) for racer in racers]
    assert said == [("250 250\n", "")] * 3
    assert rows(tmp_path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(tmp_path, "SELECT count(*), count(DISTINCT path) FROM files") == [(250, 250)]
    assert rows(tmp_path, "SELECT count(*) FROM pages WHERE pages MATCH '\"고래\"'") == [(250,)]
