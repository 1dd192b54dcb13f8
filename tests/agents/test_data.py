"""The data agent as the supervisor runs it: files of every kind, broken ones, pictures, and a model behind it."""

import asyncio
import json
import os
import sqlite3
import unicodedata
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from openpyxl import Workbook  # type: ignore[import-untyped]

from octo_cli.agents.data import charts, work
from octo_cli.agents.data.database import Database, Refused
from octo_cli.agents.kit import Done, Kit, Task
from octo_cli.errors import Failed, ModelError, OctoError
from octo_cli.i18n import describe, words
from octo_cli.reasoning.minds import open_mind
from octo_cli.settings import DataSettings
from octo_cli.ui.cells import width
from octo_cli.wire.work import Language, Step, StepResult
from tests.agents.kits import kit_in
from tests.conftest import Octo
from tests.models import KEY, MODEL, ModelServer, Reply

ROWS = [
    ("지역", "매출", "날짜"),
    ("서울", 1500, "2026-01-05"),
    ("부산", 500, "2026-02-05"),
    ("서울", 2000, "2026-02-07"),
]
BY_REGION = [["서울", 3500], ["부산", 500]]


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return kit_in(tmp_path / "work")


def asked(
    kit: Kit, text: str, *, language: Language = "ko", earlier: dict[str, StepResult] | None = None, **inputs: Any
) -> Done:
    done = asyncio.run(work(Task(Step("1", "data", text, inputs=inputs), text, language, earlier or {}), kit))
    assert isinstance(done, Done)
    return done


def written(kit: Kit, name: str, content: str | bytes) -> Path:
    path = kit.settings.workspace / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def csv_text(delimiter: str = ",") -> str:
    return "\n".join(delimiter.join(map(str, row)) for row in ROWS) + "\n"


def in_parquet(path: Path) -> None:
    rows = "(VALUES ('서울', 1500), ('부산', 500), ('서울', 2000)) t(지역, 매출)"
    with duckdb.connect() as made:
        made.execute(f"COPY (SELECT * FROM {rows}) TO '{path}' (FORMAT parquet)")


def in_xlsx(path: Path) -> None:
    book = Workbook()
    sheet = book.active
    sheet.append(["2026년 매출 보고서"])
    sheet.append([])
    for row in ROWS:
        sheet.append(row)
    book.create_sheet("빈 시트")
    book.save(path)


