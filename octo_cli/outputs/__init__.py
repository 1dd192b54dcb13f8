"""The voice: aggregated results become what is handed out. One table, one file each."""

from collections.abc import Callable, Mapping
from typing import Any

from octo_cli.outputs import chat, json
from octo_cli.wire.events import AggregatedData

Generate = Callable[[AggregatedData], Any]

GENERATORS: Mapping[str, Generate] = {"chat": chat.generate, "json": json.generate}
FORMATS: tuple[str, ...] = tuple(GENERATORS)
# What a file that holds the format is called.
SUFFIXES: Mapping[str, str] = {"chat": ".md", "json": ".json"}
