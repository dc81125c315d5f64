"""What people set for a company: Contact Types, directions, policies and intervals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from crm.models import Client as Member
from crm.models import ContactType
from django.db import connection as database
from django.db.models import Q
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from wagtail.models import ModelLogEntry

from tests import factories
from tests.host.samples.models import Kind, Plain, Strict
from wagtail_qbo_sync.admin.base import RIGHTS, url
from wagtail_qbo_sync.admin.forms import ConnectionForm
from wagtail_qbo_sync.contact import FIELDS, Address, Contact, fields_of
from wagtail_qbo_sync.host.adapter import ClientAdapter, get_adapter
from wagtail_qbo_sync.host.contact_types import ContactTypes
from wagtail_qbo_sync.models import Connection, Decision, Mapping, Run
from wagtail_qbo_sync.sync.people import decide, settings
from wagtail_qbo_sync.sync.people.exclusion import exclude_client
from wagtail_qbo_sync.sync.records.client_status import count_unmapped_by_type

from .conftest import Login, Read

ADD = "crm.add_contacttype"
Unmatched = Connection.Unmatched


def answers(**values: Any) -> dict[str, Any]:
    """The form as it is posted."""
    client = ContactType.objects.get_or_create(name="Client")[0].pk
    careful = {"unmatched": "wait", "hierarchy": "top", "visit_minutes": "2"}
    careful |= {"direction": "two_way", "on_conflict": "ask"}
    careful |= {"inactive_policy": "flag", "poll_minutes": "15"}
    return {"contact_type": client, **careful, **values}


@pytest.fixture
def owner(db: None) -> Client:
    """May change settings, and add Contact Types on the site."""
    client = Client()
    client.force_login(factories.user(RIGHTS["change"], ADD))
    return client


@pytest.fixture(autouse=True)
def types(db: None) -> dict[str, ContactType]:
    return {
        name: ContactType.objects.get_or_create(name=name)[0] for name in ("Client", "Prospect")
    }


def selected(page: Any, name: str) -> list[str]:
    """Which options of a field are chosen on the page."""
    return [
        str(option["value"])
        for _, options, _ in page.context["form"][name].field.widget.optgroups(
            name, [str(page.context["form"][name].value())]
        )
        for option in options
        if option["selected"]
    ]


def test_at_first_client_is_shown_and_the_careful_choices(
    login: Login, company: Connection, types: dict[str, ContactType], read: Read
) -> None:
    page = login("change").get(url("settings", company.pk))
    assert "Harbor & Finch" in read(page)
    assert selected(page, "contact_type") == [str(types["Client"].pk)]
    assert selected(page, "unmatched") == ["wait"]
    assert selected(page, "hierarchy") == ["top"]


def test_saving_keeps_what_was_chosen(
    login: Login, company: Connection, types: dict[str, ContactType], read: Read
) -> None:
    client = login("change")
    chosen = answers(contact_type=types["Prospect"].pk, unmatched="create", hierarchy="sub")
    chosen |= {"direction": "pull", "on_conflict": "qbo"}
    page = client.post(url("settings", company.pk), chosen, follow=True)
    assert "The settings of “Harbor & Finch” are saved." in read(page)
    assert "waits as a plan until somebody approves it" in read(page)
    company.refresh_from_db()
    assert company.contact_type == str(types["Prospect"].pk)
    assert (company.unmatched, company.hierarchy) == ("create", "sub")
    assert (company.direction, company.on_conflict) == ("pull", "qbo")
    page = client.get(url("settings", company.pk))
    assert selected(page, "contact_type") == [str(types["Prospect"].pk)]
    entry = ModelLogEntry.objects.get(action="wagtail_qbo_sync.settings")
    assert entry.data["changed"]["unmatched"] == ["wait", "create"]
    assert entry.message == "Sync settings changed"


def test_a_plan_that_waits_comes_before_the_new_settings(
    login: Login, company: Connection, read: Read
) -> None:
    run = factories.run(company, Run.State.WAITING)
    chosen = answers(unmatched="create")
    page = login("change", "sync").post(url("settings", company.pk), chosen, follow=True)
    assert "A plan waits that was made before. It comes first" in read(page)
    assert f'href="{url("run", run.pk)}"' in page.content.decode().partition('id="qbo-cards"')[0]
    decide.discard(run, None)
    page = login("change").post(url("settings", company.pk), chosen, follow=True)
    assert "It comes first" not in read(page)


def test_a_type_that_went_while_the_form_was_checked_is_named(
    company: Connection, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = ContactType.objects.create(name="Passing")
    checked = ConnectionForm.is_valid

    def is_valid(form: ConnectionForm) -> bool:
        valid = checked(form)
        ContactType.objects.filter(name="Passing").delete()
        return valid

    monkeypatch.setattr(ConnectionForm, "is_valid", is_valid)
    page = login("change").post(url("settings", company.pk), answers(contact_type=str(kind.pk)))
    assert page.status_code == 200 and "This cannot be chosen here" in page.content.decode()
    company.refresh_from_db()
    assert company.contact_type == ""


def test_saving_writes_no_more_than_what_was_changed(company: Connection, admin_user: Any) -> None:
    """Between showing and saving, others renamed, disconnected and set another field."""
    form = ConnectionForm(answers(unmatched="create"), instance=company, user=admin_user)
    assert form.is_valid()
    Connection.objects.filter(pk=company.pk).update(company_name="Renamed", hierarchy="sub")
    form.save()
    company.refresh_from_db()
    assert company.company_name == "Renamed"
    assert (company.unmatched, company.hierarchy) == ("create", "sub")


def test_what_was_set_since_the_form_was_opened_stays(login: Login, company: Connection) -> None:
    """By a command, or in another window: only what this form changed is written."""
    browser = login("change")
    form = browser.get(url("settings", company.pk)).context["form"]
    settings.change(company, None, on_conflict="qbo", poll_minutes=60)
    typed = answers(seen=form["seen"].value(), visit_minutes="7", poll_minutes="30")
    assert browser.post(url("settings", company.pk), typed).status_code == 302
    company.refresh_from_db()
    assert (company.on_conflict, company.visit_minutes, company.poll_minutes) == ("qbo", 7, 30)
    entry = ModelLogEntry.objects.filter(action="wagtail_qbo_sync.settings").latest("pk")
    assert entry.data["changed"].keys() >= {"visit_minutes", "poll_minutes"}
    assert "on_conflict" not in entry.data["changed"]


LEFT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "order": ({"pushed_types": ["Prospect", "Client"]}, {"pushed_types": ["Partner"]}),
    "none yet": ({"contact_type": ""}, {"contact_type": "Partner"}),
    "gone": ({"pushed_types": ["Client", "4711"]}, {"pushed_types": ["Partner"]}),
    "not held": (
        {"field_directions": {"fax": "push", "email": "pull"}},
        {"field_directions": {"fax": "pull", "email": "push"}},
    ),
}
"""What is stored when the form is opened, which shows it otherwise, and what is set then."""


@pytest.mark.parametrize("left", LEFT)
def test_what_is_shown_otherwise_than_it_is_stored_is_left_too(
    left: str, login: Login, company: Connection, types: dict[str, ContactType]
) -> None:
    keys = {name: str(one.pk) for name, one in types.items()}
    keys["Partner"] = str(ContactType.objects.create(name="Partner").pk)
    stored, later = (keyed(values, keys) for values in LEFT[left])
    Connection.objects.update(**stored)
    browser = login("change")
    form = browser.get(url("settings", company.pk)).context["form"]
    company.refresh_from_db()
    settings.change(company, None, **later)
    shown = form["field_directions"].value()
    typed = answers(
        seen=form["seen"].value(),
        visit_minutes="7",
        contact_type=form["contact_type"].value(),
        pushed_types=sorted(form["pushed_types"].value()),
        **{f"field_directions_{name}": one for name, one in shown.items() if name != "fax"},
    )
    assert browser.post(url("settings", company.pk), typed).status_code == 302
    company.refresh_from_db()
    assert company.visit_minutes == 7
    assert {name: getattr(company, name) for name in later} == later


def keyed(values: dict[str, Any], keys: dict[str, str]) -> dict[str, Any]:
    """Names of Contact Types become their keys."""
    return {
        name: [keys.get(one, one) for one in value]
        if isinstance(value, list)
        else value
        if isinstance(value, dict)
        else keys.get(value, value)
        for name, value in values.items()
    }


@pytest.mark.parametrize("gone", ["contact_type", "pushed_types"])
def test_what_is_gone_gives_way_to_what_was_shown(
    gone: str, login: Login, company: Connection, types: dict[str, ContactType]
) -> None:
    """Where nobody has set it since."""
    Connection.objects.update(contact_type="4711", pushed_types=["4711"])
    browser = login("change")
    form = browser.get(url("settings", company.pk)).context["form"]
    assert form[gone].value() == {"contact_type": str(types["Client"].pk)}.get(gone, [])
    browser.post(url("settings", company.pk), answers(seen=form["seen"].value()))
    company.refresh_from_db()
    assert (company.contact_type, company.pushed_types) == (str(types["Client"].pk), [])


@pytest.mark.parametrize(("seen", "now"), [("", 7), ("[]", 7), ("{}", 7), ("x", 2)])
def test_a_form_that_does_not_say_what_it_saw(
    login: Login, company: Connection, seen: str, now: int
) -> None:
    response = login("change").post(
        url("settings", company.pk), answers(seen=seen, visit_minutes="7")
    )
    company.refresh_from_db()
    assert (response.status_code, company.visit_minutes) == (302 if now == 7 else 200, now)


def test_saving_without_a_change_records_nothing(
    login: Login, company: Connection, types: dict[str, ContactType]
) -> None:
    Connection.objects.update(contact_type=str(types["Client"].pk))
    login("change").post(url("settings", company.pk), answers())
    assert not ModelLogEntry.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"contact_type": "4711"},
        {"unmatched": "delete"},
        {"hierarchy": ""},
        {"visit_minutes": ""},
        {"visit_minutes": "-1"},
        {"visit_minutes": "1441"},
        {"visit_minutes": "soon"},
        {"poll_minutes": ""},
        {"poll_minutes": "1441"},
        {"inactive_policy": "delete"},
        {"pushed_types": ["4711"]},
    ],
)
def test_what_is_no_choice_is_refused(
    wrong: dict[str, str], login: Login, company: Connection, read: Read
) -> None:
    page = login("change").post(url("settings", company.pk), answers(**wrong))
    assert page.status_code == 200
    assert "The settings could not be saved." in read(page)
    company.refresh_from_db()
    assert (company.contact_type, company.unmatched, company.hierarchy) == ("", "wait", "top")
    assert company.visit_minutes == 2


@pytest.mark.parametrize("minutes", [0, 1, 1440])
def test_how_old_a_sync_may_be_when_people_look(
    minutes: int, login: Login, company: Connection
) -> None:
    login("change").post(url("settings", company.pk), answers(visit_minutes=str(minutes)))
    company.refresh_from_db()
    assert company.visit_minutes == minutes


def test_all_is_saved_or_nothing(
    company: Connection, admin_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the log is full")

    monkeypatch.setattr("wagtail_qbo_sync.sync.people.decide.log", broken)
    chosen = answers(new_contact_type="From QuickBooks", unmatched="create")
    form = ConnectionForm(chosen, instance=company, user=admin_user)
    assert form.is_valid()
    with pytest.raises(RuntimeError):
        form.save()
    company.refresh_from_db()
    assert company.unmatched == "wait"
    assert not ContactType.objects.filter(name="From QuickBooks").exists()


# Contact Types ------------------------------------------------------------------------------


def test_a_new_type_is_made_and_chosen(owner: Client, company: Connection) -> None:
    owner.post(url("settings", company.pk), answers(new_contact_type=" From QuickBooks "))
    company.refresh_from_db()
    assert company.contact_type == str(ContactType.objects.get(name="From QuickBooks").pk)


def test_a_type_that_is_there_is_taken(
    owner: Client, company: Connection, types: dict[str, ContactType]
) -> None:
    owner.post(url("settings", company.pk), answers(new_contact_type="prospect"))
    company.refresh_from_db()
    assert company.contact_type == str(types["Prospect"].pk)
    assert ContactType.objects.filter(name__iexact="prospect").count() == 1


def test_a_type_that_the_site_refuses_is_an_error_and_nothing_is_saved(
    owner: Client, company: Connection, read: Read
) -> None:
    too_long = answers(new_contact_type="x" * 61, unmatched="create")
    page = owner.post(url("settings", company.pk), too_long)
    assert page.status_code == 200
    assert "at most 60 characters" in read(page)
    company.refresh_from_db()
    assert company.unmatched == "wait"
    assert not ModelLogEntry.objects.exists()


def test_who_may_not_add_types_reads_where_they_are_made(
    login: Login, company: Connection, read: Read
) -> None:
    client = login("change")
    page = read(client.get(url("settings", company.pk)))
    assert "make a new Contact Type" not in page
    assert "Contact Types are made where this site keeps them" in page
    client.post(url("settings", company.pk), answers(new_contact_type="Sneaked in"))
    assert not ContactType.objects.filter(name="Sneaked in").exists()


def test_a_type_that_is_gone_is_not_offered(
    login: Login, company: Connection, types: dict[str, ContactType]
) -> None:
    Connection.objects.update(contact_type=str(types["Prospect"].pk))
    types["Prospect"].delete()
    page = login("change").get(url("settings", company.pk))
    assert selected(page, "contact_type") == [str(types["Client"].pk)]


def test_a_site_without_a_client_type_may_choose_none(
    login: Login, company: Connection, types: dict[str, ContactType]
) -> None:
    types["Client"].delete()
    page = login("change").get(url("settings", company.pk))
    assert selected(page, "contact_type") == [""]
    login("change").post(
        url("settings", company.pk),
        answers(contact_type="", unmatched="create"),
    )
    company.refresh_from_db()
    assert (company.contact_type, company.unmatched) == ("", "create")


class WithoutTypes(ClientAdapter):
    """A site whose clients have no Contact Types."""

    def contact_type_choices(self) -> list[tuple[str, str]]:
        return []

    def can_add_contact_type(self, user: Any) -> bool:
        return False


def test_a_site_without_contact_types_is_not_asked(
    login: Login, company: Connection, read: Read, settings: Any
) -> None:
    here = f"{__name__}.WithoutTypes"
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "ADAPTER": here}
    client = login("change")
    page = client.get(url("settings", company.pk))
    assert "There are no Contact Types to choose from." in read(page)
    assert "contact_type" not in page.context["form"].fields
    client.post(url("settings", company.pk), answers(unmatched="create"))
    company.refresh_from_db()
    assert company.unmatched == "create"


class ByChoices(ClientAdapter):
    """The types are code."""

    model = Strict
    contact_type_field = "level"


class ByKey(ClientAdapter):
    """A row that clients refer to."""

    model = Strict
    contact_type_field = "kind"


class ByKeys(ClientAdapter):
    """Several rows that clients refer to."""

    model = Strict
    contact_type_field = "kinds"


class ByText(ClientAdapter):
    """Whatever somebody has typed."""

    model = Plain
    contact_type_field = "contact_type"


SHAPES: dict[type[ClientAdapter], str] = {
    ByChoices: "",
    ByKey: "samples.add_kind",
    ByKeys: "samples.add_kind",
    ByText: "samples.change_plain",
}
"""Adapter -> the right that makes new types there, "" where nobody does."""


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest, settings: Any) -> type[ClientAdapter]:
    """A site that keeps its types in one way; it has "Lead" and "Client"."""
    adapter: type[ClientAdapter] = request.param
    for code, title in (("c", "Client"), ("l", "Lead")):
        Kind.objects.create(code=code, title=title)
    Plain.objects.create(name="Anna Berg", contact_type="Lead")
    here = f"{__name__}.{adapter.__name__}"
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "ADAPTER": here}
    return adapter


def settings_editor(*permissions: str) -> Client:
    client = Client()
    client.force_login(factories.user(RIGHTS["change"], *permissions))
    return client


def test_the_choices_are_the_sites_own(shape: type[ClientAdapter], company: Connection) -> None:
    editor = settings_editor()
    form = editor.get(url("settings", company.pk)).context["form"]
    choices = {label: key for key, label in form.fields["contact_type"].choices}
    assert set(choices) == {"Client", "Lead"}
    assert form["contact_type"].value() == choices["Client"]
    editor.post(url("settings", company.pk), answers(contact_type=choices["Lead"]))
    company.refresh_from_db()
    assert company.contact_type == choices["Lead"]


def test_new_types_are_made_by_whom_the_site_lets(
    shape: type[ClientAdapter], company: Connection, read: Read
) -> None:
    elsewhere = "Contact Types are made where this site keeps them"
    page = read(settings_editor().get(url("settings", company.pk)))
    assert elsewhere in page and "make a new Contact Type" not in page
    if right := SHAPES[shape]:
        page = read(settings_editor(right).get(url("settings", company.pk)))
        assert elsewhere not in page and "make a new Contact Type" in page


def test_a_type_that_needs_more_than_a_name_is_refused_in_words(
    company: Connection, settings: Any, read: Read
) -> None:
    here = f"{__name__}.{ByKey.__name__}"
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "ADAPTER": here}
    chosen = answers(contact_type="", new_contact_type="Prospect")
    page = settings_editor("samples.add_kind").post(url("settings", company.pk), chosen)
    assert "The settings could not be saved." in read(page)
    assert not Kind.objects.exists()


@pytest.mark.parametrize(
    ("typed", "kept"), [(" From QuickBooks ", "From QuickBooks"), ("client", "Client")]
)
def test_a_text_is_a_type_as_soon_as_it_is_chosen(
    typed: str, kept: str, company: Connection, settings: Any
) -> None:
    here = f"{__name__}.{ByText.__name__}"
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "ADAPTER": here}
    chosen = answers(contact_type="Client", new_contact_type=typed)
    editor = settings_editor("samples.change_plain")
    editor.post(url("settings", company.pk), chosen)
    company.refresh_from_db()
    assert company.contact_type == kept
    form = editor.get(url("settings", company.pk)).context["form"]
    assert form["contact_type"].value() == kept
    too_long = answers(contact_type="Client", new_contact_type="x" * 61)
    editor.post(url("settings", company.pk), too_long)
    company.refresh_from_db()
    assert company.contact_type == kept


# Created in QuickBooks (K12) ----------------------------------------------------------------


def test_at_first_no_type_is_pushed(login: Login, company: Connection, read: Read) -> None:
    page = login("change").get(url("settings", company.pk))
    assert page.context["form"]["pushed_types"].value() == []
    assert "Clients that nobody changes are not sent." in read(page)


def test_types_to_push_are_kept_and_can_be_taken_back(
    login: Login, company: Connection, types: dict[str, ContactType]
) -> None:
    client, address = login("change"), url("settings", company.pk)
    keys = [str(types[name].pk) for name in ("Client", "Prospect")]
    client.post(address, answers(pushed_types=keys))
    company.refresh_from_db()
    assert sorted(company.pushed_types) == sorted(keys)
    entry = ModelLogEntry.objects.latest("pk")
    assert entry.data["changed"]["pushed_types"] == [[], company.pushed_types]
    assert client.get(address).context["form"]["pushed_types"].value() == company.pushed_types
    client.post(address, answers())
    company.refresh_from_db()
    assert company.pushed_types == []


def test_clients_are_counted_by_type_in_one_query(shape: type[ClientAdapter]) -> None:
    adapter = get_adapter()
    keys = {label: key for key, label in adapter.contact_type_choices()}
    people = [Contact(name=name, mailing_address=Address(city="Salem")) for name in ("A", "B", "C")]
    made = [adapter.new(contact, keys["Lead"]).pk for contact in people]
    with CaptureQueriesContext(database) as asked:
        some = adapter.queryset().filter(pk__in=made[:2])
        assert adapter.contact_types.count(some) == {keys["Lead"]: 2}
    assert len(asked) == 1


def test_who_is_mapped_or_excluded_is_not_counted(
    company: Connection, types: dict[str, ContactType]
) -> None:
    """A change of theirs creates nothing; another company's mappings make no difference."""
    kinds = {"contact_type": types["Prospect"]}
    mapped, excluded, elsewhere, _free = (Member.objects.create(name=n, **kinds) for n in "abcd")
    Mapping.objects.create(connection=company, qbo_id="1", client=mapped, client_pk=str(mapped.pk))
    Mapping.objects.create(
        connection=factories.connection("Other"),
        qbo_id="1",
        client=elsewhere,
        client_pk=str(elsewhere.pk),
    )
    exclude_client(company, str(excluded.pk), None)
    assert count_unmapped_by_type(company) == {str(types["Prospect"].pk): 2}


