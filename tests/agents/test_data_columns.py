"""A column that is named is reckoned with, or named as the reason why not; what an answer leaves out is said."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook  # type: ignore[import-untyped]

from octo_cli.agents.kit import Kit
from tests.agents.kits import kit_in
from tests.agents.test_data import asked

FILES = {
    "euro.csv": "city;pop;rate\nParis;2100000;1,5\nLyon;500000;2,125\nNice;340000;3,25\nBrest;2060000;0,125\n",
    "umsatz.csv": "Stadt;Umsatz;Datum\nBonn;1.234,50 €;01.02.2026\n"
    "Ulm;2.000,25 €;03.02.2026\nBonn;-300,00 €;04.03.2026\n",
    "won.csv": "지점;매출\n강남;1,200,000\n서초;300\n",
    "mix.csv": "name,dept,salary\nA,x,10\nB,x,20\nC,y,30\nD,y,oops\n",
    "급여.csv": "부서,이름,연봉\n영업,김가,3000\n영업,이나,미정\n개발,박다,5000\n개발,최라,6000\n개발,정마,협의\n",
    "codes.csv": "room,area\n101,20\n102,30\n103,40\nB12,50\n",
    "sizes.csv": "size,sold\n38,2\n39,3\nM,4\n",
    "words.csv": "time,pop\nearly,100\nlate,300\n",
    "months.csv": "월,매출,달성률\n2026-01,100,95%\n2026-02,,110%\n2026-12,300,87.5%\n",
    "sales.csv": "day,region,product,amount\n"
    "2026-01-03,Seoul,Pen,100\n2026-01-09,Busan,Cup,200\n2026-02-01,Seoul,Cup,50\n",
    "refunds.csv": "day,region,amount\n2026-01-03,Seoul,10\n2026-02-01,Busan,20\n",
    "staff.csv": "person,region\nAnn,Seoul\nBob,Busan\n",
}


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    kit = kit_in(tmp_path_factory.mktemp("columns") / "work")
    folder = kit.settings.workspace
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    in_xlsx(folder / "staff2.xlsx")
    in_sqlite(folder / "shop.db")
    return kit


def in_xlsx(path: Path) -> None:
    book = Workbook()
    for row in (["name", "dept", "salary"], ["A", "x", 10], ["B", "x", 20], ["C", "y", 30], ["D", "y", "oops"]):
        book.active.append(row)
    book.save(path)


def in_sqlite(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "CREATE TABLE t (a, b); INSERT INTO t VALUES ('x', 1), ('y', 2), ('x', 4);"
            "CREATE TABLE returns (z); CREATE VIEW doubled AS SELECT b * 2 AS twice FROM t;"
        )
    connection.close()


ANSWERS: dict[str, Any] = {
    "average rate in euro.csv": [[1.75]],
    "total rate by city in euro.csv": [["Nice", 3.25], ["Lyon", 2.125], ["Paris", 1.5], ["Brest", 0.125]],
    "rate over 1,5 in euro.csv": [["Lyon", 500000, 2.125], ["Nice", 340000, 3.25]],
    "total pop in euro.csv": [[5000000]],
    "total Umsatz by Stadt in umsatz.csv": [["Ulm", 2000.25], ["Bonn", 934.5]],
    "total Umsatz by month in umsatz.csv": [["2026-02", 3234.75], ["2026-03", -300]],
    "won.csv 매출 합계": [[1200300]],
    "highest salary in staff2.xlsx": [[30]],
    "average salary by dept in staff2.xlsx": [["y", 30], ["x", 15]],
    "average salary in mix.csv": [[20]],
    "급여.csv 부서별 평균 연봉": [["개발", 5500], ["영업", 3000]],
    "rows by size in sizes.csv": [["38", 1], ["39", 1], ["M", 1]],
    "highest amount by region in sales.csv": [["Busan", 200], ["Seoul", 100]],
    "region with the highest amount in sales.csv": [["Busan", 200]],
    "sort sales.csv by product": [
        ["2026-01-09", "Busan", "Cup", 200],
        ["2026-02-01", "Seoul", "Cup", 50],
        ["2026-01-03", "Seoul", "Pen", 100],
    ],
    "months.csv 월별 매출 합계": [["2026-01", 100], ["2026-02", None], ["2026-12", 300]],
    "months.csv 매출이 가장 높은 월": [["2026-12", 300]],
    "months.csv 달성률 90% 이상": [["2026-01", 100, 95], ["2026-02", None, 110]],
    "total b by a in shop.db": [["x", 5], ["y", 2]],
    "total b in shop.db": [[7]],
}


@pytest.mark.parametrize("question", ANSWERS)
def test_the_column_named_is_the_one_reckoned(question: str, kit: Kit) -> None:
    done = asked(kit, question, language="en")
    assert (done.data["by"], done.data["rows"]) == ("rules", ANSWERS[question])


@pytest.mark.parametrize(
    ("question", "column"),
    [
        ("average room in codes.csv", "room"),
        ("highest room in codes.csv", "room"),
        ("average room by area in codes.csv", "room"),
        ("total size in sizes.csv", "size"),
        ("average time in words.csv", "time"),
        ("average product by region in sales.csv", "product"),
        ("sales.csv product 평균", "product"),
        ("average by region in staff.csv", "region"),
    ],
)
def test_a_column_that_cannot_be_reckoned_is_the_reason(question: str, column: str, kit: Kit) -> None:
    done = asked(kit, question, language="en")
    assert (done.data["by"], done.data["rows"], done.data["unread"]) == (None, [], [column])
    assert f"“{column}” was named, but its values are not numbers" in done.text
    assert done.confidence == 0.1


@pytest.mark.parametrize(
    ("question", "word"),
    [("who has the highest salary in mix.csv", "who"), ("언제 amount가 가장 높아? sales.csv", "언제")],
)
def test_a_figure_is_no_answer_to_who_and_when(question: str, word: str, kit: Kit) -> None:
    done = asked(kit, question, language="en")
    assert (done.data["by"], word in done.data["unread"]) == (None, True)


def test_how_a_column_was_read_is_said(kit: Kit) -> None:
    assert "Commas in “rate” were read as decimal points." in asked(kit, "average rate in euro.csv", language="en").text
    left_out = "Values in “salary” that are not of its kind were taken as blank: 1."
    assert left_out in asked(kit, "average salary in mix.csv", language="en").text


def test_a_month_is_shown_as_a_month(kit: Kit) -> None:
    done = asked(kit, "summarise months.csv", language="en")
    assert "2026-01 ~ 2026-12" in done.text
    assert "-01-01" not in done.text


def test_a_file_that_was_not_used_is_named(kit: Kit) -> None:
    done = asked(kit, "total amount by region in sales.csv and staff.csv", language="en")
    assert done.data["rows"] == [["Busan", 200], ["Seoul", 150]]
    assert done.text.startswith("This answer comes from sales.csv alone. It takes nothing from “staff.csv”.")


@pytest.mark.parametrize("question", ["total amount by region in", "how many rows in"])
def test_a_question_two_files_answer_is_not_answered_from_one(question: str, kit: Kit) -> None:
    done = asked(kit, f"{question} sales.csv and refunds.csv", language="en")
    assert done.data["by"] is None
    assert "fits several tables equally well: “sales”, “refunds”." in done.text


def test_what_of_a_database_is_not_read_is_said(kit: Kit) -> None:
    text = asked(kit, "summarise shop.db", language="en").text
    assert "Views in shop.db are not read: doubled." in text
    assert "Tables without rows in shop.db are left out: returns." in text
