"""How clients are written, and what a host may say against it."""

from collections.abc import Iterator
from typing import Any

import pytest
from crm.models import Client, ContactType
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models.signals import post_save
from model_bakery import baker
from pytest_django import DjangoAssertNumQueries

from tests.host.samples.models import Clustered, Drafted, Kind, Strict
from wagtail_qbo_sync.contact import Address, Contact, Value
from wagtail_qbo_sync.host.adapter import ClientAdapter, ClientRecord, Refused, get_adapter
from wagtail_qbo_sync.host.tracking import our_own_writes

pytestmark = pytest.mark.django_db

SALEM = Address(city="Salem")


class StrictAdapter(ClientAdapter):
    model = Strict
    contact_type_field = "kind"


class BulkAdapter(StrictAdapter):
    bulk = True


class DraftedAdapter(ClientAdapter):
    model = Drafted


@pytest.fixture
def saved() -> Iterator[list[Any]]:
    """The instances that were saved with signals."""
    found: list[Any] = []

    def note(instance: Any, **kwargs: Any) -> None:
        found.append(instance)

    post_save.connect(note, sender=Client)
    post_save.connect(note, sender=Strict)
    yield found
    post_save.disconnect(note, sender=Client)
    post_save.disconnect(note, sender=Strict)


def write(adapter: ClientAdapter, pk: str, values: dict[str, Value]) -> ClientRecord:
    with transaction.atomic():
        return adapter.write(adapter.lock([pk])[pk], values)


def refusal(adapter: ClientAdapter, values: dict[str, Value], pk: str = "") -> Refused:
    """What is said to a write (or, without a key, to a new client); the row must stay."""
    before = list(Strict.objects.values())
    with pytest.raises(Refused) as refused, transaction.atomic():
        if pk:
            adapter.write(adapter.lock([pk])[pk], values)
        else:
            adapter.new(Contact().changed(values), "")
    assert list(Strict.objects.values()) == before
    return refused.value


@pytest.fixture
def anna() -> str:
    return str(
        Strict.objects.create(name="Anna", email="anna@x.example", phone="1", city="Rome").pk
    )


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"name": "x" * 21}, "name", "at most 20 characters; this has 21"),
        ({"name": ""}, "name", "may not be empty"),
        ({"email": "nonsense"}, "email", "“email”: Enter a valid email address"),
        ({"mailing_address": Address(city="x" * 11)}, "mailing_address.city", "at most 10"),
        ({"mailing_address": Address()}, "mailing_address.city", "may not be empty"),
        (
            {"mailing_address": Address(city="A", country="XX")},
            "mailing_address.country",
            "No such",
        ),
        ({"name": "Nobody"}, "name", "Nobody is no client."),
        ({"name": "Nobody", "phone": "2"}, "", "Nobody is no client."),
        ({"name": "Crash", "phone": "2"}, "", "RuntimeError: the telephone exchange is down"),
    ],
)
def test_a_refusal_names_the_field(
    anna: str, values: dict[str, Value], field: str, said: str
) -> None:
    refused = refusal(StrictAdapter(), values, anna)
    assert said in refused.message
    if field or "Nobody" not in said:
        assert refused.field == field
    assert refused.holder == ""


@pytest.mark.parametrize("values", [{"phone": "1"}, {"email": "ANNA@x.example"}])
@pytest.mark.parametrize("adapter", [StrictAdapter(), BulkAdapter()])
def test_a_refusal_names_who_holds_a_unique_value(
    anna: str, adapter: ClientAdapter, values: dict[str, Value]
) -> None:
    ((path, _),) = values.items()
    if path == "email" and not connection.features.supports_partial_indexes:
        pytest.skip("This database has no constraint with a condition")
    tom = str(Strict.objects.create(name="Tom", city="Rome").pk)
    for refused in (
        refusal(adapter, values, tom),
        refusal(adapter, {**values, "name": "New", "mailing_address": SALEM}),
    ):
        assert (refused.field, refused.holder) == (path, anna)
    (outcome,) = adapter.write_many([(Strict.objects.get(pk=tom), values)])
    assert isinstance(outcome, Refused) and (outcome.field, outcome.holder) == (path, anna)
    assert Strict.objects.get(pk=tom).phone is None