def test_a_shape_of_the_hosts_own_is_counted_by_its_condition(company: Connection) -> None:
    class Own(ContactTypes):
        def choices(self) -> list[tuple[str, str]]:
            return [("a", "A"), ("b", "B")]

        def having(self, keys: Iterable[str]) -> Q:
            return Q(name__startswith="A") if "a" in keys else Q(name__startswith="B")

    for name in ("Anna", "Arno", "Bert"):
        Plain.objects.create(name=name)
    assert Own().count(Plain.objects.all()) == {"a": 2, "b": 1}


def test_the_form_shows_these_numbers(
    login: Login, company: Connection, types: dict[str, ContactType], read: Read
) -> None:
    Member.objects.create(name="Anna Berg", contact_type=types["Prospect"])
    page = read(login("change").get(url("settings", company.pk)))
    assert "Prospect (1 not mapped)" in page
    assert "Client (0 not mapped)" in page


def test_customers_that_wait_are_a_warning_beside_the_types(
    login: Login, company: Connection, read: Read
) -> None:
    warning = "still wait to be mapped. Decide about them first"
    assert warning not in read(login("change").get(url("settings", company.pk)))
    factories.customers(company, unmapped=2)
    page = login("change", "map").get(url("settings", company.pk))
    assert f"2 customers of this company {warning}" in read(page)
    assert f'href="{url("map", company.pk)}"' in page.content.decode()
    page = login("change").get(url("settings", company.pk))
    assert warning in read(page)
    assert f'href="{url("map", company.pk)}"' not in page.content.decode()


