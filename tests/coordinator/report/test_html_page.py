import pytest
from support.html_page import HtmlPage

from spikeloop.coordinator.report.page import Folded, Page, Section, Table, Text, render


def test_every_text_of_a_page_is_escaped() -> None:
    evil = "<b onclick='x()'>&amp;</b>"
    table = Table(evil, (evil, "b"), [(evil, "1")])
    section = Section("name", evil, [Text(evil, "lead"), table, Folded(evil, [Text(evil)])])
    page = HtmlPage(render(Page(evil, evil, [section])))
    assert page.faults == []
    assert (
        page.text.count(evil) == 11
    )  # title, heading, about; menu, heading; two texts, fold; table
    assert page.tables == {evil: [[evil, "b"], [evil, "1"]]}


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ("<p>a", "<p> is never closed"),
        ("<p>a</div></p>", "</div> closes nothing"),
        ("<script>x</script>", "<script> has no place in a report"),
        ("<p onclick='x()'>a</p>", "p onclick: a script"),
        ("<a href='https://example.org'>a</a>", "a href: an address outside the page"),
        ("<a href='#there'>a</a>", "nothing is #there"),
        ("<p id='a'></p><p id='a'></p>", "id 'a' stands twice"),
        ("<style>p { background: url(a.png) }</style>", "a style loads something"),
        ("<svg role='img'></svg>", "a figure without description"),
        ("<table><tr><td>1</td></tr></table>", "a table without caption"),
    ],
)
def test_the_check_sees_faults(html: str, fault: str) -> None:
    assert fault in HtmlPage(html).faults


def test_the_check_lets_a_sound_page_pass() -> None:
    html = "<h1 id='a'>a</h1><a href='#a'>b</a><table><caption>c</caption></table>"
    assert HtmlPage(html).faults == []
