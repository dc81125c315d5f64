"""Who may what: every address of ours, for everybody, on every supported Wagtail."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse
from django.utils.http import urlencode

from tests import factories, screens
from wagtail_qbo_sync.admin.base import CUSTOMERS, RIGHTS, QboAdminView, url
from wagtail_qbo_sync.models import Connection

from .conftest import Login, Read

OURS = screens.OURS
ANY = frozenset(RIGHTS)
NOBODY: frozenset[str] = frozenset()
GET, POST = "get", "post"
SCREENS: dict[str, tuple[str, frozenset[str]]] = {
    f"{OURS}:connections": (GET, ANY),
    f"{OURS}:cards": (GET, ANY),
    f"{OURS}:connect": (POST, frozenset({"connect"})),
    f"{OURS}:reconnect": (POST, frozenset({"connect"})),
    f"{OURS}:callback": (GET, frozenset({"connect"})),
    f"{OURS}:sync": (POST, frozenset({"sync"})),
    f"{OURS}:show_plan": (POST, frozenset({"sync"})),
    f"{OURS}:disconnect": (POST, frozenset({"connect"})),
    f"{OURS}:live_site": (POST, frozenset({"connect"})),
    f"{OURS}:copy": (POST, frozenset({"connect"})),
    f"{OURS}:settings": (GET, frozenset({"change"})),
    f"{OURS}:sync_line": (GET, ANY),
    f"{OURS}:runs": (GET, frozenset({"view", "sync"})),
    f"{OURS}:runs_results": (GET, frozenset({"view", "sync"})),
    f"{OURS}:run": (GET, frozenset({"view", "sync"})),
    f"{OURS}:run_results": (GET, frozenset({"view", "sync"})),
    f"{OURS}:run_approve": (POST, frozenset({"sync"})),
    f"{OURS}:run_discard": (POST, frozenset({"sync"})),
    **{
        f"{OURS}:run_{act}": (POST, frozenset({"sync"}))
        for act in ("tick", "tick_all", "untick_all", "undo")
    },
    **{
        f"{OURS}:customer_{act}": (POST, frozenset({"map"}))
        for act in (
            *("create", "exclude", "include", "exclude_again", "undo_map"),
            *("remove_match", "put_match_back"),
            *("keep_deleted", "ask_again", "disconnect", "reconnect"),
        )
    },
    f"{OURS}:clients": (GET, frozenset({"view"})),
    f"{OURS}:clients_results": (GET, frozenset({"view"})),
    f"{OURS}:client": (GET, frozenset({"view"})),
    f"{OURS}:client_map": (GET, frozenset({"map"})),
    f"{OURS}:client_map_results": (GET, frozenset({"map"})),
    **{
        f"{OURS}:client_{act}": (POST, frozenset({"map"}))
        for act in (
            *("exclude", "include", "disconnect", "reconnect"),
            *("create", "cancel_creation"),
        )
    },
    f"{OURS}:client_news": (GET, frozenset({"view"})),
    f"{OURS}:customer_map": (GET, frozenset({"map"})),
    **{f"{OURS}:map{end}": (GET, frozenset({"map"})) for end in ("", "_results", "_clients")},
    **{
        f"{OURS}:map_{act}": (POST, frozenset({"map"}))
        for act in ("decide", "create", "exclude", "back", "save")
    },
    f"{OURS}:duplicates": (GET, frozenset({"map"})),
    f"{OURS}:customer_map_results": (GET, frozenset({"map"})),
    f"{OURS}:sync_customer": (POST, frozenset({"sync"})),
    f"{OURS}:sync_client": (POST, frozenset({"sync"})),
    f"{OURS}:why_customer": (GET, frozenset({"view"})),
    f"{OURS}:why_run": (GET, frozenset({"view", "sync"})),
    f"{OURS}:why_client": (GET, frozenset({"view"})),
    f"{OURS}:run_summary": (GET, frozenset({"view", "sync"})),
    **{
        f"{OURS}:{name}": (GET, frozenset({"view", "sync"}))
        for name in (
            *("comparisons", "comparisons_results"),
            *("comparison", "comparison_results"),
        )
    },
    f"{OURS}:customer_erase": (GET, frozenset({"connect"})),
    f"{OURS}:compare": (POST, frozenset({"sync"})),
    f"{OURS}:conflicts": (GET, frozenset({"map"})),
    f"{OURS}:conflicts_results": (GET, frozenset({"map"})),
    f"{OURS}:conflict": (GET, frozenset({"map"})),
    f"{OURS}:conflict_reopen": (POST, frozenset({"map"})),
    f"{OURS}:taken_name": (GET, frozenset({"map"})),
    f"{OURS}:taken_name_ask_again": (POST, frozenset({"map"})),
    f"{OURS}:problems": (GET, frozenset({"view"})),
    f"{OURS}:problems_results": (GET, frozenset({"view"})),
    f"{OURS}:ignored": (GET, frozenset({"view"})),
    f"{OURS}:ignored_results": (GET, frozenset({"view"})),
    f"{OURS}:problem_retry": (POST, frozenset({"sync"})),
    f"{OURS}:problem_take_back": (POST, frozenset({"sync"})),
    f"{OURS}:problem_set_aside": (POST, frozenset({"map"})),
    f"{OURS}:problem_open_again": (POST, frozenset({"map"})),
    f"{OURS}:reset_go_on": (POST, frozenset({"sync"})),
    f"{OURS}:deleted_reattach": (POST, frozenset({"map"})),
    f"{OURS}:deleted_leave": (POST, frozenset({"map"})),
    f"{OURS}:retry": (POST, frozenset({"sync"})),
    f"{OURS}:bulk_decisions": (GET, frozenset({"map"})),
    f"{OURS}:bulk_decisions_results": (GET, frozenset({"map"})),
    # Besides our right to map it takes the site's own right to change clients.
    f"{OURS}:types": (GET, NOBODY),
    f"{OURS}:types_import": (GET, NOBODY),
    f"{OURS}:types_import_results": (GET, NOBODY),
    f"{OURS}:types_import_summary": (GET, NOBODY),
    f"{OURS}:types_import_confirm": (POST, NOBODY),
    f"{OURS}:types_import_discard": (POST, NOBODY),
    f"{OURS}:types_import_undo": (POST, NOBODY),
    f"{OURS}:bulk": (GET, frozenset({"map"})),
    f"{OURS}:bulk_undo": (POST, frozenset({"map"})),
    f"{CUSTOMERS}:index": (GET, frozenset({"view"})),
    f"{CUSTOMERS}:index_results": (GET, frozenset({"view"})),
    f"{CUSTOMERS}:inspect": (GET, frozenset({"view"})),
}
"""Address -> how it is asked for, and which rights open it."""


@pytest.fixture
def addresses(company: Connection) -> dict[str, str]:
    """Every address of ours, of things that are there."""
    return screens.small(company).addresses()


def is_refused(response: Any) -> bool:
    """Whether Wagtail sent them away for want of a permission."""
    home = reverse("wagtailadmin_home")
    return bool(response.status_code == 302 and response.headers["Location"] == home)


def test_the_table_names_every_address() -> None:
    assert {name for name, _ in screens.patterns()} == set(SCREENS)


@pytest.mark.parametrize("right", RIGHTS)
def test_each_right_opens_what_it_should(
    right: str, login: Login, addresses: dict[str, str]
) -> None:
    client = login(right)
    opened = {
        name
        for name, (method, _) in SCREENS.items()
        if not is_refused(getattr(client, method)(addresses[name]))
    }
    assert opened == {name for name, (_, rights) in SCREENS.items() if right in rights}


@pytest.mark.parametrize("method", [GET, POST])
def test_the_admin_alone_opens_nothing(
    method: str, login: Login, addresses: dict[str, str]
) -> None:
    client = login()
    assert [
        name for name in SCREENS if not is_refused(getattr(client, method)(addresses[name]))
    ] == []


@pytest.mark.parametrize("method", [GET, POST])
def test_strangers_are_asked_to_log_in(
    method: str, client: Client, login: Login, addresses: dict[str, str]
) -> None:
    outsider = login(*RIGHTS, admin=False)
    for browser in (client, outsider):
        for address in addresses.values():
            response = getattr(browser, method)(address)
            assert response.status_code == 302
            assert response.headers["Location"].startswith(reverse("wagtailadmin_login"))


def test_acts_need_a_post(addresses: dict[str, str]) -> None:
    partner = Client()
    partner.force_login(factories.user(*RIGHTS.values(), "crm.change_client"))
    acts = [name for name, (method, _) in SCREENS.items() if method == POST]
    assert [name for name in acts if partner.get(addresses[name]).status_code != 405] == []


def test_acts_need_the_token_of_the_form(login: Login, company: Connection) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = login("connect").cookies
    response = strict.post(url("disconnect", company.pk))
    assert response.status_code == 403
    company.refresh_from_db()
    assert company.is_connected


@pytest.mark.parametrize(
    ("next_page", "lands"),
    [
        ("/admin/reports/", "/admin/reports/"),
        ("https://evil.example/", "/admin/qbo/connected-apps/"),
    ],
)
def test_one_is_sent_back_but_never_to_another_site(
    next_page: str, lands: str, partner: Client, company: Connection
) -> None:
    for address in (url("sync", company.pk), url("disconnect", company.pk), url("copy")):
        for response in (
            partner.post(address, {"next": next_page}),
            partner.post(f"{address}?{urlencode({'next': next_page})}"),
        ):
            assert response.headers["Location"] == lands


@pytest.mark.parametrize("name", ["reconnect", "sync", "disconnect", "settings"])
def test_a_company_that_is_not_there(name: str, partner: Client, db: None) -> None:
    assert partner.post(url(name, 4711)).status_code == 404


def test_a_view_that_does_not_say_who_may_see_it_is_closed(rf: Any, admin_user: Any) -> None:
    request = rf.get("/")
    request.user = admin_user

    class Forgetful(QboAdminView):
        pass

    with pytest.raises(ImproperlyConfigured, match="Forgetful does not say who may see it"):
        Forgetful.as_view()(request)


def test_the_group_editor_offers_the_five(admin_client: Client, read: Read) -> None:
    group = Group.objects.create(name="Staff")
    page = read(admin_client.get(reverse("wagtailusers_groups:edit", args=[group.pk])))
    for sentence in (
        "Can connect and disconnect QuickBooks companies",
        "Can start a QuickBooks sync and approve its plan",
        "Can map QuickBooks customers to clients",
    ):
        assert sentence in page
    assert "QuickBooks connection" in page
    assert "QuickBooks customer" in page


@pytest.mark.parametrize("right", [*RIGHTS, ""])
def test_the_menu_shows_connected_apps_to_whom_it_concerns(
    right: str, login: Login, company: Connection
) -> None:
    client = login(*[right] if right else [])
    page = client.get(reverse("wagtailadmin_home")).content.decode()
    assert (url("connections") in page) == bool(right)