def test_a_pushed_type_that_is_gone_is_dropped_with_the_next_save(
    login: Login, company: Connection, types: dict[str, ContactType]
) -> None:
    Connection.objects.update(pushed_types=[str(types["Prospect"].pk)])
    types["Prospect"].delete()
    client = login("change")
    page = client.get(url("settings", company.pk))
    assert page.context["form"]["pushed_types"].value() == []
    client.post(url("settings", company.pk), answers())
    company.refresh_from_db()
    assert company.pushed_types == []


def test_a_pushed_text_that_no_client_has_at_present_stays(
    company: Connection, settings: Any
) -> None:
    here = f"{__name__}.{ByText.__name__}"
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "ADAPTER": here}
    Connection.objects.update(pushed_types=["Lead"])
    editor = settings_editor()
    form = editor.get(url("settings", company.pk)).context["form"]
    assert form["pushed_types"].value() == ["Lead"]
    editor.post(url("settings", company.pk), answers(contact_type="Client", pushed_types=["Lead"]))
    company.refresh_from_db()
    assert company.pushed_types == ["Lead"]


def test_a_site_without_types_is_not_asked_which_to_push(
    login: Login, company: Connection, read: Read, settings: Any
) -> None:
    here = f"{__name__}.WithoutTypes"
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "ADAPTER": here}
    page = login("change").get(url("settings", company.pk))
    assert "so no client is created in QuickBooks by itself" in read(page)
    assert "pushed_types" not in page.context["form"].fields


