"""Octo inside another program: a lease is asked for, its questions are answered, and the document is there."""

import asyncio

from octo_cli import Answer, open_engine

REQUEST = "임대차계약서 작성해줘. 보증금 5천만원에 월세 50만원, 임차인 홍길동, 2027년 3월 1일부터 2년"
REST = {"landlord_name": "김철수", "property_address": "서울특별시 마포구 월드컵북로 396", "payment_day": "25일"}
REPLIES = {
    "collaboration_required": Answer("submit", fields=REST),
    "approval_required": Answer("approve"),
}


async def main() -> None:
    async with open_engine() as octo:
        outcome = await octo.run(REQUEST)
        while outcome.interrupts:
            question = outcome.interrupts[0]
            print(question.title)
            outcome = await octo.answer(question, REPLIES[question.type])
        print(outcome.documents[0].path)


if __name__ == "__main__":
    asyncio.run(main())
