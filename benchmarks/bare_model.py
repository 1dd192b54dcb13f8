"""A bare LangChain program that asks a model what Octo asks it, to measure Octo against. Nothing of Octo is in it.

As a script (`python benchmarks/bare_model.py BASE_URL`) it answers one open question in two requests, as `octo ask`
does: what the question is about, in a shape, and the answer, printed as it streams.
"""

import asyncio
import sys
from typing import Any

from langchain.chat_models import init_chat_model

TEXT = "프랑스의 수도는 어디인가요?"
INTENT: dict[str, Any] = {
    "title": "Intent",
    "type": "object",
    "properties": {
        "category": {"type": "string", "enum": ["search", "web", "data", "contract", "code", "chat"]},
        "confidence": {"type": "number"},
        "keywords": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["category", "confidence", "keywords"],
    "additionalProperties": False,
}


async def main(base_url: str) -> None:
    chat = init_chat_model("octo-test", model_provider="openai", base_url=base_url, api_key="none")
    intent: Any = await chat.with_structured_output(INTENT, method="json_schema").ainvoke(TEXT)
    async for chunk in chat.astream([("system", f"The question is of the kind {intent['category']}."), ("user", TEXT)]):
        print(chunk.text, end="", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