# Directions by field (U2) -------------------------------------------------------------------


def test_each_field_that_the_site_holds_has_a_direction(login: Login, company: Connection) -> None:
    form = login("change").get(url("settings", company.pk)).context["form"]
    names = form.fields["field_directions"].names
    assert names == [name for name in FIELDS if name in fields_of(get_adapter().paths)]
    assert "fax" not in names
    rows = form["field_directions"].field.widget.get_context("d", {"email": "pull"}, {})["rows"]
    chosen = {label: select["value"] for label, select in rows}
    assert chosen["E-mail"] == ["pull"]
    assert chosen["Name"] == [""]  # as the company


def test_directions_of_single_fields_are_kept(login: Login, company: Connection) -> None:
    Connection.objects.update(field_directions={"fax": "push", "phone": "pull"})
    client, address = login("change"), url("settings", company.pk)
    chosen = {"field_directions_email": "pull", "field_directions_name": "two_way"}
    client.post(address, answers(**chosen))
    company.refresh_from_db()
    kept = {"email": "pull", "name": "two_way", "fax": "push"}
    assert company.field_directions == kept  # that of a field which is not mapped is kept too
    form = client.get(address).context["form"]
    assert form["field_directions"].value() == kept
    entry = ModelLogEntry.objects.latest("pk")
    before = {"fax": "push", "phone": "pull"}
    assert entry.data["changed"]["field_directions"] == [before, kept]


