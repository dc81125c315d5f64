"""How clients are read, and what the adapter says of itself."""

from collections.abc import Mapping
from typing import Any

import pytest
from crm.models import Client, ContactType
from django.contrib.auth.models import AnonymousUser, Permission
from django.test import override_settings
from model_bakery import baker
from pytest_django import DjangoAssertNumQueries

from tests.host.samples.models import Drafted, Kind, Plain, Strict
from wagtail_qbo_sync.contact import Address, Contact
from wagtail_qbo_sync.host import reading
from wagtail_qbo_sync.host.adapter import ClientAdapter, Refused, get_adapter

pytestmark = pytest.mark.django_db


class PlainAdapter(ClientAdapter):
    model = Plain


class StrictAdapter(ClientAdapter):
    model = Strict
    contact_type_field = "kind"


def test_the_usual_names_are_found_without_a_word() -> None:
    adapter = get_adapter()
    assert adapter.model is Client
    assert adapter.field_map == {
        "name": "name",
        "company_name": "company_name",
        "email": "email",
        "phone": "phone",
        "mobile": "mobile",
        "mailing_address.line1": "address",
        "mailing_address.line2": "address_2",
        "mailing_address.city": "city",
        "mailing_address.state": "state",
        "mailing_address.postal_code": "zip_code",
        "mailing_address.country": "country",
        "physical_address.line1": "physical_address",
        "physical_address.line2": "physical_address_2",
        "physical_address.city": "physical_city",
        "physical_address.state": "physical_state",
        "physical_address.postal_code": "physical_zip_code",
        "physical_address.country": "physical_country",
    }


def test_a_check_says_what_was_guessed() -> None:
    (found,) = get_adapter().check()
    assert found.id == "wagtail_qbo_sync.I001"
    assert "mailing_address.line1 = address," in found.msg


def test_abstract_client_needs_no_adapter() -> None:
    adapter = PlainAdapter()
    assert adapter.check() == []
    assert adapter.field_map == get_adapter().field_map
    record = adapter.new(Contact(name="Anna", fax="1"), "Prospect")
    assert (record.label, record.contact_type) == ("Anna", "Prospect")
    assert str(Plain.objects.get()) == "Anna"
    assert [key for key, _ in adapter.contact_type_choices()] == ["Client", "Prospect"]


def test_a_field_map_is_all_a_host_with_other_names_writes() -> None:
    class Mapped(ClientAdapter):
        model = Drafted
        fields = {"name": "notes", "fax": "phone"}

    Drafted.objects.create(name="unread", notes="Anna", phone="1")
    (record,) = Mapped().records()
    assert record.contact == Contact(name="Anna", fax="1")
    assert Mapped().check() == []
    assert Mapped().version != get_adapter().version


@pytest.mark.parametrize(
    ("fields", "computed", "contact_type", "expected"),
    [
        ({"nmae": "name"}, {}, "", ["E006"]),
        ({"name": "nmae"}, {}, "", ["E007"]),
        ({"name": "kind"}, {}, "", ["E007"]),
        ({}, {"name": ("nmae",)}, "", ["E007"]),
        ({"email": "email"}, {}, "", ["E008"]),
        ({"name": "name"}, {}, "nmae", ["E009"]),
        ({"name": "name"}, {}, "kinds", []),
    ],
)
def test_a_wrong_map_is_named(
    fields: Mapping[str, str], computed: Mapping[str, Any], contact_type: str, expected: list[str]
) -> None:
    adapter = type(
        "Wrong",
        (ClientAdapter,),
        {
            "model": Strict,
            "fields": fields,
            "computed": computed,
            "contact_type_field": contact_type,
        },
    )()
    found = adapter.check()
    assert [(one.id or "").removeprefix("wagtail_qbo_sync.") for one in found] == expected
    assert all(one.hint for one in found)


def test_a_model_without_usual_names_is_told_to_write_a_map() -> None:
    class Kinds(ClientAdapter):
        model = ContactType

    assert Kinds().check() == [] or [one.id for one in Kinds().check()] == ["wagtail_qbo_sync.I001"]

    class Nothing(ClientAdapter):
        model = Permission.group_set.through

    assert [one.id for one in Nothing().check()] == ["wagtail_qbo_sync.E008"]