def test_a_new_client_is_refused_for_what_the_model_requires() -> None:
    assert refusal(StrictAdapter(), {"name": "New"}).field == "mailing_address.city"
    assert "partner" in _without_partner().message


def _without_partner() -> Refused:
    class NoPartner(StrictAdapter):
        def blank(self, contact_type: str) -> Any:
            return Strict(partner="")

    return refusal(NoPartner(), {"name": "New", "mailing_address": SALEM})


def test_old_sins_elsewhere_in_the_row_do_not_hold_up_a_write(anna: str) -> None:
    Strict.objects.filter(pk=anna).update(partner="gone", email="nonsense")
    assert write(StrictAdapter(), anna, {"phone": "7"}).contact.phone == "7"


def test_what_save_does_beside_is_kept_and_signals_are_sent(anna: str, saved: list[Any]) -> None:
    record = write(StrictAdapter(), anna, {"name": "ANNE"})
    assert record.contact.name == "ANNE"
    assert Strict.objects.get(pk=anna).slug == "anne"
    assert len(saved) == 1


def test_a_constraint_only_the_database_knows_is_a_refusal(
    anna: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise IntegrityError("UNIQUE constraint failed: samples_strict.phone")

    monkeypatch.setattr(Strict, "save", fail)
    refused = refusal(StrictAdapter(), {"phone": "2", "name": "B"}, anna)
    assert (refused.field, refused.holder) == ("phone", "")


def test_a_locked_database_is_nobodys_refusal(anna: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(Strict, "save", fail)
    with pytest.raises(OperationalError):
        write(StrictAdapter(), anna, {"phone": "2"})


def test_of_several_addresses_a_single_field_gets_the_first() -> None:
    adapter = get_adapter()
    both = "books@x.example, tess@x.example"
    record = adapter.new(Contact(name="A", email=both), "")
    assert record.contact.email == "books@x.example"
    assert write(adapter, record.pk, {"email": both}) == record


def test_parts_that_the_host_does_not_have_are_left_out(anna: str) -> None:
    address = Address("1 Main St", "", "Salem", "MA", "01970", "USA")
    record = write(StrictAdapter(), anna, {"mailing_address": address, "fax": "1"})
    assert record.contact.mailing_address == Address(city="Salem", country="USA")


def test_nothing_is_null_where_it_may_be_and_empty_text_elsewhere(anna: str) -> None:
    write(StrictAdapter(), anna, {"phone": "", "email": ""})
    strict = Strict.objects.get(pk=anna)
    assert (strict.phone, strict.email) == (None, "")


def test_save_takes_three_queries(
    anna: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    adapter = get_adapter()
    kind = str(ContactType.objects.get(name="Client").pk)
    with our_own_writes(), django_assert_num_queries(3):
        record = adapter.new(Contact(name="A", email="a@x.example"), kind)
    client = adapter.lock([record.pk])[record.pk]
    with our_own_writes(), django_assert_num_queries(2):
        adapter.write(client, {"name": "B", "email": "b@x.example", "mailing_address": SALEM})


@pytest.mark.parametrize("bulk", [False, True])
def test_many_are_written_in_order_and_one_refusal_stops_only_itself(
    bulk: bool, saved: list[Any]
) -> None:
    adapter = BulkAdapter() if bulk else StrictAdapter()
    clients = [Strict.objects.create(name=f"N{n}", phone=str(n), city="A") for n in range(5)]
    saved.clear()
    values: list[dict[str, Value]] = [
        {"name": "Zero"},
        {"name": "x" * 30},
        {"phone": "4"},
        {"name": "Three", "phone": "33"},
        {},
    ]
    locked = adapter.lock([str(client.pk) for client in clients])
    outcomes = adapter.write_many(
        [(locked[str(client.pk)], said) for client, said in zip(clients, values, strict=True)]
    )
    assert [type(one) for one in outcomes] == [
        ClientRecord,
        Refused,
        Refused,
        ClientRecord,
        ClientRecord,
    ]
    assert [client.name for client in Strict.objects.order_by("pk")] == [
        "Zero",
        "N1",
        "N2",
        "Three",
        "N4",
    ]
    assert Strict.objects.get(name="Three").phone == "33"
    assert len(saved) == (0 if bulk else 2)


def test_bulk_falls_back_to_one_by_one_when_the_database_refuses_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Kind.objects.create(code="c", title="Client")

    def fail(*args: Any, **kwargs: Any) -> None:
        raise IntegrityError("one of them")

    monkeypatch.setattr("django.db.models.query.QuerySet.bulk_create", fail)
    monkeypatch.setattr("django.db.models.query.QuerySet.bulk_update", fail)
    contacts = [Contact(name=name, mailing_address=SALEM) for name in ("A", "Crash", "B")]
    outcomes = BulkAdapter().new_many([(contact, "c") for contact in contacts])
    made = [one for one in outcomes if isinstance(one, ClientRecord)]
    assert [one.label for one in made] == ["A", "B"]
    locked = BulkAdapter().lock([one.pk for one in made])
    written = BulkAdapter().write_many(
        [(one, {"phone": str(n)}) for n, one in enumerate(locked.values())]
    )
    assert [one.contact.phone for one in written if isinstance(one, ClientRecord)] == ["0", "1"]


def test_bulk_takes_a_handful_of_queries_for_a_thousand(
    django_assert_max_num_queries: Any,
) -> None:
    class Bulk(ClientAdapter):
        bulk = True

    adapter = Bulk()
    kind = adapter.default_contact_type()
    items = [(Contact(name=f"N{n}", email=f"n{n}@x.example"), kind) for n in range(1000)]
    with django_assert_max_num_queries(26):  # 21 of them SQLite's batches of 999 values
        outcomes = adapter.new_many(items)
    records = [one for one in outcomes if isinstance(one, ClientRecord)]
    assert [record.label for record in records] == [contact.name for contact, _ in items]
    locked = adapter.lock([record.pk for record in records])
    with django_assert_max_num_queries(12):
        written = adapter.write_many([(client, {"phone": "1"}) for client in locked.values()])
    assert all(isinstance(one, ClientRecord) and one.contact.phone == "1" for one in written)


def test_many_to_many_types_in_bulk() -> None:
    class Bulk(BulkAdapter):
        contact_type_field = "kinds"

    kind = str(Kind.objects.create(code="c", title="Client").pk)
    items = [(Contact(name=f"N{n}", mailing_address=SALEM), kind) for n in range(3)]
    outcomes = Bulk().new_many([*items, (items[0][0], "unknown")])
    assert [getattr(one, "contact_types", None) for one in outcomes] == [(kind,)] * 3 + [None]


@pytest.mark.parametrize("bulk", [False, True])
def test_a_draft_gets_the_values_and_keeps_its_other_edits(bulk: bool) -> None:
    adapter = type("Adapter", (DraftedAdapter,), {"bulk": bulk})()
    client = Drafted.objects.create(name="Anna", phone="1", notes="old")
    client.notes, client.name = "being written", "Anna B"
    edited = client.save_revision()
    (record,) = adapter.write_many(
        [(adapter.lock([str(client.pk)])[str(client.pk)], {"phone": "2"})]
    )
    assert record.contact.phone == "2"
    row = Drafted.objects.get(pk=client.pk)
    assert (row.name, row.phone, row.notes) == ("Anna", "2", "old")
    draft = row.get_latest_revision_as_object()
    assert (draft.name, draft.phone, draft.notes) == ("Anna B", "2", "being written")
    assert row.has_unpublished_changes and row.latest_revision_id != edited.pk


def test_without_a_draft_no_revision_is_made() -> None:
    client = Drafted.objects.create(name="Anna", phone="1")
    client.save_revision().publish()
    revisions = client.revisions.count()
    write(DraftedAdapter(), str(client.pk), {"phone": "2"})
    row = Drafted.objects.get(pk=client.pk)
    assert (row.phone, row.revisions.count(), row.has_unpublished_changes) == (
        "2",
        revisions,
        False,
    )
    assert row.get_latest_revision_as_object().phone == "2"


def test_a_deleted_client_is_not_locked_and_not_made_again(anna: str) -> None:
    adapter = StrictAdapter()
    client = adapter.lock([anna])[anna]
    Strict.objects.all().delete()
    assert adapter.lock([anna]) == {}
    assert baker.prepare(Strict).pk is None
    assert client.pk == int(anna)


# Contact Types ----------------------------------------------------------------------------------


class LevelAdapter(StrictAdapter):
    contact_type_field = "level"


class PartnerAdapter(StrictAdapter):
    contact_type_field = "partner"


class KindsAdapter(StrictAdapter):
    contact_type_field = "kinds"


def write_types(adapter: ClientAdapter, pk: str, *keys: str) -> tuple[str, ...]:
    with transaction.atomic():
        adapter.write_contact_types(adapter.lock([pk])[pk], keys)
        return adapter.read_back(pk).contact_types


@pytest.mark.parametrize(
    ("adapter", "keys"),
    [
        (StrictAdapter(), ["a", "b"]),
        (LevelAdapter(), ["2", "1"]),
        (PartnerAdapter(), ["Tom", "Paula"]),
        (KindsAdapter(), []),
    ],
    ids=["foreign key", "choices", "text", "many"],
)
def test_contact_types_of_every_shape(
    anna: str, adapter: ClientAdapter, keys: list[str], saved: list[Any]
) -> None:
    kinds = [Kind.objects.create(code=code, title=f"Kind {code}") for code in "ab"]
    before = Strict.objects.values().get(pk=anna)
    for wanted in keys or [str(kind.pk) for kind in kinds]:
        assert write_types(adapter, anna, wanted) == (wanted,)
    after = Strict.objects.values().get(pk=anna)
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {adapter.contact_types.column, "slug"} and len(saved) == 2


def test_several_contact_types_and_none(anna: str) -> None:
    pks = sorted(str(Kind.objects.create(code=code, title=code).pk) for code in "abc")
    assert write_types(KindsAdapter(), anna, *pks[:2]) == tuple(pks[:2])
    assert write_types(KindsAdapter(), anna, *pks[1:]) == tuple(pks[1:])
    assert write_types(KindsAdapter(), anna) == ()


def test_no_contact_type_where_there_may_be_none(anna: str) -> None:
    Kind.objects.create(code="a", title="A")
    write_types(StrictAdapter(), anna, "a")
    assert write_types(StrictAdapter(), anna) == ()
    with pytest.raises(Refused, match="may not be empty"):
        write_types(PartnerAdapter(), anna)


def test_contact_types_that_are_not_there(anna: str) -> None:
    for adapter in (StrictAdapter(), LevelAdapter(), KindsAdapter()):
        with pytest.raises(Refused, match="There is no Contact Type “9”"):
            write_types(adapter, anna, "9")


def test_the_host_may_refuse_a_contact_type(anna: str) -> None:
    with pytest.raises(Refused, match="Paula has left"):
        write_types(PartnerAdapter(), anna, "gone")
    assert Strict.objects.get(pk=anna).partner == "Paula"


def test_a_fault_elsewhere_in_the_row_is_nobodys_business(anna: str) -> None:
    Kind.objects.create(code="a", title="A")
    Strict.objects.filter(pk=anna).update(country="XX", email="nonsense")
    assert write_types(StrictAdapter(), anna, "a") == ("a",)


class ClusteredAdapter(ClientAdapter):
    model = Clustered
    contact_type_field = "kinds"


def test_contact_types_that_are_kept_with_the_client_until_it_is_saved() -> None:
    adapter = ClusteredAdapter()
    a, b = sorted(str(Kind.objects.create(code=code, title=code).pk) for code in "ab")
    record = adapter.new(Contact(name="Anna"), a)
    (other,) = adapter.new_many([(Contact(name="Bo"), b)])
    assert isinstance(other, ClientRecord)
    assert [one.contact_types for one in adapter.records([record.pk, other.pk])] == [(a,), (b,)]
    assert write_types(adapter, record.pk, a, b) == (a, b)
    assert write_types(adapter, record.pk, b) == (b,)
    assert write_types(adapter, record.pk) == ()


class DraftedTypesAdapter(DraftedAdapter):
    contact_type_field = "notes"


def test_a_draft_gets_the_contact_type_and_keeps_its_other_edits() -> None:
    drafted = Drafted.objects.create(name="Anna", notes="Prospect")
    drafted.name = "Anna Berg"
    drafted.save_revision()
    assert write_types(DraftedTypesAdapter(), str(drafted.pk), "Client") == ("Client",)
    row = Drafted.objects.get(pk=drafted.pk)
    draft = row.get_latest_revision_as_object()
    assert (row.name, row.notes) == ("Anna", "Client")
    assert (draft.name, draft.notes) == ("Anna Berg", "Client")