def test_a_direction_that_is_none_is_refused_and_nothing_is_saved(
    login: Login, company: Connection, read: Read
) -> None:
    chosen = answers(field_directions_email="sideways", unmatched="create")
    page = login("change").post(url("settings", company.pk), chosen)
    assert "The settings could not be saved." in read(page)
    company.refresh_from_db()
    assert (company.field_directions, company.unmatched) == ({}, "wait")


# Inactive customers (U8) and the poll -------------------------------------------------------


def test_what_becomes_of_clients_of_inactive_customers(login: Login, company: Connection) -> None:
    client = login("change")
    client.post(url("settings", company.pk), answers(inactive_policy="leave"))
    company.refresh_from_db()
    assert company.inactive_policy == "leave"


def test_nobody_archives_where_the_site_cannot(
    login: Login, company: Connection, read: Read
) -> None:
    client = login("change")
    assert "Archive the client" not in read(client.get(url("settings", company.pk)))
    client.post(url("settings", company.pk), answers(inactive_policy="archive"))
    company.refresh_from_db()
    assert company.inactive_policy == "flag"


class ArchivingAdapter(ClientAdapter):
    """A site that says how clients are archived."""

    def archive(self, client: Any) -> bool:
        raise AssertionError("a settings page archives nobody")

    def unarchive(self, client: Any) -> bool:
        raise AssertionError("a settings page archives nobody")


