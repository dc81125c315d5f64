"""A client that was deleted on the site is not made again; a person decides (U16)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from crm.models import Client, client_type
from django.db import connection as database

from wagtail_qbo_sync.models import Case, Change, Decision, Mapping, Outbox, Run
from wagtail_qbo_sync.sync.noticing import sweep
from wagtail_qbo_sync.sync.people import deleted, exclusion, mapping
from wagtail_qbo_sync.sync.records import cases
from wagtail_qbo_sync.sync.records.status import CustomerStatus, status_of

from .conftest import FIRM, Json, customer
from .firm import Firm, edit, site, told

ASKED, MANY = Case.Kind.CLIENT_DELETED, Case.Kind.DELETIONS


READS = {FIRM, "query", "cdc"}
"""What reading asks for: the company itself, and its customers."""


def people(count: int) -> list[Json]:
    return [customer(str(n), f"Client {n}", f"c{n}@example.org") for n in range(1, count + 1)]


@pytest.fixture
def synced(firm: Firm) -> Firm:
    """Five customers and their clients, which the first sync has made."""
    firm.chooses(unmatched="create")
    firm.has(*people(5))
    firm.sync()
    return firm


@pytest.fixture
def crowd(firm: Firm) -> Firm:
    """The same with forty: more than the brake lets go."""
    firm.chooses(unmatched="create")
    firm.has(*people(40))
    firm.sync()
    return firm


# However it is done -------------------------------------------------------------------------------


def by_signal(name: str) -> None:
    Client.objects.get(name=name).delete()


def by_queryset(name: str) -> None:
    Client.objects.filter(name=name).delete()


def raw_delete(name: str) -> None:
    rows = Client.objects.filter(name=name)
    rows._raw_delete(rows.db)
    sweep.everything()


def raw_sql(name: str) -> None:
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM crm_client WHERE name = %s", [name])
    sweep.everything()


DELETE = [by_signal, by_queryset, raw_delete, raw_sql]


@pytest.mark.parametrize("delete", DELETE)
@pytest.mark.parametrize("policy", ["create", "wait", "exclude"])
def test_it_is_not_made_again_whatever_the_policy(
    synced: Firm, delete: Callable[[str], None], policy: str
) -> None:
    synced.chooses(unmatched=policy)
    delete("Client 2")
    before, written = site(), Change.objects.count()
    for _ in range(2):
        assert synced.sync() is None
    assert site() == before and Change.objects.count() == written
    assert synced.cases() == {(ASKED, "2")}
    assert synced.case(ASKED, "2").facts == {"label": "Client 2"}
    assert not Mapping.objects.filter(qbo_id="2").exists()
    assert status_of(synced.connection).counts[CustomerStatus.DELETED] == 1


def test_nothing_is_sent_to_quickbooks(synced: Firm, requests: Callable[..., list[Json]]) -> None:
    by_signal("Client 2")
    synced.sync()
    assert {request["path"].rpartition("/")[2] for request in requests()} <= READS


def test_the_name_is_that_of_the_last_agreement(synced: Firm) -> None:
    synced.edits("2", DisplayName="Renamed")
    synced.sync()
    by_signal("Renamed")
    synced.sync()
    assert synced.case(ASKED, "2").facts == {"label": "Renamed"}


def test_until_it_is_noticed_nothing_happens_either(synced: Firm) -> None:
    rows = Client.objects.filter(name="Client 2")
    rows._raw_delete(rows.db)
    before = site()
    synced.edits("2", DisplayName="Changed")
    synced.sync()
    assert site() == before


# What a person decides ----------------------------------------------------------------------------


@pytest.fixture
def asked(synced: Firm) -> Firm:
    """The client of customer 2 was deleted, and a person is asked."""
    by_signal("Client 2")
    synced.sync()
    return synced


def test_a_client_can_be_made_again(asked: Firm) -> None:
    mapping.create_client(asked.connection, "2", None)
    asked.walk()
    assert asked.client("2").name == "Client 2"
    assert not asked.cases() and not Decision.objects.exists()


def test_it_can_be_mapped_to_another_client(asked: Firm) -> None:
    other = Client.objects.create(name="Another", contact_type_id=client_type())
    mapping.map_customer(asked.connection, "2", str(other.pk), None)
    asked.walk()
    assert asked.client("2").pk == other.pk and not asked.cases()


def test_it_can_be_excluded(asked: Firm) -> None:
    exclusion.exclude_customer(asked.connection, "2", None)
    assert not asked.cases() and asked.sync() is None


def test_it_can_be_left_as_it_is_and_taken_back(asked: Firm) -> None:
    deleted.keep(asked.connection, "2", None)
    before = site()
    assert asked.sync() is None
    assert not asked.cases() and site() == before
    deleted.ask_again(asked.connection, "2", None)
    assert asked.case(ASKED, "2").facts == {"label": "Client 2"}


# Back under the same key --------------------------------------------------------------------------


def rows_of(*names: str) -> list[Client]:
    return list(Client.objects.filter(name__in=names))


def test_a_client_that_is_put_back_is_mapped_as_before(asked: Firm) -> None:
    """As from a backup, after a sync has seen it gone."""
    pk = int(Decision.objects.get().client_pk)
    again = Client(pk=pk, name="client 2", email="C2@example.org", phone="7")
    Client.objects.bulk_create([again])
    sweep.everything()
    assert asked.mapping("2").client_id == pk
    assert not asked.cases() and not Decision.objects.exists()
    asked.sync()
    assert asked.client("2").phone == "7", "a merge on the old base: the site's edit stays"


def test_somebody_else_under_an_old_key_is_asked_about(asked: Firm) -> None:
    pk = int(Decision.objects.get().client_pk)
    Client.objects.bulk_create([Client(pk=pk, name="Somebody", email="else@example.org")])
    sweep.everything()
    assert asked.cases() == {(ASKED, "2")}


def test_what_a_person_left_deleted_does_not_come_back_by_itself(asked: Firm) -> None:
    deleted.keep(asked.connection, "2", None)
    pk = int(Decision.objects.get().client_pk)
    Client.objects.bulk_create([Client(pk=pk, name="Client 2", email="c2@example.org")])
    sweep.everything()
    assert not Mapping.objects.filter(qbo_id="2").exists()


# Many at once -------------------------------------------------------------------------------------


def reimport(same_keys: bool) -> None:
    """Delete all, insert; in one transaction or not makes no difference to a sweep."""
    everyone = list(Client.objects.order_by("pk"))
    Client.objects.all().delete()
    for one in everyone:
        one.pk = one.pk if same_keys else one.pk + 1000
    Client.objects.bulk_create(everyone)


def test_many_deletions_stop_as_one_case(crowd: Firm) -> None:
    Client.objects.all().delete()
    for _ in range(2):
        assert crowd.sync() is None
    assert crowd.cases() == {(MANY, "")}
    assert crowd.case(MANY, "").facts == {"lost": 40, "pairs": []}
    assert Mapping.objects.count() == 40 and not Client.objects.exists()


def test_many_deletions_one_by_one_stop_too(crowd: Firm) -> None:
    """U3: within 24 hours."""
    for n in range(1, 31):
        by_signal(f"Client {n}")
        assert sweep.catch_up()
    kinds = [kind for kind, _ in crowd.cases()]
    assert kinds.count(ASKED) == 25 and kinds.count(MANY) == 1


def test_a_reimport_under_the_same_keys_attaches_by_itself(crowd: Firm) -> None:
    reimport(same_keys=True)
    before = site()
    assert {kind for kind, _, _ in told(crowd.sync())} == {"agree"}, "they are only looked at"
    assert len(crowd.mapped()) == 40 and not crowd.cases() and site() == before
    assert crowd.sync() is None


def test_a_reimport_under_new_keys_is_attached_when_a_person_agrees(crowd: Firm) -> None:
    edited = Client.objects.get(name="Client 7")
    reimport(same_keys=False)
    edit(Client.objects.get(name="Client 7"), phone="7")
    before = site()
    assert crowd.sync() is None and site() == before
    facts = crowd.case(MANY, "").facts
    assert facts["lost"] == 40
    assert facts["pairs"][6] == ["7", str(edited.pk + 1000)]

    deleted.answer(crowd.connection, deleted.REATTACH, None)
    sweep.everything()
    assert not crowd.cases()
    run = crowd.sync()
    assert ("push", "Client 7", "done") in told(run), "the bases are known: edits travel"
    assert {kind for kind, _, _ in told(run)} == {"agree", "push"}
    assert site() == before and crowd.sync() is None
    crowd.edits("7", CompanyName="Seven")
    crowd.sync()
    assert crowd.client("7").company_name == "Seven"


def test_creations_wait_while_a_person_is_asked(crowd: Firm) -> None:
    from wagtail_qbo_sync.sync.records import outbox

    crowd.chooses(pushed_types=[str(client_type())])
    reimport(same_keys=False)
    sweep.everything()
    assert Outbox.objects.count() == 40 and not outbox.ready(crowd.connection).exists()
    before = crowd.state.wanted
    outbox.ring()
    assert crowd.state.wanted == before, "nothing is read each minute for what has to wait"
    deleted.answer(crowd.connection, deleted.REATTACH, None)
    sweep.everything()
    assert not Outbox.objects.exists(), "they are no new clients"


def test_left_deleted_each_is_held_and_nobody_is_asked_again(crowd: Firm) -> None:
    Client.objects.all().delete()
    crowd.sync()
    deleted.answer(crowd.connection, deleted.LEAVE, None)
    sweep.everything()
    assert not crowd.cases() and not Mapping.objects.exists()
    assert Decision.objects.filter(kind=Decision.Kind.CLIENT_DELETED).count() == 40
    assert crowd.sync() is None and not Client.objects.exists()


def test_who_has_no_pair_is_asked_about_after_the_others_were_attached(crowd: Firm) -> None:
    reimport(same_keys=False)
    Client.objects.filter(name="Client 3").delete()
    sweep.everything()
    deleted.answer(crowd.connection, deleted.REATTACH, None)
    sweep.everything()
    assert crowd.cases() == {(ASKED, "3")}


def test_an_answer_counts_once(crowd: Firm) -> None:
    Client.objects.all().delete()
    crowd.sync()
    deleted.answer(crowd.connection, deleted.LEAVE, None)
    with pytest.raises(cases.AlreadyAnswered):
        deleted.answer(crowd.connection, deleted.REATTACH, None)


def test_a_client_that_was_mapped_meanwhile_is_not_attached(crowd: Firm) -> None:
    reimport(same_keys=False)
    sweep.everything()
    taken = Client.objects.get(name="Client 7")
    crowd.maps("99", taken)
    deleted.answer(crowd.connection, deleted.REATTACH, None)
    sweep.everything()
    assert crowd.cases() == {(ASKED, "7")}


def test_when_the_clients_are_back_nobody_is_asked_any_more(crowd: Firm) -> None:
    everyone = list(Client.objects.all())
    Client.objects.all().delete()
    crowd.sync()
    Client.objects.bulk_create(everyone)
    sweep.everything()
    assert not crowd.cases() and len(crowd.mapped()) == 40
    assert not Run.objects.filter(state=Run.State.WAITING).exists()
