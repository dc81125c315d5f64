"""The host's list of clients: where each stands, what waits, and what was synced when (C15)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from crm.models import Client
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from tests import factories
from tests.admin import rows
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.admin import client_rows
from wagtail_qbo_sync.admin.base import CUSTOMERS, RIGHTS, url
from wagtail_qbo_sync.admin.client_acts import client_url
from wagtail_qbo_sync.host.adapter import ClientAdapter
from wagtail_qbo_sync.models import Connection, Decision, Run, SyncState

from .desk import words

SNIPPET, PLAIN, OWN = "wagtailsnippets_crm_client:list", "plain:index", "own:index"
KINDS = [SNIPPET, PLAIN, OWN]
SEES = ("crm.view_client", "crm.change_client")


@pytest.fixture(autouse=True)
def listings(settings: Settings) -> None:
    settings.ROOT_URLCONF = "tests.admin.listings"


@pytest.fixture(params=KINDS)
def address(request: pytest.FixtureRequest) -> str:
    """A listing of clients, of each kind."""
    return reverse(request.param)


@pytest.fixture
def staff(db: None) -> Browser:
    """Sees clients, and has all of our rights."""
    return browser(*RIGHTS)


def browser(*rights: str) -> Browser:
    """Somebody who sees clients and has these of our rights."""
    client = Browser()
    client.force_login(factories.user(*SEES, *(RIGHTS[right] for right in rights)))
    return client


def shown(page: Any) -> dict[str, str]:
    """Client -> what its last cell says."""
    body = page.content.decode().partition("<tbody>")[2].partition("</tbody>")[0]
    found = {}
    for row in re.findall(r"<tr\b.*?</tr>", body, re.DOTALL):
        cells = re.findall(r"<td\b.*?</td>", row, re.DOTALL)
        title = re.search(r'class="title-wrapper".*?</a>', row, re.DOTALL)
        assert title is not None
        found[words(title.group().partition(">")[2])] = words(cells[-1])
    return found


def client(name: str, company: Connection | None = None, asleep: str | None = None) -> Client:
    """A client, mapped if `asleep` says how."""
    made = Client.objects.create(name=name)
    if company is not None and asleep is not None:
        rows.mapped(rows.customer(company, name), made, asleep)
    return made


def excluded(company: Connection, about: Client) -> None:
    Decision.objects.create(
        kind=Decision.Kind.EXCLUDE_CLIENT,
        connection=company,
        client_pk=str(about.pk),
        at=clock.now(),
    )


@pytest.fixture
def four(company: Connection) -> Connection:
    """A client of each kind."""
    client("Mapped", company, "")
    client("Parted", company, "disconnected")
    client("Nobody")
    excluded(company, client("Barred"))
    return company


FOUR = {
    "Mapped": "Mapped",
    "Parted": "Mapped, disconnected",
    "Nobody": "Not mapped",
    "Barred": "Excluded",
}
STATUSES = ("mapped", "disconnected", "unmapped", "excluded")


# Where each stands -----------------------------------------------------------------------------


def test_each_client_says_where_it_stands(address: str, staff: Browser, four: Connection) -> None:
    assert shown(staff.get(address)) == FOUR


def test_several_companies_are_named(address: str, staff: Browser, four: Connection) -> None:
    other = factories.connection("Client Co")
    rows.mapped(rows.customer(other, "Nobody"), Client.objects.get(name="Nobody"))
    assert shown(staff.get(address)) == {
        **{name: f"Not mapped Client Co {said} Harbor & Finch" for name, said in FOUR.items()},
        "Nobody": "Mapped Client Co Not mapped Harbor & Finch",
    }


@pytest.mark.parametrize("status", STATUSES)
def test_the_filter_finds_them(address: str, staff: Browser, four: Connection, status: str) -> None:
    page = staff.get(address, {"quickbooks": f"{four.pk}-{status}"})
    assert list(shown(page)) == [dict(zip(STATUSES, FOUR, strict=True))[status]]


def test_the_filter_takes_several_of_several_companies(
    address: str, staff: Browser, four: Connection
) -> None:
    other = factories.connection("Client Co")
    rows.mapped(rows.customer(other, "Nobody"), Client.objects.get(name="Nobody"))
    wanted = [f"{four.pk}-excluded", f"{other.pk}-mapped"]
    assert set(shown(staff.get(address, {"quickbooks": wanted}))) == {"Barred", "Nobody"}


def test_the_filter_beside_a_search(staff: Browser, four: Connection) -> None:
    client("Mapped to nobody")
    found = {"q": "mapped", "quickbooks": f"{four.pk}-unmapped"}
    assert list(shown(staff.get(reverse(PLAIN), found))) == ["Mapped to nobody"]


def test_the_hosts_own_filters_stay(staff: Browser, four: Connection) -> None:
    Client.objects.filter(name__in=["Mapped", "Nobody"]).update(city="Rome")
    found = {"city": "rome", "quickbooks": f"{four.pk}-unmapped"}
    assert list(shown(staff.get(reverse(OWN), found))) == ["Nobody"]


def test_a_filter_of_a_company_that_is_gone_is_no_error(
    address: str, staff: Browser, four: Connection
) -> None:
    assert set(shown(staff.get(address, {"quickbooks": "4711-mapped"}))) == set(FOUR)


@pytest.mark.parametrize("kind", [SNIPPET, PLAIN])
def test_sorting_by_where_they_stand(kind: str, staff: Browser, four: Connection) -> None:
    down = list(shown(staff.get(reverse(kind), {"ordering": "quickbooks"})))
    assert down == list(FOUR)
    up = list(shown(staff.get(reverse(kind), {"ordering": "-quickbooks"})))
    assert up == list(reversed(FOUR))


def test_the_hosts_own_order_stays(staff: Browser, four: Connection) -> None:
    assert list(shown(staff.get(reverse(OWN)))) == sorted(FOUR, reverse=True)


# What is added around the table ------------------------------------------------------------------


def header(page: Any) -> str:
    """The words of the page's header."""
    found = re.search(r'<header class="w-slim-header.*?</header>', page.content.decode(), re.DOTALL)
    assert found is not None
    return words(found.group())