def test_clients_are_archived_where_the_site_can(
    login: Login, company: Connection, read: Read, settings: Settings
) -> None:
    path = f"{__name__}.{ArchivingAdapter.__name__}"
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "ADAPTER": path}
    client = login("change")
    assert "Archive the client" in read(client.get(url("settings", company.pk)))
    client.post(url("settings", company.pk), answers(inactive_policy="archive"))
    company.refresh_from_db()
    assert company.inactive_policy == "archive"


@pytest.mark.parametrize("minutes", [0, 60, 1440])
def test_how_long_after_a_sync_the_next_is_asked_for(
    minutes: int, login: Login, company: Connection
) -> None:
    login("change").post(url("settings", company.pk), answers(poll_minutes=str(minutes)))
    company.refresh_from_db()
    assert company.poll_minutes == minutes


# Releasing those whom the policy excluded ---------------------------------------------------


@pytest.fixture
def excluding(company: Connection) -> Connection:
    """Its policy has excluded two customers, and a person a third."""
    Connection.objects.update(unmatched=Unmatched.EXCLUDE)
    factories.customers(company, excluded=3)
    Decision.objects.filter(qbo_id="3").update(by_policy=False)
    company.refresh_from_db()
    return company


def test_leaving_the_policy_offers_to_release(
    login: Login, excluding: Connection, read: Read
) -> None:
    page = read(login("change").get(url("settings", excluding.pk)))
    assert "Let the 2 customers take part again" in page


def test_releasing_leaves_what_a_person_excluded(login: Login, excluding: Connection) -> None:
    client = login("change")
    client.post(url("settings", excluding.pk), answers(unmatched="wait", release="on"))
    assert [decision.qbo_id for decision in Decision.objects.all()] == ["3"]
    assert "release" not in client.get(url("settings", excluding.pk)).context["form"].fields
    assert ModelLogEntry.objects.filter(action="wagtail_qbo_sync.release").exists()


def test_not_releasing_leaves_all(login: Login, excluding: Connection) -> None:
    login("change").post(url("settings", excluding.pk), answers(unmatched="wait"))
    assert Decision.objects.count() == 3


def test_releasing_under_the_same_policy_is_refused(
    login: Login, excluding: Connection, read: Read
) -> None:
    page = login("change").post(
        url("settings", excluding.pk), answers(unmatched="exclude", release="on")
    )
    assert "They would be excluded again" in read(page)
    assert Decision.objects.count() == 3