def test_all_are_read_in_chunks_of_one_query(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(reading, "CHUNK", 3)
    kind = ContactType.objects.get(name="Client")
    baker.make(Client, 7, contact_type=kind)
    with django_assert_num_queries(4):  # 3, 3, 1, none
        records = list(get_adapter().records())
    assert [record.pk for record in records] == [
        str(pk) for pk in sorted(int(r.pk) for r in records)
    ]
    with django_assert_num_queries(3):
        assert list(get_adapter().records(record.pk for record in records)) == records
    assert list(get_adapter().records(["no key", "999999"])) == []
    assert list(get_adapter().records([])) == []


def test_nulls_read_as_nothing_and_a_name_is_looked_for() -> None:
    Strict.objects.create(name="", email="a@b.example", city="")
    (record,) = StrictAdapter().records()
    assert record.contact.phone == ""
    assert record.label == "a@b.example"


def test_each_shape_of_contact_types() -> None:
    Kind.objects.create(code="z", title="Client")
    Kind.objects.create(code="a", title="Lead")

    class ByKey(StrictAdapter):
        contact_type_field = "kind"

    class ByMany(StrictAdapter):
        contact_type_field = "kinds"

    class ByChoice(StrictAdapter):
        contact_type_field = "level"

    contact = Contact(name="A", mailing_address=Address(city="B"))
    many = {kind.code: str(kind.pk) for kind in Kind.objects.all()}
    for adapter, key in ((ByKey(), "z"), (ByMany(), many["z"]), (ByChoice(), "2")):
        assert adapter.default_contact_type() == key
        record = adapter.new(contact, key)
        assert record.contact_types == (key,)
        assert next(adapter.records([record.pk])) == record
        with pytest.raises(Refused) as refused:
            adapter.new(contact, "77")
        assert refused.value.field == "contact_type"
    assert ByChoice().contact_type_choices() == [("1", "Lead"), ("2", "Client")]


def test_types_are_added_where_the_host_can_and_the_person_may() -> None:
    adapter = get_adapter()
    user = baker.make("auth.User")
    assert not adapter.can_add_contact_type(user)
    user.user_permissions.add(Permission.objects.get(codename="add_contacttype"))
    user = type(user).objects.get(pk=user.pk)
    assert adapter.can_add_contact_type(user)
    key = adapter.add_contact_type("Friend")
    assert ContactType.objects.get(name="Friend").pk == int(key)
    assert adapter.add_contact_type(" friend ") == key
    with pytest.raises(Refused):
        adapter.add_contact_type("x" * 61)

    class ByChoice(StrictAdapter):
        contact_type_field = "level"

    assert not ByChoice().can_add_contact_type(user)
    with pytest.raises(Refused):
        ByChoice().add_contact_type("Friend")


def test_search_looks_for_every_word_in_name_company_or_email() -> None:
    kind = ContactType.objects.get(name="Client")
    for name, company, email in (
        ("Berg, Anna", "", "anna@x.example"),
        ("Berg, Tom", "Harbour 100%", "tom@x.example"),
        ("Quinn, Ada", "", "berg@x.example"),
    ):
        Client.objects.create(name=name, company_name=company, email=email, contact_type=kind)
    adapter = get_adapter()

    def names(text: str) -> list[str]:
        return [client.name for client in adapter.search(text)]

    assert names("BERG") == ["Berg, Anna", "Berg, Tom", "Quinn, Ada"]
    assert names("harbour berg") == ["Berg, Tom"]
    assert names("100%") == ["Berg, Tom"]
    assert names("") == ["Berg, Anna", "Berg, Tom", "Quinn, Ada"]
    assert names("nobody") == []


def test_who_may_not_view_clients_sees_none() -> None:
    Client.objects.create(name="Anna", contact_type=ContactType.objects.get(name="Client"))
    adapter = get_adapter()
    viewer, stranger = baker.make("auth.User", 2)
    viewer.user_permissions.add(Permission.objects.get(codename="view_client"))
    clients = adapter.queryset()
    assert adapter.visible_to(type(viewer).objects.get(pk=viewer.pk), clients).count() == 1
    assert adapter.visible_to(stranger, clients).count() == 0
    assert adapter.visible_to(AnonymousUser(), clients).count() == 0


def test_the_adapter_is_made_once_and_anew_when_settings_change() -> None:
    first = get_adapter()
    assert get_adapter() is first
    with override_settings(WAGTAIL_QBO_SYNC={"ADAPTER": f"{__name__}.PlainAdapter"}):
        assert isinstance(get_adapter(), PlainAdapter)
    assert type(get_adapter()) is ClientAdapter
