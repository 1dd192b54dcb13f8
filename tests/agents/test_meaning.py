"""Search by meaning, against a real server: what is found, what is sent, and that without it words still are."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from octo_cli.agents.folders import Embedder, Findings, FolderIndex
from octo_cli.agents.folders.meaning import passages_of
from octo_cli.errors import ModelError
from octo_cli.reasoning.embeddings import embedder, provider_of
from tests.agents.embedding_server import Embeddings, embeddings_on_loopback
from tests.agents.kits import kit_in

MODEL = "openai:test-embedding"
KEY = "sk-test-0123456789abcdefghijkl"


@pytest.fixture
def server() -> Iterator[Embeddings]:
    with embeddings_on_loopback() as server:
        yield server


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "pets.md").write_text("# 반려동물\n\n\n강아지 산책은 하루 두 번.\n", encoding="utf-8")
    (folder / "cars.md").write_text("자동차 점검은 해마다 한다.\n", encoding="utf-8")
    (folder / "rent.md").write_text("월세는 25일에 낸다.\n", encoding="utf-8")
    return folder


def index_by(server: Embeddings, notes: Path, *, model: str = MODEL, key: str | None = KEY) -> FolderIndex:
    config = f'[search]\nembeddings = "{model}"\n[model]\nbase_url = "{server.address}"\nretries = 0\n'
    settings = kit_in(notes.parent / "work", config=config).settings
    file = notes.parent / "data" / "search.sqlite"
    return FolderIndex(file, [notes], embedder=Embedder(model, embedder(settings, key)))


def paths(found: Findings) -> list[str]:
    return [file.path for file in found.files]


def test_what_is_meant_is_found_without_its_words(server: Embeddings, notes: Path) -> None:
    found = index_by(server, notes).search("puppy")
    (file,) = found.files
    assert (file.path, file.by_meaning, file.places[0].number) == ("notes/pets.md", True, 4)
    assert file.places[0].snippet == "강아지 산책은 하루 두 번."
    assert (found.share, found.matching, found.words_only) == (None, 1, None)
    assert set(server.keys) == {f"Bearer {KEY}"}


def test_words_and_meaning_rank_together(server: Embeddings, notes: Path) -> None:
    (notes / "both.md").write_text("임차료와 집세\n", encoding="utf-8")
    found = index_by(server, notes).search("집세 25일")
    assert paths(found)[0] in ("notes/both.md", "notes/rent.md")
    assert set(paths(found)) == {"notes/both.md", "notes/rent.md"}
    assert not any(file.by_meaning for file in found.files)


def test_filters_hold_for_meaning_too(server: Embeddings, notes: Path) -> None:
    index = index_by(server, notes)
    assert index.search("puppy *.txt").files == ()
    assert index.search("puppy -산책").files == ()


def test_only_new_text_is_sent_and_the_rest_never_again(server: Embeddings, notes: Path) -> None:
    index_by(server, notes).search("puppy")
    assert len(server.texts) == 4
    (notes / "copy.md").write_bytes((notes / "cars.md").read_bytes())
    (notes / "pets.md").rename(notes / "moved.md")
    (notes / "rent.md").write_text("월세는 26일에 낸다.\n", encoding="utf-8")
    found = index_by(server, notes).search("vehicle")
    assert server.texts[4:] == ["월세는 26일에 낸다.", "vehicle"]
    assert set(paths(found)) == {"notes/cars.md", "notes/copy.md"}
    (notes / "copy.md").unlink()
    (notes / "cars.md").unlink()
    assert index_by(server, notes).search("vehicle").files == ()
    with closing(sqlite3.connect(notes.parent / "data" / "search.sqlite")) as connection:
        assert connection.execute("SELECT count(*) FROM vectors").fetchone() == (2,)


def test_another_model_has_vectors_of_its_own(server: Embeddings, notes: Path) -> None:
    index_by(server, notes).search("puppy")
    assert paths(index_by(server, notes, model="openai:other").search("puppy")) == ["notes/pets.md"]
    assert len(server.texts) == 8


def test_a_break_keeps_what_was_embedded_before_it(server: Embeddings, notes: Path) -> None:
    for number in range(70):
        (notes / f"n{number}.txt").write_text(f"이야기 {number}", encoding="utf-8")
    server.most = 1
    assert index_by(server, notes).search("puppy").words_only
    assert len(server.texts) == 64
    server.most = None
    index_by(server, notes).search("puppy")
    texts = [text for text in server.texts if text != "puppy"]
    assert len(texts) == len(set(texts)) == 73


def test_who_leaves_waits_for_no_server(notes: Path, tmp_path: Path) -> None:
    asked, answered = threading.Event(), threading.Event()

    def embed(texts: Sequence[str]) -> list[list[float]]:
        asked.set()
        answered.wait(60)
        return [[1.0] for _ in texts]

    index = FolderIndex(tmp_path / "data" / "search.sqlite", [notes], embedder=Embedder("slow", embed))
    found = index.search("자동차", stopped=asked.is_set)
    assert not answered.is_set()
    answered.set()
    assert found.words_only is None


@pytest.mark.parametrize(
    ("status", "reply", "code"),
    [
        (401, None, "embeddings_failed"),
        (500, None, "embeddings_failed"),
        (200, {"object": "list", "data": [], "model": "m"}, "embeddings_failed"),
        (200, {"nonsense": True}, "embeddings_failed"),
        (
            200,
            {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [1.0]}]},
            "embeddings_failed",
        ),
    ],
    ids=["refused key", "server error", "no vectors", "nonsense", "one vector for many"],
)
def test_whatever_goes_wrong_words_are_searched_all_the_same(
    status: int, reply: object, code: str, server: Embeddings, notes: Path
) -> None:
    server.status, server.reply = status, reply
    found = index_by(server, notes).search("자동차")
    assert paths(found) == ["notes/cars.md"]
    assert found.words_only
    assert found.words_only.code == code
    assert KEY not in str(found.words_only.values)


def test_a_server_that_is_not_there(server: Embeddings, notes: Path) -> None:
    server.address = "http://127.0.0.1:9/v1"
    found = index_by(server, notes).search("자동차")
    assert found.words_only
    assert paths(found) == ["notes/cars.md"]


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("test-embedding", "embeddings_unknown"),
        ("nobody:model", "embeddings_unknown"),
        ("openai:", "embeddings_unknown"),
        ("openai:text-embedding-3-small", "embeddings_no_key"),
        ("mistral:mistral-embed", "embeddings_no_key"),
    ],
)
def test_a_model_that_cannot_be_is_told(model: str, code: str, tmp_path: Path) -> None:
    settings = kit_in(tmp_path / "work", config=f'[search]\nembeddings = "{model}"').settings
    with pytest.raises(ModelError) as raised:
        embedder(settings, None)(["a"])
    assert raised.value.code == code


def test_providers_by_the_names_of_their_extras(tmp_path: Path) -> None:
    settings = kit_in(tmp_path / "work", config='[search]\nembeddings = "google:gemini-embedding"').settings
    assert provider_of(settings) == "google"


def test_a_registration_number_is_not_sent(server: Embeddings, notes: Path) -> None:
    (notes / "id.md").write_text("홍길동 920101-1234567 강아지", encoding="utf-8")
    index_by(server, notes).search("puppy")
    assert not [text for text in server.texts if "1234567" in text]


def test_passages_end_where_a_text_does() -> None:
    text = "# 하나\n" + "가나다 " * 100 + "\n\n# 둘\n\n" + "라마바 " * 300 + "\n\n" + "사" * 5000
    passages = list(passages_of(text))
    lines = text.split("\n")
    assert [passage.line for passage in passages] == [1, 4, 8]
    assert all(passage.text.split("\n")[0] == lines[passage.line - 1][:1800] for passage in passages)
    assert max(len(passage.text) for passage in passages) == 1800
    assert list(passages_of("\n \n")) == []
