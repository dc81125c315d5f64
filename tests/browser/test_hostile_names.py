"""Names and values that are markup, in a browser: nothing of them is run, asked for or made an
element.

tests/admin/test_injection.py reads what the server answers; here is what scripts make of it.
"""

from __future__ import annotations

import pytest
from crm.models import Client
from playwright.sync_api import Dialog, Page, Request, expect

from tests import factories, screens
from tests.hostile import poison
from wagtail_qbo_sync.admin.base import customers_url, url
from wagtail_qbo_sync.models import Connection

from .conftest import Open, search_listing

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MARKUP = (
    "<script>alert(1)</script> ",
    '"><img src=x-evil onerror=alert(2)> ',
    "'><x-evil onclick='alert(3)'>",
    '</script></template></textarea><img src="x-evil" onerror="alert(4)"> ',
)
NAMES = (
    *MARKUP,
    "&lt;img src=x-evil onerror=alert(5)&gt; ",
    '=HYPERLINK("http://x-evil.example","x") ',
    "{{ x_evil }}{% x_evil %}${alert(6)}javascript:alert(7) ",
)
MADE = """
() => [...document.querySelectorAll("*")].filter((one) =>
    one.localName === "x-evil"
    || [...one.attributes].some(({ name, value }) =>
        name.startsWith("on") && value.includes("alert(")
        || /^(href|src|action|srcset|formaction)$/.test(name)
            && /^\\s*(javascript:|"?x-evil|http:..x-evil)/i.test(value))
    || one.localName === "script" && !/json|template/.test(one.type)
        && one.textContent.includes("alert(")
).map((one) => one.outerHTML.slice(0, 200))
"""
"""The elements that a name was taken for."""
SHOWN = "(name) => document.querySelector('#main').innerText.split(name.trim()).length - 1"
OPENS = "#main :is(summary, [data-w-dropdown-target=toggle], [data-a11y-dialog-show])"
OPEN_ALL = """
(opens) => {
    for (const one of document.querySelectorAll("#main [data-controller~=w-tooltip]"))
        one.dispatchEvent(new MouseEvent("mouseenter"));
    for (const one of document.querySelectorAll(opens)) one.click();
}
"""
"""Whatever hides on a page until somebody points at it, or opens it."""


def what_names_do(page: Page) -> list[str]:
    """Filled from now on with what a name does: a script that runs, a picture that is asked for."""
    done: list[str] = []

    def dialog(shown: Dialog) -> None:
        done.append(f"a dialog says {shown.message}: {page.url}")
        shown.dismiss()

    def request(sent: Request) -> None:
        if "x-evil" in sent.url.partition("?")[0]:
            done.append(f"{sent.url} is asked for: {page.url}")

    page.on("dialog", dialog)
    page.on("request", request)
    return done


def test_what_looks_for_them_finds_them(open_page: Open, company: Connection) -> None:
    """Whatever of these names a browser takes for markup."""
    page = open_page(url("connections"))
    done = what_names_do(page)
    for name in MARKUP:
        page.evaluate("name => document.querySelector('#main').innerHTML = name", name)
        page.wait_for_timeout(200)
        assert page.evaluate(MADE), name
    assert [each[:15] for each in done if "dialog" in each] == [
        "a dialog says 2",
        "a dialog says 4",
    ]
    assert [each for each in done if "asked for" in each]


def test_no_page_makes_anything_of_a_name(open_page: Open, company: Connection) -> None:
    """Also of what opens when somebody points at it, or clicks; a new page is found by itself."""
    page = open_page("/admin/")
    shown = screens.furnish(company)
    poison(*NAMES)
    done, made, seen = what_names_do(page), {}, dict.fromkeys(NAMES, 0)
    for name, address in (shown.pages() | shown.pages_of_the_host()).items():
        page.goto(address)
        page.evaluate(OPEN_ALL, OPENS)
        page.wait_for_timeout(100)
        made[name] = page.evaluate(MADE)
        for each in NAMES:
            seen[each] += page.evaluate(SHOWN, each)
    assert {name: each for name, each in made.items() if each} == {}
    assert done == []
    assert min(seen.values()) > 50, seen


def test_what_is_chosen_said_and_taken_back_is_text(open_page: Open, company: Connection) -> None:
    """Scripts of ours write the options, the notes and the status line; Wagtail's, messages."""
    name = f"{MARKUP[1]}Anna"
    factories.customer(company, name)
    Client.objects.create(name=f"{MARKUP[3]}Berg")
    page = open_page(url("map", company.pk))
    done = what_names_do(page)
    field = page.get_by_role("combobox", name="Client of")
    field.press_sequentially("Berg")
    expect(page.get_by_role("option").first).to_contain_text(MARKUP[3])
    page.keyboard.press("Enter")
    expect(page.locator("footer [role=status]")).to_contain_text(f"{MARKUP[1]}Anna")
    assert page.evaluate(MADE) == []

    page.goto(customers_url(company))
    search_listing(page, name)
    page.locator("#listing-results tr", has_text="Anna").get_by_role("checkbox").check()
    page.get_by_role("link", name="Exclude the selected customers from mapping").click()
    expect(page.locator("#main")).to_contain_text(name)
    assert page.evaluate(MADE) == []

    page.goto(customers_url(company))
    page.get_by_role("button", name="More options for").click()
    page.get_by_role("button", name="Exclude from mapping").click()
    expect(page.locator(".messages")).to_contain_text(f"“{name}” is excluded from mapping.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".messages")).to_contain_text(f"“{name}” is included again.")
    assert page.evaluate(MADE) == []
    assert done == []
