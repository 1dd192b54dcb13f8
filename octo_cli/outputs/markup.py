"""Markdown as HTML, for pages: HTML in it is text, a picture is its description, and a wide table scrolls by itself."""

from markdown_it import MarkdownIt


def reader(*, links: bool) -> MarkdownIt:
    """Without `links` an address is shown as it was written."""
    made = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    if not links:
        made.disable(["link", "autolink"])
    made.add_render_rule("table_open", lambda *_: '<div class="wide"><table>\n')
    made.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return made
