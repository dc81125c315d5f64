"""What happens to clients is noticed, whatever wrote them; nothing else is (rules 5 and 12)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from crm.models import Client, ContactType
from django.db import connection as database
from pytest_django import DjangoAssertNumQueries

from tests import factories
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import (
    Connection,
    Decision,
    Footprint,
    Mapping,
    Outbox,
    SiteState,
    SyncState,
    Touched,
)
from wagtail_qbo_sync.sync.noticing import sweep

from .firm import client, edit

pytestmark = pytest.mark.django_db


@pytest.fixture
def pushed() -> ContactType:
    """The type whose clients go to QuickBooks."""
    return ContactType.objects.create(name="Monthly books")


@pytest.fixture
def company(pushed: ContactType) -> Connection:
    """A company after its first sync, to which one type is pushed; all is noticed."""
    made = factories.connection(pushed_types=[str(pushed.pk)])
    factories.sync_state(made, first_synced_at="2026-01-05T09:00:00Z")
    sweep.everything()
    return made


def mapped(company: Connection, made: Client, **base: str) -> Mapping:
    """The client, mapped and agreed upon as it is now, unless `base` says otherwise."""
    (record,) = get_adapter().records([str(made.pk)])
    site = {"name": record.contact.name, "phone": record.contact.phone, **base}
    return Mapping.objects.create(
        connection=company,
        qbo_id=f"q{made.pk}",
        client=made,
        client_pk=str(made.pk),
        base={"seen": "x", "site": site, "qbo": site},
    )


@pytest.fixture
def anna(company: Connection) -> Client:
    """A mapped client of no pushed type, noticed."""
    made = client("Anna Berg", "anna@berg.example", phone="1")
    mapped(company, made)
    sweep.everything()
    assert not wants()
    return made


def wants() -> set[tuple[str, str]]:
    """(kind, client by name) of all that is to go to QuickBooks."""
    names = {str(one.pk): one.name for one in Client.objects.all()}
    rows = Outbox.objects.filter(state=Outbox.State.WANTED)
    return {(kind, names.get(pk, pk)) for kind, pk in rows.values_list("kind", "client_pk")}


def catch_up() -> None:
    """What a walk begins with: only what signals told of."""
    assert sweep.catch_up()
    assert not Touched.objects.exists()


# Whatever wrote it ------------------------------------------------------------------------------


def form(anna: Client) -> None:
    edit(anna, phone="2")


def bulk_update(anna: Client) -> None:
    anna.phone = "2"
    Client.objects.bulk_update([anna], ["phone"])


def queryset_update(anna: Client) -> None:
    Client.objects.filter(pk=anna.pk).update(phone="2")


def raw_sql(anna: Client) -> None:
    with database.cursor() as cursor:
        cursor.execute("UPDATE crm_client SET phone = '2' WHERE id = %s", [anna.pk])


WRITERS = [form, bulk_update, queryset_update, raw_sql]


@pytest.mark.parametrize("write", WRITERS)
def test_an_edit_is_noticed_once_whatever_wrote_it(
    anna: Client, write: Callable[[Client], None]
) -> None:
    write(anna)
    sweep.everything()
    assert wants() == {("update", "Anna Berg")}
    Outbox.objects.all().delete()
    sweep.everything()
    assert not wants()


def test_a_save_is_noticed_by_the_next_walk(anna: Client) -> None:
    edit(anna, phone="2")
    catch_up()
    assert wants() == {("update", "Anna Berg")}


def test_what_raised_no_signal_waits_for_the_next_sweep(anna: Client) -> None:
    queryset_update(anna)
    catch_up()
    assert not wants()


def test_a_save_that_changes_nothing_synced_causes_nothing(anna: Client) -> None:
    before = list(Footprint.objects.values())
    edit(anna)
    catch_up()
    assert not wants() and list(Footprint.objects.values()) == before


def test_an_edit_that_was_taken_back_leaves_nothing_to_send(anna: Client) -> None:
    edit(anna, phone="2")
    edit(anna, phone="1")
    catch_up()
    assert not wants()


def test_the_type_of_a_mapped_client_is_no_news_for_its_customer(
    anna: Client, pushed: ContactType
) -> None:
    edit(anna, contact_type=pushed)
    catch_up()
    assert not wants()


@pytest.mark.parametrize("asleep", [Mapping.Asleep.INACTIVE, Mapping.Asleep.DISCONNECTED])
def test_a_pair_that_sleeps_wants_nothing(anna: Client, asleep: str) -> None:
    Mapping.objects.update(asleep=asleep)
    edit(anna, phone="2")
    catch_up()
    assert not wants()


def test_a_second_edit_is_the_same_want(anna: Client) -> None:
    for phone in "23":
        edit(anna, phone=phone)
        catch_up()
    assert Outbox.objects.count() == 1


def test_an_edit_during_the_sending_waits_as_a_new_want(anna: Client) -> None:
    edit(anna, phone="2")
    catch_up()
    Outbox.objects.update(state=Outbox.State.SENT, open_key=None)
    edit(anna, phone="3")
    catch_up()
    assert Outbox.objects.count() == 2 and wants() == {("update", "Anna Berg")}


# Creating (K13, K14) ----------------------------------------------------------------------------


def test_old_clients_of_a_pushed_type_are_not_created_but_changed_ones_are(
    pushed: ContactType,
) -> None:
    other = ContactType.objects.create(name="Waiting list")
    Client.objects.bulk_create(
        Client(name=f"Old {number}", contact_type=pushed) for number in range(5_000)
    )
    Client.objects.bulk_create(Client(name=f"New {n}", contact_type=other) for n in range(3))
    made = factories.connection(pushed_types=[str(pushed.pk)])
    factories.sync_state(made, first_synced_at="2026-01-05T09:00:00Z")
    for _ in range(3):
        sweep.everything()
        assert not wants()
    Client.objects.filter(name__startswith="New").update(contact_type=pushed)
    sweep.everything()
    assert wants() == {("create", f"New {n}") for n in range(3)}


def test_a_new_client_of_a_pushed_type_is_to_be_created(
    company: Connection, pushed: ContactType
) -> None:
    client("Bo Coe", contact_type=pushed)
    client("Carl Dunn")
    catch_up()
    assert wants() == {("create", "Bo Coe")}


def test_an_unmapped_client_that_is_changed_is_to_be_created(
    company: Connection, pushed: ContactType
) -> None:
    bo = client("Bo Coe", contact_type=pushed)
    catch_up()
    Outbox.objects.all().delete()
    edit(bo, phone="1")
    catch_up()
    assert wants() == {("create", "Bo Coe")}


def test_a_creation_is_withdrawn_when_the_type_is_lost(
    company: Connection, pushed: ContactType
) -> None:
    bo = client("Bo Coe", contact_type=pushed)
    catch_up()
    edit(bo, contact_type=ContactType.objects.create(name="Waiting list"))
    catch_up()
    assert not wants()


def test_a_creation_becomes_an_update_when_the_client_was_mapped(
    company: Connection, pushed: ContactType
) -> None:
    bo = client("Bo Coe", contact_type=pushed)
    catch_up()
    mapped(company, bo)
    edit(bo, phone="1")
    catch_up()
    assert wants() == {("update", "Bo Coe")}


@pytest.mark.parametrize(
    ("kind", "noted"),
    [(Decision.Kind.EXCLUDE_CLIENT, set()), (Decision.Kind.REMOVED_MATCH, {("create", "Bo Coe")})],
)
def test_a_persons_no_keeps_a_client_from_being_created(
    company: Connection, pushed: ContactType, kind: str, noted: set[tuple[str, str]]
) -> None:
    """One whose match was removed is noted: a plan asks a person about it."""
    bo = client("Bo Coe", contact_type=pushed)
    Decision.objects.create(
        kind=kind, connection=company, client_pk=str(bo.pk), at="2026-01-05T09:00:00Z"
    )
    catch_up()
    assert wants() == noted


def test_nothing_is_created_in_a_company_to_which_no_names_travel(
    company: Connection, pushed: ContactType
) -> None:
    """U2: a customer needs a name."""
    Connection.objects.update(field_directions={"name": "pull"})
    client("Bo Coe", contact_type=pushed)
    catch_up()
    assert not wants()


def test_before_its_first_sync_nothing_is_created_in_a_company(
    company: Connection, pushed: ContactType
) -> None:
    SyncState.objects.update(first_synced_at=None)
    client("Bo Coe", contact_type=pushed)
    catch_up()
    assert not wants()


def test_nothing_is_created_in_a_disconnected_company(
    company: Connection, pushed: ContactType
) -> None:
    Connection.objects.update(disconnected_at="2026-01-06T09:00:00Z")
    client("Bo Coe", contact_type=pushed)
    catch_up()
    assert not wants()


def test_a_client_that_is_deleted_wants_nothing_any_more(
    company: Connection, pushed: ContactType
) -> None:
    bo = client("Bo Coe", contact_type=pushed)
    catch_up()
    bo.delete()
    catch_up()
    assert not Outbox.objects.exists() and not Footprint.objects.exists()


# Footprints are filled without events -------------------------------------------------------------


def test_another_field_map_fills_footprints_anew(
    anna: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(anna, phone="2")
    Footprint.objects.update(version="old")
    SiteState.objects.update(filled="old")
    catch_up()
    assert not wants()
    assert set(Footprint.objects.values_list("version", flat=True)) == {get_adapter().version}


def test_a_footprint_of_another_field_map_makes_no_event(
    company: Connection, pushed: ContactType
) -> None:
    """A worker that ran on with the code of before a deploy has left it."""
    client("Bo Coe", contact_type=pushed)
    sweep.everything()
    Outbox.objects.all().delete()
    Footprint.objects.update(version="old", digest="under another map")
    sweep.everything()
    assert not wants()
    assert Footprint.objects.get().version == get_adapter().version


def test_a_field_map_that_changes_half_way_is_swept_from_the_start(anna: Client) -> None:
    """A deploy between two slices."""
    Footprint.objects.update(version="old")
    SiteState.objects.update(filled="old", sweep="clients", swept_to=str(anna.pk))
    catch_up()
    assert set(Footprint.objects.values_list("version", flat=True)) == {get_adapter().version}


def test_the_footprint_of_a_client_that_vanished_without_a_signal_goes(anna: Client) -> None:
    client("Bo Coe")
    catch_up()
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM crm_client WHERE name = 'Bo Coe'")
    sweep.everything()
    assert set(Footprint.objects.values_list("client_pk", flat=True)) == {str(anna.pk)}


# Costs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [5, 900])
def test_a_chunk_costs_the_same_whatever_is_in_it(
    company: Connection,
    pushed: ContactType,
    size: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    Client.objects.bulk_create(
        Client(name=f"Client {number}", contact_type=pushed) for number in range(size)
    )
    for made in Client.objects.order_by("pk")[: size // 2]:
        mapped(company, made, phone="7")
    with django_assert_num_queries(42):
        sweep.everything()
    assert Outbox.objects.count() == size
    with django_assert_num_queries(38):
        sweep.everything()