def test_map_shows_the_one_number(address: str, staff: Browser, company: Connection) -> None:
    factories.customers(company, unmapped=1100, review=2, excluded=1, mapped=1, inactive=1)
    page = staff.get(address)
    assert "Map 1,102" in header(page)
    for words_ in ("Manage QuickBooks data", "Manage integrations"):
        assert words_ in header(page)


def test_nothing_to_map_needs_no_button(address: str, staff: Browser, company: Connection) -> None:
    factories.customers(company, mapped=1)
    assert "Map " not in header(staff.get(address))


@pytest.mark.parametrize(
    ("right", "offered"),
    [
        ("map", {"Map 1", "Manage integrations"}),
        ("view", {"Manage QuickBooks data", "Manage integrations"}),
        ("connect", {"Manage integrations"}),
        ("", set()),
    ],
)
def test_each_button_needs_its_right(
    right: str, offered: set[str], address: str, company: Connection
) -> None:
    factories.customers(company, unmapped=1)
    said = header(browser(*[right] if right else []).get(address))
    buttons = {"Map 1", "Manage QuickBooks data", "Manage integrations"}
    assert {each for each in buttons if each in said} == offered


def test_the_number_leads_to_where_they_are_mapped(staff: Browser, company: Connection) -> None:
    factories.customers(company, unmapped=1)
    page = staff.get(reverse(SNIPPET)).content.decode()
    assert f'href="{url("map", company.pk)}"' in page


def test_of_several_companies_one_is_chosen_first(staff: Browser, company: Connection) -> None:
    for each in (company, factories.connection("Client Co")):
        factories.customers(each, unmapped=1)
    page = staff.get(reverse(SNIPPET)).content.decode()
    query = "status=unmapped&amp;status=review&amp;status=deleted"
    assert f'href="{reverse(f"{CUSTOMERS}:index")}?{query}"' in page


def test_what_the_host_has_added_stays(staff: Browser, four: Connection) -> None:
    page = staff.get(reverse(OWN))
    assert "Theirs" in header(page) and "More of theirs" in header(page)
    assert "Their row button" in page.content.decode()


def test_without_a_company_the_list_is_as_it_was(address: str, staff: Browser, db: None) -> None:
    client("Anna Berg")
    page = staff.get(address)
    assert "qbo-sync-line" not in page.content.decode()
    assert "Not mapped" not in page.content.decode()
    assert "Manage integrations" in header(page)


def test_a_disconnected_company_is_not_shown(
    address: str, staff: Browser, four: Connection
) -> None:
    Connection.objects.update(disconnected_at=clock.now())
    assert "qbo-sync-line" not in staff.get(address).content.decode()


