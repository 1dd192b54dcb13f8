"""Places for values in a wording: `{field}`, and `{field:을/를}` with the particle its value asks for."""

import re
from collections.abc import Mapping
from typing import Final

from octo_cli.values.names import josa

PLACE: Final = re.compile(r"\{(?P<name>\w+)(?::(?P<pair>은/는|이/가|을/를|과/와|으로/로))?\}")


def filled(text: str, shown: Mapping[str, str]) -> str:
    """`text` with each place taken by what `shown` has for its field."""

    def value(place: re.Match[str]) -> str:
        read = shown[place["name"]]
        return read + (josa(read, place["pair"]) if place["pair"] else "")

    return PLACE.sub(value, text)