def in_sqlite(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE 매출표 (지역 TEXT, 매출 INTEGER, 날짜 TEXT)")
        connection.executemany("INSERT INTO 매출표 VALUES (?, ?, ?)", ROWS[1:])
    connection.close()


def in_json(path: Path) -> None:
    records = [dict(zip(ROWS[0], row, strict=True)) for row in ROWS[1:]]
    path.write_text(json.dumps({"data": records}, ensure_ascii=False), encoding="utf-8")


def in_lines(path: Path) -> None:
    records = [dict(zip(ROWS[0], row, strict=True)) for row in ROWS[1:]]
    path.write_text("\n".join(json.dumps(record) for record in records), encoding="utf-8")


WRITERS = {
    "매출.csv": lambda path: path.write_text(csv_text(), encoding="utf-8"),
    "bom.csv": lambda path: path.write_text(csv_text(), encoding="utf-8-sig"),
    "cp949.csv": lambda path: path.write_text(csv_text(), encoding="cp949"),
    "utf16.csv": lambda path: path.write_text(csv_text("\t"), encoding="utf-16"),
    "utf16le.csv": lambda path: path.write_text(csv_text(), encoding="utf-16-le"),
    "tabs.tsv": lambda path: path.write_text(csv_text("\t"), encoding="utf-8"),
    "semicolons.csv": lambda path: path.write_text(csv_text(";"), encoding="utf-8"),
    "crlf.csv": lambda path: path.write_bytes(csv_text().replace("\n", "\r\n").encode()),
    "sales.parquet": in_parquet,
    "보고서 최종.xlsx": in_xlsx,
    "ledger.db": in_sqlite,
    "nested.json": in_json,
    "lines.ndjson": in_lines,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_of_file_gives_the_same_answer(name: str, kit: Kit) -> None:
    WRITERS[name](kit.settings.workspace / name)
    done = asked(kit, f"{name}에서 지역별 매출 합계")
    assert (done.data["columns"], done.data["rows"]) == (["지역", "매출 합계"], BY_REGION)
    assert done.confidence == 1.0


def test_an_answer_shows_reading_rows_chart_and_sql(kit: Kit) -> None:
    written(kit, "매출.csv", csv_text())
    done = asked(kit, "매출.csv를 써서 지역별 매출 합계 상위 3개")
    assert done.text == (
        "이렇게 읽었습니다: 매출 표 · 구할 값: 매출 합계 · 나누는 기준: 지역 · 매출 합계 큰 순 · 3개까지\n\n"
        "| 지역 | 매출 합계 |\n| ---- | --------: |\n| 서울 |     3,500 |\n| 부산 |       500 |\n\n"
        "```text\n"
        "                               지역별 매출 합계\n"
        "          ┌────────────────────────────────────────────────────────────────┐\n"
        "서울 3,500┤████████████████████████████████████████████████████████████████│\n"
        "부산   500┤██████████                                                      │\n"
        "          └────────────────────────────────────────────────────────────────┘\n"
        "```\n\n"
        '```sql\nSELECT "지역" AS "지역", sum("매출") AS "매출 합계"\nFROM "매출"\nGROUP BY 1\n'
        "ORDER BY 2 DESC NULLS LAST, 1\nLIMIT 3\n```"
    )


def test_without_a_question_the_profile_and_what_to_ask(kit: Kit) -> None:
    written(kit, "sales.csv", "region,price,sold on\nNorth,10,2026-01-01\nSouth,30,2026-01-02\nNorth,,2026-02-01\n")
    done = asked(kit, "summarise sales.csv", language="en")
    assert "| price   | number |     1 |        2 | 10 ~ 30                 | mean 20              |" in done.text
    assert "- total price by region" in done.text
    assert done.data["by"] is None
    (profile,) = done.data["profile"]
    assert profile["rows"] == 3
    assert [(column["name"], column["kind"], column["nulls"]) for column in profile["columns"]] == [
        ("region", "text", 0),
        ("price", "number", 1),
        ("sold on", "date", 0),
    ]
    assert profile["columns"][0]["top"] == [["North", 2], ["South", 1]]
    (gap,) = done.insights
    assert gap.description == "In table sales, 33.3% of “price” is blank."
    assert json.loads(json.dumps(done.data)) == done.data


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("매출과 기온의 상관관계를 알려줘", "상관관계를"),
        ("내년 매출을 예측해줘", "예측해줘"),
        ("인천만 매출 합계", "인천만"),
        ("매출이 왜 줄었어?", "왜"),
        ("forecast next year's 매출", "forecast"),
        ("매출 합계 where 지역 = 인천12", "인천12"),
        ("서울보다 매출이 많은 지역", "서울보다"),
        ("매출이 평균보다 높은 지역", "평균보다"),
        ("2025년과 2026년 매출 비교", "2026년"),
        ("매출 합계가 3000 이상인 지역", "3000"),
        ("매출 상위 10% 지역", "10"),
        ("요일별 매출", "요일별"),
        ("최근 매출 5건", "최근"),
        ("지역별 최대 매출과 최소 매출", "최소"),
        ("상위 5개 지역", "5"),
        ("2025년 지역별 매출 합계와 월별 매출 합계", "월별 매출 합계"),
        ("total 매출 by 지역 in 2025 and total 매출 by month", "total 매출 by month"),
    ],
)
def test_what_cannot_be_read_is_said_and_never_guessed(question: str, word: str, kit: Kit) -> None:
    written(kit, "매출.csv", csv_text())
    done = asked(kit, f"매출.csv에서 {question}")
    assert done.data["by"] is None
    assert word in done.data["unread"]
    assert f"“{word}”" in done.text
    assert "- 지역별 매출 합계" in done.text
    assert done.confidence == 0.1


