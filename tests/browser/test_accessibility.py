"""Our part of every screen, as axe sees it: in light and dark, and narrow without scrolling."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from crm.models import Client, ContactType
from playwright.sync_api import Page

from tests import factories, screens
from tests.admin import rows
from tests.sync.types_file.files import csv_of
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.models import Connection, Customer, ImportBatch, Run, Step
from wagtail_qbo_sync.sync.bulk import drafts, proposal
from wagtail_qbo_sync.sync.bulk.drafts import Do
from wagtail_qbo_sync.sync.people import exclusion
from wagtail_qbo_sync.sync.planning import undoing
from wagtail_qbo_sync.sync.types_file import imports, slices

from .conftest import Open, search_listing

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NARROW = {"width": 360, "height": 800}
CUT_TITLES = """
    [...document.querySelectorAll(".w-slim-header .w-breadcrumbs")]
        .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)
"""
LARGE_ICONS = (
    "all => all.filter(one => one.getBoundingClientRect().width > 40).map(x => x.outerHTML)"
)


def nothing(company: Connection) -> None:
    Connection.objects.all().delete()


def all_states(company: Connection) -> None:
    """Cards of every kind."""
    factories.customers(company, mapped=2, review=1, unmapped=1, excluded=1)
    month = f"{clock.now():%Y-%m}"
    factories.sync_state(company, synced_at=clock.now(), reads=499_000, reads_month=month)
    factories.run(company, Run.State.DONE)
    factories.run(company, Run.State.WAITING)
    screens.companies_in_every_state()


def a_plan(company: Connection) -> None:
    """A run that waits, with a step of each kind."""
    counts = dict.fromkeys(Step.Kind.values, 1)
    run = factories.run(company, Run.State.WAITING, first=True, counts=counts)
    for number, kind in enumerate(Step.Kind.values):
        data = {"customer": "Anna Berg", "client": "Berg, Anna"}
        Step.objects.create(run=run, kind=kind, qbo_id=str(number), data=data)
    factories.customers(company, mapped=2, review=1, unmapped=1, excluded=1)


def duplicates(company: Connection) -> None:
    """A customer beside two clients: one can be chosen, one is taken."""
    alike = rows.customer(company, "Thomas Reed & Sons", email="tom@reed.example", phone="555 0101")
    free = Client.objects.create(name="Tom Reed", email="tom@reed.example", phone="555 0102")
    taken = rows.mapped(rows.customer(company, "Reed, T."))
    candidates = [rows.candidate(free, "email"), rows.candidate(taken, "name", taken=True)]
    rows.case(alike, "review", candidates=candidates, more=2)


def chosen(company: Connection) -> None:
    """Choices that can be saved, and one that cannot."""
    factories.customers(company, unmapped=3)
    gone = Client.objects.create(name="Gone, Gus")
    drafts.save(company, "1", Do.CREATE, None)
    drafts.save(company, "2", Do.EXCLUDE, None)
    drafts.save(company, "3", Do.MAP, None, client_pk=str(gone.pk))
    gone.delete()
    proposal.propose(company, None)


def to_map(company: Connection) -> str:
    """The page on which a client is chosen for the customer in review."""
    alike = Customer.objects.get(display_name="Thomas Reed & Sons")
    return url("customer_map", alike.pk) + "?q=reed"


def problems(company: Connection) -> None:
    """One of each kind, of a customer that is there and of one that is not."""
    known = factories.customer(company).qbo_id
    refused = {"message": "Client with this E-mail already exists.", "field": "email"}
    factories.case(company, "refused", known, facts=refused)
    sides = {"phone": {"site": "555-1", "qbo": "555-2"}}
    factories.case(company, "conflict", known, facts={"conflicts": sides})
    factories.case(company, "inactive", known)
    factories.case(company, "unreadable", "4711", facts={"message": "The name is missing."})


def being_applied(company: Connection) -> None:
    """A run under way."""
    run = factories.run(company, Run.State.APPLYING)
    for number, state in enumerate(("done", "planned")):
        data = {"customer": "Anna Berg"}
        Step.objects.create(run=run, kind="link", qbo_id=str(number), state=state, data=data)
    soon = clock.now() + timedelta(minutes=5)
    factories.sync_state(company, phase="apply", done=1, total=2, lease_until=soon)


def applied(company: Connection) -> None:
    """A run that is over: it wrote on both sides, and one step was held back."""
    run = rows.run(company, Run.State.DONE, finished_at=clock.now())
    anna = rows.customer(company, "Anna Berg", phone="(207) 555-0102", mobile="(207) 555-0103")
    client = rows.mapped(anna)
    phone, mobile = ["(207) 555-0101", "(207) 555-0102"], ["", "(207) 555-0103"]
    values = {"values": {"phone": phone}, "to_qbo": {"mobile": mobile}}
    rows.step(run, anna, "update", client, "done", **values)
    rows.step(run, rows.customer(company, "Ben Coe"), "link", None, "held", why="It is gone.")
    rows.change(anna, client, run, phone=phone)


def taken_back(company: Connection) -> None:
    """The plan that takes back a run."""
    applied(company)
    undoing.start(Run.objects.get(), None)


def its_client(company: Connection) -> str:
    """The journal of a client that a run wrote to."""
    return url("client", company.pk, str(Client.objects.get(name="Anna Berg").pk))


def moved_import(company: Connection) -> None:
    """Contact Types by file, confirmed when it would have led to something else."""
    lead, books = (ContactType.objects.create(name=name) for name in ("Lead", "Monthly books"))
    Connection.objects.update(pushed_types=[str(books.pk)])
    factories.sync_state(company, first_synced_at=clock.now())
    people = [Client.objects.create(name=n, contact_type=lead) for n in ("Anna Berg", "Ben Coe")]
    data = csv_of(*((one.pk, one.name, "", books.name) for one in people))
    batch = to_its_end(imports.start(data.encode("cp1252"), "types.csv", None))
    exclusion.exclude_client(company, str(people[1].pk), None)
    imports.confirm(batch, None)
    to_its_end(batch)


def waiting_undo(company: Connection) -> None:
    """Contact Types by file, about to be taken back."""
    moved_import(company)
    batch = ImportBatch.objects.get()
    imports.confirm(batch, None)
    back = imports.undo(to_its_end(batch), None)
    assert back is not None
    to_its_end(back)


def undone_import(company: Connection) -> None:
    """Contact Types by file, taken back."""
    waiting_undo(company)
    back = ImportBatch.objects.latest("pk")
    imports.confirm(back, None)
    to_its_end(back)


def to_its_end(batch: ImportBatch) -> ImportBatch:
    """Also on a slow machine, where the worker would go on."""
    batch.refresh_from_db()
    slices.advance(batch.pk, batch.slice, math.inf)
    batch.refresh_from_db()
    return batch


def newest_import(company: Connection) -> str:
    return url("types_import", ImportBatch.objects.latest("pk").pk)


SCREENS: dict[str, tuple[Callable[[Connection], None], Callable[[Connection], str]]] = {
    "empty": (nothing, lambda company: url("connections")),
    "connected apps": (all_states, lambda company: url("connections")),
    "settings": (all_states, lambda company: url("settings", company.pk)),
    "customers": (a_plan, lambda company: "/admin/qbo/customers/"),
    "runs": (a_plan, lambda company: url("runs")),
    "problems": (problems, lambda company: url("problems")),
    "run being applied": (being_applied, lambda company: url("run", Run.objects.get().pk)),
    "run": (a_plan, lambda company: url("run", Run.objects.get().pk)),
    "applied run": (applied, lambda company: url("run", Run.objects.get().pk)),
    "undo of a run": (taken_back, lambda company: url("run", Run.objects.latest("pk").pk)),
    "journal of a client": (applied, its_client),
    "duplicates": (duplicates, lambda company: url("duplicates")),
    "no duplicates": (nothing, lambda company: url("duplicates")),
    "map to client": (duplicates, to_map),
    "map customers": (duplicates, lambda company: url("map", company.pk)),
    "import": (moved_import, newest_import),
    "undo of an import that waits": (waiting_undo, newest_import),
    "undo of an import": (undone_import, newest_import),
    "save all": (chosen, lambda company: url("run", Run.objects.get(state="proposed").pk)),
}


@pytest.fixture(params=SCREENS)
def screen(request: pytest.FixtureRequest, company: Connection) -> str:
    """The address of a screen that has something to show."""
    arrange, address = SCREENS[request.param]
    arrange(company)
    return address(company)


def complaints(page: Page) -> list[Any]:
    """What axe finds in our part of the page: rule and elements."""
    found = Axe().run(page, context="#main").response["violations"]
    return [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found]


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_has_nothing_to_say_of_any_page(
    colours: Any, open_page: Open, company: Connection
) -> None:
    """Of a firm that shows it all; a new page is found by itself."""
    page = open_page("/admin/", color_scheme=colours)
    found = {}
    shown = screens.furnish(company)
    for name, address in (shown.pages() | shown.pages_of_the_host()).items():
        page.goto(address)
        found[name] = complaints(page)
    assert {name: each for name, each in found.items() if each} == {}


def test_no_page_scrolls_sideways_on_a_narrow_screen(open_page: Open, company: Connection) -> None:
    page = open_page("/admin/", viewport=NARROW)
    found = {}
    for name, address in screens.furnish(company).pages().items():
        page.goto(address)
        page.evaluate("document.querySelector('.footer')?.remove()")  # Wagtail's own is too wide
        found[name] = page.evaluate("document.querySelector('#main').scrollWidth")
        for cut in page.evaluate(CUT_TITLES):
            found[f"{name}, title: {cut}"] = NARROW["width"] + 1
    assert {name: wide for name, wide in found.items() if wide > NARROW["width"]} == {}


def test_listings_break_no_words_and_are_not_cut(open_page: Open, company: Connection) -> None:
    """Who began a run is read in words on a wide screen; a narrow one shows the whole conflict."""
    pages = screens.furnish(company).pages()
    page = open_page(pages["runs"], viewport={"width": 1280, "height": 900})
    by = page.locator("td.qbo-wide", has_text="Command line or schedule").first
    assert by.evaluate("one => one.getBoundingClientRect().width") >= 8 * 16
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(pages["conflicts"])
    page.locator("#listing-results td .qbo-told, #listing-results td.qbo-told").first.wait_for()
    wide = "one => [one.scrollWidth, one.clientWidth]"
    needed, there = page.locator("#listing-results").evaluate(wide)
    assert needed <= there


def test_a_decision_about_many_stands_apart_from_the_header(
    open_page: Open, company: Connection
) -> None:
    page = open_page(screens.furnish(company).pages()["bulk"])
    header = page.locator(".w-slim-header").bounding_box()
    text = page.locator("#qbo-bulk-done").bounding_box()
    assert header and text
    assert text["y"] - (header["y"] + header["height"]) >= 16


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_has_nothing_to_say(colours: Any, screen: str, open_page: Open) -> None:
    assert complaints(open_page(screen, color_scheme=colours)) == []


def test_a_dialog_too(open_page: Open, company: Connection) -> None:
    page = open_page(url("connections"))
    page.get_by_role("button", name="Disconnect").click()
    page.get_by_role("dialog").wait_for()
    found = Axe().run(page, context=".w-dialog").response["violations"]
    assert [rule["id"] for rule in found] == []


def test_narrow_screens_need_no_sideways_scrolling(screen: str, open_page: Open) -> None:
    """Nor is an icon as wide as the page, as Wagtail draws it where nobody says its size."""
    page = open_page(screen, viewport=NARROW)
    assert page.locator("#main svg.icon").evaluate_all(LARGE_ICONS) == []
    wide = page.evaluate("document.querySelector('#main').scrollWidth")
    assert wide <= NARROW["width"]


STACKED = ("run", "applied run", "problems", "map to client", "journal of a client")


@pytest.mark.parametrize("name", STACKED)
@pytest.mark.parametrize("width", [360, 1200])
def test_a_stacked_table_is_still_a_table(
    name: str, width: int, open_page: Open, company: Connection
) -> None:
    """To who listens it has rows, cells and all its column headers; whatever the browser makes of
    tables that are displayed as blocks, since the roles stand at the elements."""
    arrange, address = SCREENS[name]
    arrange(company)
    page = open_page(address(company), viewport={"width": width, "height": 800})
    page.locator(".qbo-stack td[role=cell]").first.wait_for()
    assert read_out(page, "columnheader") == page.locator(".qbo-stack th").count()
    assert read_out(page, "row") == page.locator(".qbo-stack tr").count()
    said = page.locator(".qbo-stack table, .qbo-stack tr, .qbo-stack th, .qbo-stack td")
    assert said.count() == page.locator(".qbo-stack :is(table, tr, th, td)[role]").count()


def read_out(page: Page, role: str) -> int:
    """How many such elements the browser tells a screen reader of."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    return sum(not node["ignored"] and node["role"]["value"] == role for node in nodes)


def test_rows_that_a_search_brings_are_rows_too(open_page: Open, company: Connection) -> None:
    a_plan(company)
    page = open_page(url("run", Run.objects.get().pk), viewport=NARROW)
    search_listing(page, "Anna")
    page.locator(".qbo-stack td[role=cell]").first.wait_for()
    assert page.locator(".qbo-stack td:not([role])").count() == 0
