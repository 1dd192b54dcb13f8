"""Addresses in a text: where they begin, and where the sentence goes on."""

import pytest

from octo_cli.values.urls import find_urls, without_urls


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("https://example.com/a를 요약해줘", ["https://example.com/a"]),
        ("http://b.kr:8080/에서 찾아줘", ["http://b.kr:8080/"]),
        ("(https://c.kr/z).", ["https://c.kr/z"]),
        ("https://en.wikipedia.org/wiki/Octopus_(disambiguation)를 봐", ["https://en.wikipedia.org/wiki/Octopus_(disambiguation)"]),
        ("https://ko.wikipedia.org/wiki/서울은", ["https://ko.wikipedia.org/wiki/서울은"]),
        ("www.d.kr과 <https://e.kr?a=1&b=2>, ‘https://f.kr’", ["https://www.d.kr", "https://e.kr?a=1&b=2", "https://f.kr"]),
        ("**https://g.kr** [글](https://h.kr/x) https://g.kr", ["https://g.kr", "https://h.kr/x"]),
        ("HTTPS://I.KR!", ["HTTPS://I.KR"]),
        ("no address, a@b.kr or https:// here", []),
        ("(https://a.kr/b?c=1&d=2).", ["https://a.kr/b?c=1&d=2"]),
        ("https://ko.wikipedia.org/wiki/전세를 요약", ["https://ko.wikipedia.org/wiki/전세"]),
        ("https://ko.wikipedia.org/wiki/제주도", ["https://ko.wikipedia.org/wiki/제주도"]),
        ("www.a.kr에서 a@www.b.kr", ["https://www.a.kr"]),
        ("ftp://a.kr", []),
    ],
)  # fmt: skip
def test_addresses_are_found_in_a_text(text: str, urls: list[str]) -> None:
    assert find_urls(text) == urls


def test_a_text_without_its_addresses() -> None:
    assert without_urls("https://a.kr/b.csv 요약").split() == ["요약"]