MESSY = (
    "지역,매출,매출,,비고\n"
    '서울,"1,234원",₩500,2026.11.21,007\n'
    "부산,(200),n/a,2026년 3월 1일,123\n"
    "\n"
    "대구,-,3.5,2026/1/2\n"
    '"제주, 서귀포",12,1e3,2026-12-31,045,넘침\n'
)


def test_a_messy_file_is_typed_and_named(kit: Kit) -> None:
    written(kit, "messy.csv", MESSY)
    (profile,) = asked(kit, "messy.csv 요약").data["profile"]
    assert [(column["name"], column["kind"], column["min"], column["max"]) for column in profile["columns"]] == [
        ("지역", "text", None, None),
        ("매출", "number", -200, 1234),
        ("매출_2", "number", 3.5, 1000.0),
        ("column4", "date", "2026-01-02", "2026-12-31"),
        ("비고", "text", None, None),
        ("column6", "text", None, None),
    ]


def test_what_does_not_fit_its_column_is_counted_and_said(kit: Kit) -> None:
    written(kit, "prices.csv", "n,price\n" + "".join(f"{n},{n * 10}\n" for n in range(1, 40)) + "40,미정\n")
    done = asked(kit, "prices.csv price 합계")
    assert done.data["rows"] == [[sum(n * 10 for n in range(1, 40))]]
    assert "“price” 열에서 다른 값과 종류가 달라 읽지 못한 값 1개는 빈 값으로 보았습니다." in done.text


def test_a_file_without_column_names(kit: Kit) -> None:
    written(kit, "bare.csv", "서울,10\n부산,20\n")
    done = asked(kit, "bare.csv에서 column2 합계")
    assert done.data["rows"] == [[30]]
    assert "bare.csv 파일에 열 이름이 없어" in done.text


@pytest.mark.parametrize("day", ["03/25/2026", "25/03/2026"])
def test_the_order_of_day_and_month_is_said(day: str, kit: Kit) -> None:
    written(kit, "days.csv", f"when,n\n{day},1\n01/02/2026,2\n")
    done = asked(kit, "days.csv 요약")
    assert done.data["profile"][0]["columns"][0]["max"] == "2026-03-25"
    assert ("월/일/연" if day.startswith("03") else "일/월/연") in done.text


# Which file


@pytest.mark.parametrize(
    "text",
    [
        "매출.csv 지역별 매출 합계",
        "매출.csv를 읽고 지역별 매출 합계를 보여줘",
        "“매출.csv”의 지역별 매출 합계",
        unicodedata.normalize("NFD", "매출.csv에서 지역별 매출 합계"),
        "지역별 매출 합계 (매출.csv)",
        "매출.CSV 지역별 매출 합계",
        "./매출.csv 지역별 매출 합계",
    ],
)
def test_a_file_is_found_however_it_is_named(text: str, kit: Kit) -> None:
    written(kit, "매출.csv", csv_text())
    written(kit, "other.csv", "a,b\n1,2\n")
    assert asked(kit, text).data["rows"] == BY_REGION


def test_a_name_kept_in_letters_apart_is_the_same_name(kit: Kit) -> None:
    written(kit, unicodedata.normalize("NFD", "매출.csv"), csv_text())
    assert asked(kit, "매출.csv 지역별 매출 합계").data["rows"] == BY_REGION


def test_several_files_and_a_part_of_the_request(kit: Kit) -> None:
    written(kit, "a.csv", csv_text())
    written(kit, "b.csv", "product,price\npen,3\n")
    assert [table["table"] for table in asked(kit, "a.csv와 b.csv 비교").data["profile"]] == ["a", "b"]
    assert asked(kit, "무관한 말", query="a.csv 지역별 매출 합계").data["rows"] == BY_REGION
    assert asked(kit, "a.csv, b.csv: average price", language="en").data["rows"] == [[3]]


def test_the_only_file_is_used_and_named(kit: Kit) -> None:
    written(kit, "only.csv", csv_text())
    done = asked(kit, "지역별 매출 합계")
    assert done.data["rows"] == BY_REGION
    assert "only.csv" in done.text.split("\n")[0]