class OnlyInRome(ClientAdapter):
    """A site whose listing shows more clients than a person may see on our screens."""

    def visible_to(self, user: Any, queryset: Any) -> Any:
        return super().visible_to(user, queryset).filter(city="Rome")


def test_no_act_is_offered_upon_a_client_one_may_not_see(
    address: str, company: Connection, settings: Settings
) -> None:
    here = f"{__name__}.OnlyInRome"
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "ADAPTER": here}
    paris, rome = (Client.objects.create(name=city, city=city) for city in ("Paris", "Rome"))
    page = browser("map", "view").get(address).content.decode()
    assert client_url("client_exclude", company, str(rome.pk)) in page
    assert client_url("client_exclude", company, str(paris.pk)) not in page
    user = factories.user(*SEES, RIGHTS["map"])
    assert client_rows.snippet_buttons(rome, user)
    assert not client_rows.snippet_buttons(paris, user)
    form = browser("map", "view").get(reverse("wagtailsnippets_crm_client:edit", args=[paris.pk]))
    assert 'class="qbo-panel"' not in form.content.decode()


# The line ----------------------------------------------------------------------------------------


def line(page: Any) -> str:
    found = re.search(r'<ul id="qbo-sync-line-companies".*?</ul>', page.content.decode(), re.DOTALL)
    assert found is not None
    return words(found.group())


def synced(company: Connection, minutes: int, **outcome: int) -> None:
    """Synced so long ago, with this outcome."""
    then = clock.now() - timedelta(minutes=minutes)
    factories.sync_state(company, synced_at=then, first_synced_at=then)
    counts = {"outcome": {f"{kind}.done": number for kind, number in outcome.items()}}
    factories.run(company, Run.State.DONE, finished_at=then, counts=counts)


def test_when_it_was_synced_and_what_came_of_it(
    address: str, staff: Browser, company: Connection
) -> None:
    Connection.objects.update(visit_minutes=0)
    factories.customers(company, unmapped=2, review=1)
    synced(company, 5, update=2, create=1, agree=9)
    assert line(staff.get(address)) == "Last synced 5 minutes ago 3 updated 3 waiting"


def test_what_an_older_sync_did_is_not_said(staff: Browser, company: Connection) -> None:
    synced(company, 9, update=2)
    factories.sync_state(company, synced_at=clock.now())
    assert line(staff.get(reverse(SNIPPET))) == "Last synced just now"


def test_a_visit_starts_a_sync_and_the_line_says_so(
    address: str, staff: Browser, company: Connection
) -> None:
    synced(company, 5)
    assert line(staff.get(address)) == "Syncing now"
    assert SyncState.objects.get().wanted == 1


def test_never_synced(address: str, staff: Browser, company: Connection) -> None:
    assert line(staff.get(address)) == "Not synced yet"
    assert SyncState.objects.get().wanted == 0


def test_a_company_that_needs_a_person_says_so(staff: Browser, company: Connection) -> None:
    company.token.delete()
    assert line(staff.get(reverse(SNIPPET))) == "Reconnect needed"


def test_several_companies_have_a_line_each(staff: Browser, company: Connection) -> None:
    factories.connection("Client Co")
    said = line(staff.get(reverse(SNIPPET)))
    assert said == "Client Co Not synced yet Harbor & Finch Not synced yet"


def test_results_and_exports_are_no_visit(staff: Browser, company: Connection) -> None:
    synced(company, 5)
    staff.get(reverse("wagtailsnippets_crm_client:list_results"), {"q": "a"})
    staff.get(reverse(SNIPPET), {"export": "csv"})
    assert SyncState.objects.get().wanted == 0


# Cost --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("companies", [1, 3])
def test_as_many_queries_for_fifty_rows_as_for_five(
    address: str,
    companies: int,
    staff: Browser,
    company: Connection,
) -> None:
    for number in range(1, companies):
        factories.connection(f"Client Co {number}")

    def make(first: int, last: int) -> None:
        for number in range(first, last):
            client(f"Client {number}", company, "" if number % 2 else None)

    def queries() -> int:
        with CaptureQueriesContext(database) as captured:
            staff.get(address)
        return len(captured)

    make(0, 5)
    queries()
    few = queries()
    make(5, 50)
    assert queries() == few
