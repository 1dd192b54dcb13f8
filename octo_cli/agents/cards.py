"""The program's own agents: the card of each, and where to load it from. No agent is imported here."""

from typing import Final, NamedTuple

from octo_cli.wire.work import AgentCard

OWN: Final = "octo-cli"


class Agent(NamedTuple):
    """A card and where to load the agent from: "module:attribute", a function that returns a compiled graph."""

    card: AgentCard
    build: str
    # Works with a model when there is one: its function is told by `assisted=…`.
    assistant: bool = False


# To add an agent is to add it here.
AGENTS: Final = (
    Agent(
        AgentCard(
            name="search",
            when={
                "ko": "사용자가 지정한 폴더의 파일(글, PDF, 워드, 웹 페이지, 소스 코드)과 완성한 문서에서 내용을 찾아"
                " 위치와 함께 알려 줍니다.",
                "en": "Finds passages in the user's folders (text, PDF, Word, web pages, source code) and finished"
                " documents, and cites each place.",
            },
            examples=(
                "내 메모에서 전입신고 찾아줘",
                "확정일자에 대해 알려 주세요",
                "PDF에서 보증금 반환 조항 찾아줘",
                "Find what my notes say about the deposit",
            ),
            tools=("read_files",),
            needs=("search.folders",),
        ),
        "octo_cli.agents.search:build",
    ),
    Agent(
        AgentCard(
            name="web",
            when={
                "ko": "주소가 적힌 웹 페이지를 읽어 요약하고, 검색 엔진이 있으면 웹에서 찾아 출처와 함께 알립니다.",
                "en": "Sums up web pages by their address and, with a search engine set, searches the web; cites both.",
            },
            examples=(
                "https://example.com 요약해줘",
                "웹에서 전세 사기 예방법 찾아줘",
                "Summarise https://example.com/news",
            ),
            keywords=("웹", "인터넷", "url", "website", "web page"),
            tools=("fetch_page", "search_web"),
        ),
        "octo_cli.agents.web.agent:build",
    ),
    Agent(
        AgentCard(
            name="data",
            when={
                "ko": "표로 된 파일(CSV, XLSX, Parquet, JSON, SQLite)에서 합계나 순위를 구해 표와 차트로 답합니다.",
                "en": "Answers questions about tables (CSV, XLSX, Parquet, JSON, SQLite) with figures and charts.",
            },
            examples=(
                "sales.csv에서 지역별 매출 합계 상위 3개",
                "직원.xlsx 요약해 줘",
                "Average price by category in products.parquet",
            ),
            keywords=("합계", "평균", "상위", "csv", "xlsx", "parquet", "sqlite", "chart", "average", "total"),
            tools=("read_files",),
        ),
        "octo_cli.agents.data:build",
    ),
    Agent(
        AgentCard(
            name="contract",
            when={
                "ko": "계약서 같은 문서의 초안을 만들고, 빈칸을 함께 채운 뒤, 승인을 받아 완성합니다.",
                "en": "Drafts a contract or similar document, fills it in with the user, finishes it once approved.",
            },
            examples=(
                "임대차계약서 작성해줘. 보증금 5천만원에 월세 50만원",
                "월세를 55만원으로 바꿔줘",
                "Draft a non-disclosure agreement",
            ),
            tools=("write_document",),
        ),
        "octo_cli.agents.contract:build",
    ),
    Agent(
        AgentCard(
            name="code",
            when={
                "ko": "코드를 쓰고 설명하고 고칩니다. 승인을 받아 Python과 셸 코드를 격리된 곳에서 실행합니다.",
                "en": "Writes, explains and edits code; runs Python and shell code in a sandbox once you approve.",
            },
            examples=(
                "실행해줘: print(2 ** 10)",
                "이 폴더의 parse.py에서 버그를 찾아 고쳐줘",
                "Write a function that checks a business number, and test it",
            ),
            keywords=("실행해줘", "코드", "버그", "run this", "code", "debug"),
            tools=(
                *("read_file", "list_files", "find_in_files", "write_file", "edit_file"),
                *("run_python", "run_shell"),
            ),
        ),
        "octo_cli.agents.code:build",
        assistant=True,
    ),
)

CARDS: Final = tuple(agent.card for agent in AGENTS)