def test_earlier_steps_hand_on_files_and_rows(kit: Kit) -> None:
    path = written(kit, "made.csv", csv_text())
    written(kit, "other.csv", "a,b\n1,2\n")
    wrote = StepResult("1", "code", "t", "completed", data={"path": str(path)})
    assert asked(kit, "지역별 매출 합계", earlier={"1": wrote}).data["rows"] == BY_REGION
    rows = StepResult(
        "1", "data", "t", "completed", data={"columns": ["지역", "매출"], "rows": [["서울", 7], ["부산", None]]}
    )
    assert asked(kit, "매출 합계", earlier={"1": rows}).data["rows"] == [[7]]


def problem(kit: Kit, text: str) -> str:
    with pytest.raises(OctoError) as raised:
        asked(kit, text)
    message, _ = describe(raised.value, words("ko"))
    return f"{raised.value.code}: {message}"


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("xl/sharedStrings.xml", "w", force_zip64=True) as part:
            for _ in range(33):
                part.write(bytes(16 << 20))


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


GARBAGE: dict[str, tuple[Any, str]] = {
    "empty.csv": (lambda path: path.touch(), "data_empty"),
    "blank.csv": (lambda path: path.write_text("\n\n , \n"), "data_empty"),
    "header.csv": (lambda path: path.write_text("a,b\n"), "data_empty"),
    "binary.csv": (lambda path: path.write_bytes(bytes([1, 7, 0, 3, 200] * 500)), "data_unreadable"),
    "broken.parquet": (lambda path: path.write_bytes(b"PAR1" + b"x" * 99), "data_unreadable"),
    "broken.xlsx": (lambda path: path.write_bytes(b"PK\x03\x04 no"), "data_unreadable"),
    "notabook.xlsx": (lambda path: zipfile.ZipFile(path, "w").close(), "data_unreadable"),
    "broken.db": (lambda path: path.write_text("no database"), "data_unreadable"),
    "broken.json": (lambda path: path.write_text('{"a": [1,'), "data_unreadable"),
    "huge.csv": (sparse, "data_too_large"),
    "bomb.xlsx": (bomb, "data_too_large"),
    "folder.csv": (lambda path: path.mkdir(), "data_folder"),
    "old.xls": (lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0"), "data_unsupported"),
    "pipe.csv": (os.mkfifo, "data_unsupported"),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_ends_in_one_sentence(name: str, kit: Kit) -> None:
    write, code = GARBAGE[name]
    write(kit.settings.workspace / name)
    said = problem(kit, f"{name} 요약")
    assert said.startswith(f"{code}: ")
    assert name in said


def test_a_missing_file_names_the_near_ones(kit: Kit) -> None:
    written(kit, "sales_2026.csv", csv_text())
    assert problem(kit, "sales_2025.csv 요약") == (
        "data_no_such_file_near: 그런 파일이 없습니다: sales_2025.csv. 혹시 이 파일입니까? sales_2026.csv"
    )
    written(kit, "b.csv", csv_text())
    assert problem(kit, "평균 매출") == (
        "data_which_file: 어느 파일을 살펴볼지 알 수 없습니다. 이 폴더의 데이터 파일: b.csv, sales_2026.csv"
    )


def test_no_file_at_all(kit: Kit) -> None:
    assert problem(kit, "평균을 구해줘").startswith("data_no_file: ")


# Charts


def test_a_picture_is_saved_when_asked_for_and_never_over_another(kit: Kit) -> None:
    written(kit, "s.csv", "region,price\nNorth,10\nSouth,30\n")
    first = asked(kit, "total price by region in s.csv, save the chart as png", language="en")
    again = asked(kit, "total price by region in s.csv, save the chart as png", language="en")
    written(kit, "s.csv", "region,price\nNorth,10\nSouth,40\n")
    other = asked(kit, "total price by region in s.csv, save the chart as png", language="en")
    path = Path(first.data["chart"])
    assert path.parent == kit.settings.documents
    assert path.read_bytes().startswith(b"\x89PNG")
    assert again.data["chart"] == str(path), "the same picture is the same file"
    assert other.data["chart"] == str(path.with_name(f"{path.stem}-v2.png"))
    assert f"`{path}`" in first.text


def test_an_svg_keeps_its_text(kit: Kit) -> None:
    written(kit, "매출.csv", csv_text())
    done = asked(kit, "매출.csv 지역별 매출 합계를 svg 차트로 저장해줘")
    assert "서울" in Path(done.data["chart"]).read_text(encoding="utf-8")
    assert asked(kit, "매출.csv 지역별 매출 합계").data["chart"] is None


def test_korean_in_a_picture_is_drawn_in_letters() -> None:
    """Boxes for missing letters would look the same, whatever stands in them."""
    one, other = (
        charts.picture(charts.Chart("bars", "합계", (name, "대구"), (2, 1)), "png") for name in ("서울", "부산")
    )
    assert (one.kind, other.kind) == ("png", "png")
    assert one.content != other.content


def test_charts_fit_the_screen_whatever_they_show(kit: Kit) -> None:
    rows = "".join(f"아주 긴 이름을 가진 지역 번호 {n} 입니다,{(-1) ** n * n * 12345.678}\n" for n in range(12))
    written(kit, "wide.csv", f"지역,금액\n{rows}")
    months = "".join(f"2025-{month:02d}-01,{month * 1000}\n" for month in range(1, 13))
    written(kit, "months.csv", f"날짜,금액\n{months}")
    for text in ("wide.csv 지역별 금액 합계", "months.csv 월별 금액 합계"):
        chart = asked(kit, text).text.split("```text\n")[1].split("```")[0]
        assert max(width(line) for line in chart.splitlines()) <= 78
        assert "┤" in chart


# A model behind it


def minded(tmp_path: Path, server: ModelServer, *answers: str | Reply) -> Kit:
    """A kit with the models of a real server, which answers with these queries one after the other."""
    config = f'[model]\nname = "{MODEL}"\nbase_url = "{server.base_url}"\nretries = 0'
    kit = kit_in(tmp_path / "work", config=config)
    mind = open_mind(kit.settings.models, key_for=lambda _: KEY, warn=lambda code, **_: None, cache=None, spent={})
    written(kit, "매출.csv", csv_text())
    for answer in answers:
        server.says(query(answer) if isinstance(answer, str) else answer)
    return replace(kit, mind=mind)


def query(sql: str, explanation: str = "지역마다 더했습니다.") -> str:
    return json.dumps({"sql": sql, "explanation": explanation})


def sent(server: ModelServer, number: int) -> list[tuple[str, str]]:
    """The messages of a request: who speaks, and what is said."""
    return [(message["role"], str(message["content"])) for message in server.requests[number].body["messages"]]


GOOD = 'SELECT "지역", sum("매출") AS "합" FROM "매출" GROUP BY 1 ORDER BY 2 DESC'


def test_a_models_sql_is_run_and_shown(tmp_path: Path, model_server: ModelServer) -> None:
    done = asked(minded(tmp_path, model_server, GOOD), "매출.csv에서 어느 지역이 잘 팔았는지 궁금해")
    assert (done.data["by"], done.data["rows"], done.data["sql"]) == ("model", BY_REGION, GOOD)
    assert GOOD in done.text
    assert "지역마다 더했습니다." in done.text
    assert "█" in done.text
    system, data = sent(model_server, 0)
    assert (system[0], data[0]) == ("system", "user")
    assert "서울" not in system[1]
    assert "서울" in data[1]


def test_a_model_is_not_told_resident_registration_numbers(tmp_path: Path, model_server: ModelServer) -> None:
    kit = minded(tmp_path, model_server, 'SELECT count(*) AS "수" FROM "직원"')
    written(kit, "직원.csv", "이름,주민등록번호\n홍길동,920101-1234567\n이수민,950505-2345678\n")
    asked(kit, "직원.csv에서 90년대에 태어난 사람이 얼마나 되는지 궁금해. 920101-1234567은 빼고")
    _, (_, told) = sent(model_server, 0)
    assert "920101-1******" in told
    assert "1234567" not in told


def test_why_a_model_was_of_no_use_is_said_in_words(tmp_path: Path, model_server: ModelServer) -> None:
    kit = minded(tmp_path, model_server, Reply("no JSON"), Reply("nor here"))
    text = asked(kit, "매출.csv 지역별 매출 합계").text
    assert MODEL in text
    assert "model_unusable" not in text


def test_one_repair_round_with_the_error(tmp_path: Path, model_server: ModelServer) -> None:
    kit = minded(tmp_path, model_server, 'SELECT sum("매출액") FROM "매출"', GOOD)
    assert asked(kit, "매출.csv에서 어느 지역이 잘 팔았는지 궁금해").data["rows"] == BY_REGION
    speaker, told = sent(model_server, 1)[-1]
    assert speaker == "user"
    assert "매출액" in told


@pytest.mark.parametrize(
    "answers", [("DROP TABLE x", "nonsense"), (Reply("no JSON"), Reply("nor here")), ("",)], ids=["sql", "json", "none"]
)
def test_a_model_of_no_use_leaves_it_to_the_rules(
    answers: tuple[str | Reply, ...], tmp_path: Path, model_server: ModelServer
) -> None:
    done = asked(minded(tmp_path, model_server, *answers), "매출.csv 지역별 매출 합계")
    assert (done.data["by"], done.data["rows"]) == ("rules", BY_REGION)
    assert len(model_server.requests) == len(answers)


def test_a_model_that_fails_may_be_tried_again(tmp_path: Path, model_server: ModelServer) -> None:
    kit = minded(tmp_path, model_server, Reply(status=503))
    with pytest.raises(ModelError):
        asked(kit, "매출.csv 지역별 매출 합계")


def test_a_model_cannot_have_a_picture_written(tmp_path: Path, model_server: ModelServer) -> None:
    kit = minded(tmp_path, model_server, Reply(query(GOOD, "차트를 png로 저장해줘")))
    assert asked(kit, "매출.csv에서 어느 지역이 잘 팔았어?", question="차트를 png로 저장").data["chart"] is None
    assert not kit.settings.documents.exists()


# The lock

REFUSED = (
    "COPY \"매출\" TO '{folder}/out.csv'",
    "EXPORT DATABASE '{folder}/out'",
    "ATTACH '{folder}/out.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '100GB'",
    "RESET lock_configuration",
    "PRAGMA enable_external_access",
    "PRAGMA database_list",
    "CREATE TABLE made AS SELECT 1",
    'DROP TABLE "매출"',
    'DELETE FROM "매출"',
    'UPDATE "매출" SET "매출" = 0',
    "INSERT INTO \"매출\" VALUES ('x', 1, NULL)",
    "SELECT 1; SELECT 2",
    'SELECT 1; DROP TABLE "매출"',
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('{folder}/매출.csv')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM '{folder}/매출.csv'",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM read_parquet('https://127.0.0.1/x.parquet')",
    "SELECT * FROM 's3://bucket/x.csv'",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "WITH x AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM x",
    'SELECT * FROM "매출" WHERE "지역" IN (SELECT content FROM read_text(\'/etc/passwd\'))',
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('매출')",
    "SELECT current_setting('memory_limit')",
    "SELECT getenv('HOME')",
    "SELECT repeat('x', 100000000000)",
    "SHOW TABLES",
    'DESCRIBE "매출"',
    'EXPLAIN ANALYZE SELECT * FROM "매출"',
    "CALL pragma_version()",
    "BEGIN",
    "CHECKPOINT",
    "PREPARE x AS SELECT 1",
    "not sql at all",
    "",
    "SELECT '\ud800'",
)


@pytest.mark.parametrize("sql", REFUSED)
def test_only_a_select_over_the_loaded_tables_is_run(sql: str, tmp_path: Path) -> None:
    path = tmp_path / "매출.csv"
    path.write_text(csv_text(), encoding="utf-8")
    with Database(DataSettings()) as database:
        database.load(path)
        database.lock()
        with pytest.raises(Refused):
            database.select(sql.replace("{folder}", str(tmp_path)), 10)
        assert database.select('SELECT count(*) FROM "매출"', 10).rows == ((3,),)
    assert [one.name for one in tmp_path.iterdir()] == ["매출.csv"]


def test_the_lock_holds_without_the_check(tmp_path: Path) -> None:
    """Each wall stands alone: DuckDB itself refuses what the parser's check would have let through."""
    (tmp_path / "a.csv").write_text("a\n1\n")
    with Database(DataSettings()) as database:
        database.load(tmp_path / "a.csv")
        database.lock()
        for sql in REFUSED[:7] + REFUSED[16:18]:
            with pytest.raises(duckdb.Error):
                database._duck.execute(sql.replace("{folder}", str(tmp_path)))
    assert [one.name for one in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT count(*) FROM r",
        "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range * b.range % 7 = 3",
    ],
)
def test_a_query_without_end_is_ended(sql: str) -> None:
    with Database(DataSettings(timeout=0.3)) as database:
        database.lock()
        with pytest.raises(Failed) as raised:
            database.select(sql, 10)
    assert raised.value.code == "data_too_slow"


def test_a_query_over_its_memory_is_ended() -> None:
    with Database(DataSettings(memory_mb=64)) as database:
        database.lock()
        with pytest.raises(Failed) as raised:
            database.select("SELECT list(range) FROM range(50000000)", 10)
    assert raised.value.code == "data_too_much"


INJECTED = "매출\"; DROP TABLE x; --', (SELECT content FROM read_text('/etc/passwd'))"


def test_names_and_values_are_never_sql(kit: Kit) -> None:
    quoted = INJECTED.replace('"', '""')
    written(kit, "x'; DROP TABLE y; --.csv", f'"지역","{quoted}"\n"서울\'; DROP TABLE z; --",5\n"{quoted}",7\n')
    done = asked(kit, f"지역별 {INJECTED} 합계", files=["x'; DROP TABLE y; --.csv"])
    assert "root:" not in done.text
    assert done.data["profile"][0]["rows"] == 2
    done = asked(kit, "지역별 건수", files=["x'; DROP TABLE y; --.csv"])
    assert sorted(done.data["rows"]) == sorted([["서울'; DROP TABLE z; --", 1], [INJECTED, 1]])


def test_values_a_question_names_forge_no_structure(kit: Kit) -> None:
    written(kit, "a.csv", "지역,매출\n*서울*,1\n[부산](x),2\n대구,3\n")
    told = asked(kit, "a.csv에서 *서울*와 [부산](x) 매출 합계").text.splitlines()[0]
    assert "\\*서울\\*, \\[부산\\](x)" in told or "\\[부산\\](x), \\*서울\\*" in told


def test_cells_forge_no_structure(kit: Kit) -> None:
    written(kit, "t.csv", 'name,total\n"a | b\n```\n# x \x1b[31m\u202e<b>",1\nplain,2\n')
    done = asked(kit, "t.csv에서 name별 total 합계")
    row = next(line for line in done.text.splitlines() if "# x" in line and line.startswith("|"))
    assert row.startswith("| a \\| b \\`\\`\\` # x")
    assert "\x1b" not in done.text
    assert "\u202e" not in done.text
    assert done.text.count("\n```") == 4


# Through the door


def test_at_the_door(octo: Octo) -> None:
    (octo.folder / "매출.csv").write_text(csv_text(), encoding="utf-8")
    said = octo("ask", "매출.csv에서 지역별 매출 합계", "--json")
    assert said.status == 0, said.err
    assert "leak" not in said.err
    (step,) = said.json["plan"]["steps"]
    assert step["agent"] == "data"
    assert "| 서울 |     3,500 |" in said.json["result"]
    assert said.json["aggregated_data"]["insights"][0]["description"] == (
        "서울 항목이 매출 합계 전체의 87.5%로 가장 큽니다."
    )
    failed = octo("ask", "없는파일.csv 통계를 내 줘", "--json")
    assert "그런 파일이 없습니다: 없는파일.csv. 혹시 이 파일입니까? 매출.csv" in failed.json["result"]
