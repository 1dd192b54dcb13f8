"""Questions about tables, Korean and English: what the rules read is reckoned here again, in Python, from the rows."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from statistics import mean, median
from typing import Any, NamedTuple

import pytest

from octo_cli.agents.data import work
from octo_cli.agents.kit import Done, Kit, Task
from octo_cli.i18n import language_of
from octo_cli.wire.work import Step
from tests.agents.kits import kit_in


class Sale(NamedTuple):
    number: str
    day: str
    region: str
    product: str
    customer: str
    quantity: int
    amount: int


SALES = tuple(
    Sale(
        f"A{index:03d}",
        f"{2025 + index % 2}-{1 + index * 7 % 12:02d}-{1 + index * 5 % 28:02d}",
        ("서울", "부산", "대구", "제주", "서울")[index % 5],
        ("노트북", "모니터", "키보드")[index * index % 3],
        f"고객{index % 11}",
        1 + index * 3 % 8,
        (index * 37 % 101 + 5) * 1000,
    )
    for index in range(120)
)


class Staff(NamedTuple):
    name: str
    department: str
    city: str
    age: int
    salary: float
    hired: str


STAFF = tuple(
    Staff(
        f"Person {index}",
        ("Sales", "Engineering", "Support")[index % 3],
        ("Seoul", "New York", "Berlin", "Tokyo")[index * 3 % 4],
        22 + index * 7 % 40,
        2500 + index * 131 % 4000 + 0.5,
        f"{2018 + index % 8}-{1 + index % 12:02d}-15",
    )
    for index in range(60)
)


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    folder = tmp_path_factory.mktemp("data") / "work"
    folder.mkdir()
    rows = [f'{s.number},{s.day},{s.region},{s.product},{s.customer},{s.quantity},"{s.amount:,}원"' for s in SALES]
    text = "\n".join(["주문번호,주문일,지역,상품,고객,수량,매출", *rows])
    (folder / "판매.csv").write_bytes(text.encode("cp949"))
    header = "Name,Department,City,Age,Monthly_Salary,Hire Date"
    people = [",".join(map(str, row)) for row in STAFF]
    (folder / "staff.csv").write_text("\n".join([header, *people]), encoding="utf-8-sig")
    return kit_in(folder)


def asked(kit: Kit, question: str) -> Done:
    language = language_of(question.replace("판매.csv", "")) or "en"
    done = asyncio.run(work(Task(Step("1", "data", question), question, language, {}), kit))
    assert isinstance(done, Done)
    return done


def by(key: Callable[[Any], Any], value: Callable[[Any], Any], rows: Iterable[Any]) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(value(row))
    return groups


def table(groups: dict[Any, list[Any]], reckon: Callable[[list[Any]], Any]) -> list[list[Any]]:
    """Groups and figures, the largest first."""
    return sorted(([key, reckon(values)] for key, values in groups.items()), key=lambda row: (-row[1], row[0]))


def share(rows: list[list[Any]]) -> list[list[Any]]:
    whole = sum(row[1] for row in rows)
    return [[*row, round(100 * row[1] / whole, 1)] for row in rows]


def within(first: str, last: str) -> list[Sale]:
    return [s for s in SALES if first <= s.day <= last]


AMOUNT_BY_REGION = table(by(lambda s: s.region, lambda s: s.amount, SALES), sum)
COUNT_BY_REGION = table(by(lambda s: s.region, lambda s: s, SALES), len)
AMOUNT_BY_PRODUCT = table(by(lambda s: s.product, lambda s: s.amount, SALES), sum)
SEOUL = [s for s in SALES if s.region == "서울"]
TOTAL = sum(s.amount for s in SALES)
SALARY_BY_DEPARTMENT = table(by(lambda s: s.department, lambda s: s.salary, STAFF), mean)
PEOPLE_BY_CITY = table(by(lambda s: s.city, lambda s: s, STAFF), len)

KOREAN: dict[str, Any] = {
    "몇 건이야?": [[120]],
    "행이 몇 개야?": [[120]],
    "매출 합계는 얼마야?": [[TOTAL]],
    "총 매출 알려줘": [[TOTAL]],
    "총매출은 얼마인가요?": [[TOTAL]],
    "평균 매출을 구해줘": [[mean(s.amount for s in SALES)]],
    "매출 평균": [[mean(s.amount for s in SALES)]],
    "매출 중앙값은?": [[median(s.amount for s in SALES)]],
    "최대 매출은 얼마야?": [[max(s.amount for s in SALES)]],
    "가장 높은 매출은 얼마야?": [[max(s.amount for s in SALES)]],
    "최소 수량 알려줘": [[min(s.quantity for s in SALES)]],
    "지역별 매출 합계": AMOUNT_BY_REGION,
    "지역별 매출 합계 상위 3개": AMOUNT_BY_REGION[:3],
    "지역별 매출 합계 하위 2개": AMOUNT_BY_REGION[::-1][:2],
    "지역마다 평균 매출이 얼마인지 보여줘": table(by(lambda s: s.region, lambda s: s.amount, SALES), mean),
    "지역별 건수": COUNT_BY_REGION,
    "지역별로 몇 건인지 알려줘": COUNT_BY_REGION,
    "상품별 최고 매출": table(by(lambda s: s.product, lambda s: s.amount, SALES), max),
    "지역별 매출": AMOUNT_BY_REGION,
    "상품별 매출액을 많은 순으로 보여줘": AMOUNT_BY_PRODUCT,
    "상품별 매출 합계 오름차순": AMOUNT_BY_PRODUCT[::-1],
    "매출이 가장 높은 지역은 어디야?": AMOUNT_BY_REGION[:1],
    "가장 매출이 많은 상품은?": AMOUNT_BY_PRODUCT[:1],
    "매출이 제일 적은 지역은?": AMOUNT_BY_REGION[-1:],
    "평균 매출이 가장 높은 지역": table(by(lambda s: s.region, lambda s: s.amount, SALES), mean)[:1],
    "매출 상위 2개 상품": AMOUNT_BY_PRODUCT[:2],
    "서울 매출 합계": [[sum(s.amount for s in SEOUL)]],
    "서울만 몇 건이야?": [[len(SEOUL)]],
    "서울 지역 매출 평균": [[mean(s.amount for s in SEOUL)]],
    "서울과 부산의 매출 합계": [[sum(s.amount for s in SALES if s.region in ("서울", "부산"))]],
    "서울을 제외한 매출 합계": [[TOTAL - sum(s.amount for s in SEOUL)]],
    "서울 빼고 지역별 매출": [row for row in AMOUNT_BY_REGION if row[0] != "서울"],
    "서울의 상품별 매출 합계": table(by(lambda s: s.product, lambda s: s.amount, SEOUL), sum),
    "2026년 3월 이후 매출 합계": [[sum(s.amount for s in within("2026-03-01", "9"))]],
    "2025년 매출 합계": [[sum(s.amount for s in within("2025", "2025-99"))]],
    "2025년 5월 매출 합계": [[sum(s.amount for s in within("2025-05", "2025-05-99"))]],
    "2025년 지역별 매출 합계": table(by(lambda s: s.region, lambda s: s.amount, within("2025", "2025-99")), sum),
    "2025년 3월부터 2025년 8월까지 매출 합계": [[sum(s.amount for s in within("2025-03", "2025-08-99"))]],
    "2025-03-01부터 2025-03-31까지 몇 건?": [[len(within("2025-03-01", "2025-03-31"))]],
    "2026년 이전 매출 합계": [[sum(s.amount for s in within("2025", "2025-99"))]],
    "2026년 1분기 매출": [[sum(s.amount for s in within("2026-01", "2026-03-99"))]],
    "올해 매출 합계": [[sum(s.amount for s in within("2026", "2026-99"))]],
    "작년 매출 합계": [[sum(s.amount for s in within("2025", "2025-99"))]],
    "3월 매출 합계": [[sum(s.amount for s in SALES if s.day[5:7] == "03")]],
    "월별 매출 합계": sorted(table(by(lambda s: s.day[:7], lambda s: s.amount, SALES), sum)),
    "2025년 월별 매출 추이": sorted(table(by(lambda s: s.day[:7], lambda s: s.amount, within("2025", "2025-99")), sum)),
    "연도별 건수": sorted(table(by(lambda s: s.day[:4], lambda s: s, SALES), len)),
    "매출이 50000 이상인 건 몇 개야?": [[sum(s.amount >= 50000 for s in SALES)]],
    "매출 5만원 이상 건수": [[sum(s.amount >= 50000 for s in SALES)]],
    "수량이 5개 미만인 매출 합계": [[sum(s.amount for s in SALES if s.quantity < 5)]],
    "매출 3만원에서 5만원 사이 건수": [[sum(30000 <= s.amount <= 50000 for s in SALES)]],
    "매출이 10만원을 넘는 건수": [[sum(s.amount > 100000 for s in SALES)]],
    "지역별 매출 비율": share(AMOUNT_BY_REGION),
    "지역별 비중을 퍼센트로": share(COUNT_BY_REGION),
    "지역은 몇 개야?": [[4]],
    "고객은 몇 명이야?": [[11]],
    "서울 고객은 몇 명인가요?": [[len({s.customer for s in SEOUL})]],
    "지역별 고객 수": table(by(lambda s: s.region, lambda s: s.customer, SALES), lambda found: len(set(found))),
    "지역과 상품별 매출 합계": sorted(
        [*key, sum(values)] for key, values in by(lambda s: (s.region, s.product), lambda s: s.amount, SALES).items()
    ),
    "지역별 매출과 수량 합계": [
        [region, amount, sum(s.quantity for s in SALES if s.region == region)] for region, amount in AMOUNT_BY_REGION
    ],
    "노트북의 지역별 수량 합계": table(
        by(lambda s: s.region, lambda s: s.quantity, [s for s in SALES if s.product == "노트북"]), sum
    ),
    "서울 부산 매출 비교": [row for row in AMOUNT_BY_REGION if row[0] in ("서울", "부산")],
    "가장 많이 팔린 상품은?": table(by(lambda s: s.product, lambda s: s.quantity, SALES), sum)[:1],
    "which 지역 sold the most?": table(by(lambda s: s.region, lambda s: s.quantity, SALES), sum)[:1],
    "지역별 매출 막대그래프": AMOUNT_BY_REGION,
    "매출 상위 5개": [list(s) for s in sorted(SALES, key=lambda s: -s.amount)[:5]],
}

ENGLISH: dict[str, Any] = {
    "how many rows are there?": [[60]],
    "average age": [[mean(s.age for s in STAFF)]],
    "what is the average monthly salary?": [[mean(s.salary for s in STAFF)]],
    "median age of the staff": [[median(s.age for s in STAFF)]],
    "maximum salary": [[max(s.salary for s in STAFF)]],
    "what is the highest age?": [[max(s.age for s in STAFF)]],
    "lowest salary in Berlin": [[min(s.salary for s in STAFF if s.city == "Berlin")]],
    "average salary by department": SALARY_BY_DEPARTMENT,
    "average salary per department, highest first": SALARY_BY_DEPARTMENT,
    "which department has the highest average salary?": SALARY_BY_DEPARTMENT[:1],
    "top 2 departments by average salary": SALARY_BY_DEPARTMENT[:2],
    "number of people by city": PEOPLE_BY_CITY,
    "how many people are in each city?": PEOPLE_BY_CITY,
    "how many cities are there?": [[4]],
    "number of different departments": [[3]],
    "total salary where city = Seoul": [[sum(s.salary for s in STAFF if s.city == "Seoul")]],
    "total salary in New York": [[sum(s.salary for s in STAFF if s.city == "New York")]],
    "average age excluding Berlin": [[mean(s.age for s in STAFF if s.city != "Berlin")]],
    "how many people are over 40 in age?": [[sum(s.age > 40 for s in STAFF)]],
    "how many people with age at least 40": [[sum(s.age >= 40 for s in STAFF)]],
    "average salary where age is less than 30": [[mean(s.salary for s in STAFF if s.age < 30)]],
    "count where age between 30 and 40": [[sum(30 <= s.age <= 40 for s in STAFF)]],
    "how many were hired since 2022?": [[sum(s.hired >= "2022" for s in STAFF)]],
    "how many were hired in 2021?": [[sum(s.hired[:4] == "2021" for s in STAFF)]],
    "how many were hired before March 2020?": [[sum(s.hired < "2020-03" for s in STAFF)]],
    "average salary by department in 2021": table(
        by(lambda s: s.department, lambda s: s.salary, [s for s in STAFF if s.hired[:4] == "2021"]), mean
    ),
    "count by year": sorted(table(by(lambda s: s.hired[:4], lambda s: s, STAFF), len)),
    "percentage of people by city": share(PEOPLE_BY_CITY),
    "oldest person": [list(next(s for s in STAFF if s.age == max(one.age for one in STAFF)))],
    "top 3 people by salary": [list(s) for s in sorted(STAFF, key=lambda s: -s.salary)[:3]],
    "average salary and age by city": sorted(
        (
            [city, mean(s.salary for s in STAFF if s.city == city), mean(s.age for s in STAFF if s.city == city)]
            for city, _ in PEOPLE_BY_CITY
        ),
        key=lambda row: -row[1],
    ),
}


@pytest.mark.parametrize("question", KOREAN)
def test_korean(question: str, kit: Kit) -> None:
    check(asked(kit, f"판매.csv에서 {question}"), KOREAN[question])


@pytest.mark.parametrize("question", ENGLISH)
def test_english(question: str, kit: Kit) -> None:
    check(asked(kit, f"{question} (staff.csv)"), ENGLISH[question])


def check(done: Done, expected: list[list[Any]]) -> None:
    assert done.data["by"] == "rules", done.text
    rows = done.data["rows"]
    if len({row[-1] for row in expected}) < len(expected):
        rows, expected = sorted(rows), sorted(expected)
    assert len(rows) == len(expected), done.text
    for row, wanted in zip(rows, expected, strict=True):
        for cell, value in zip(row, wanted, strict=True):
            assert (cell == pytest.approx(value)) if isinstance(value, float | int) else (cell == value), done.text
    assert done.data["sql"] in done.text


@pytest.mark.parametrize(
    "request_", ["판매.csv 요약해줘", "staff.csv 살펴봐줘", "summarise staff.csv", "describe 판매.csv"]
)
def test_what_is_proposed_is_understood(request_: str, kit: Kit) -> None:
    proposed = [line[2:] for line in asked(kit, request_).text.splitlines() if line.startswith("- ")]
    assert proposed
    name = "staff.csv" if "staff" in request_ else "판매.csv"
    assert [question for question in proposed if asked(kit, f"{question} {name}").data["by"] != "rules"] == []
