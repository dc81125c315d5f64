"""The lens between a customer's JSON and a Contact keeps its laws, and survives anything.

GetPut: writing back what was read sends nothing. PutGet: what was written is read next,
whether QuickBooks merges or replaces an address, and whether it keeps blanks or drops them.
Frame: what is not mapped, or not held by the site, is never touched.
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_qbo_sync.contact import (
    ADDRESS_PARTS,
    ADDRESSES,
    FIELDS,
    PATHS,
    Address,
    Contact,
    Value,
    project,
    split_emails,
)
from wagtail_qbo_sync.qbo import lens
from wagtail_qbo_sync.qbo.faults import Action
from wagtail_qbo_sync.qbo.lens import MalformedCustomer

AMY: dict[str, Any] = {
    "Taxable": True,
    "BillAddr": {
        "Id": "2",
        "Line1": "4581 Finch St.",
        "Line2": "Floor 3",
        "Line3": "Rear door",
        "City": "Bayshore",
        "CountrySubDivisionCode": "CA",
        "PostalCode": "94326",
        "Lat": "INVALID",
        "Long": "INVALID",
    },
    "ShipAddr": {"Id": "106"},
    "Notes": "Likes owls",
    "Job": False,
    "Balance": 639.0,
    "PrimaryTaxIdentifier": "XXXXXX56789",
    "SalesTermRef": {"value": "3"},
    "domain": "QBO",
    "sparse": False,
    "Id": "1",
    "SyncToken": "3",
    "MetaData": {
        "CreateTime": "2015-10-01T16:48:43-07:00",
        "LastUpdatedTime": "2020-09-29T06:02:35-07:00",
    },
    "GivenName": "Amy",
    "FamilyName": "Lauterbach",
    "FullyQualifiedName": "Amy's Bird Sanctuary",
    "CompanyName": "Bird & Co",
    "DisplayName": "Amy's Bird Sanctuary",
    "PrintOnCheckName": "Amy's Bird Sanctuary",
    "Active": True,
    "PrimaryPhone": {"FreeFormNumber": "(650) 555-3311"},
    "PrimaryEmailAddr": {"Address": "Birds@Intuit.com, amy@birds.example"},
}

TEXT = st.sampled_from(["", "a", "b, c", " d", "Ærø'\\", "x@y.z", "12:3"])
LINE = st.sampled_from(["", "Suite 5", "c/o Ann", "Oslo, NO 0150"])
ADDRESS_KEYS = ["Line1", "Line2", "Line3", "Line4", "Line5", *list(lens._PARTS.values())[1:]]
EXTRA_KEYS = ["Id", "Lat", "Long", "County", "CountryCode", "Note"]
ADDRESS_JSON = st.none() | st.dictionaries(st.sampled_from([*ADDRESS_KEYS, *EXTRA_KEYS]), LINE)
EMAIL = st.sampled_from(["", "a@b.c", "A@b.c", "a@b.c, d@e.f", "d@e.f;a@b.c", "no address"])


def nested(name: str, text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.none() | st.just({}) | st.builds(lambda value: {name: value}, text)


CUSTOMERS = st.fixed_dictionaries(
    {"Id": st.just("7"), "SyncToken": st.just("0"), "DisplayName": TEXT},
    optional={
        "CompanyName": TEXT,
        "GivenName": TEXT,
        "FamilyName": st.none() | TEXT,
        "BillAddr": ADDRESS_JSON,
        "ShipAddr": ADDRESS_JSON,
        "PrimaryEmailAddr": nested("Address", EMAIL),
        "PrimaryPhone": nested("FreeFormNumber", TEXT),
        "Mobile": nested("FreeFormNumber", TEXT),
        "Fax": nested("FreeFormNumber", TEXT),
        "AlternatePhone": nested("FreeFormNumber", TEXT),
        "Active": st.booleans(),
        "Balance": st.just(5.0),
        "Notes": TEXT,
    },
)
ADDRESSES_OF_OURS = st.builds(Address, **dict.fromkeys(ADDRESS_PARTS, LINE))
CONTACTS = st.builds(
    Contact,
    **{
        name: ADDRESSES_OF_OURS if name in ADDRESSES else EMAIL if name == "email" else TEXT
        for name in FIELDS
    },
)
SOME_PATHS = st.sets(st.sampled_from(PATHS))


def replaced(customer: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The customer after a sparse update that replaces nested objects and drops blanks."""

    def full(value: Any) -> Any:
        return {k: v for k, v in value.items() if v} if isinstance(value, dict) else value

    return {**customer, **{name: full(value) for name, value in body.items()}}


def merged(customer: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The same where nested objects are merged and blanks are kept."""
    return {
        **customer,
        **{
            name: {**(customer.get(name) or {}), **value} if isinstance(value, dict) else value
            for name, value in body.items()
        },
    }


# The laws -------------------------------------------------------------------------------------


@given(CUSTOMERS, SOME_PATHS)
def test_get_put(customer: dict[str, Any], paths: set[str]) -> None:
    assert lens.put(lens.get(customer).values(), customer=customer, paths=paths) == {}


@given(CUSTOMERS, CONTACTS, st.sampled_from([replaced, merged]))
def test_put_get(customer: dict[str, Any], contact: Contact, update: Any) -> None:
    before = lens.get(customer)
    after = lens.get(update(customer, lens.put(contact.values(), customer=customer)))
    expected = contact.changed({"email": lens.put_email(contact.email, before.email)})
    assert after == expected


@given(CONTACTS)
def test_put_get_of_a_new_customer(contact: Contact) -> None:
    body = lens.put(contact.values(), customer=None)
    assert lens.get(body) == contact
    assert "" not in [text for value in body.values() for text in _texts(value)]


@given(CUSTOMERS, CONTACTS, st.sets(st.sampled_from(FIELDS)))
def test_only_what_is_written_is_in_the_body(
    customer: dict[str, Any], contact: Contact, names: set[str]
) -> None:
    body = lens.put(contact.values(names), customer=customer)
    assert body.keys() <= lens.PROPERTIES
    after = lens.get(replaced(customer, body))
    for name in set(FIELDS) - names:
        assert getattr(after, name) == getattr(lens.get(customer), name)


@given(CUSTOMERS, CONTACTS, SOME_PATHS, st.sampled_from([replaced, merged]))
def test_parts_that_the_site_does_not_hold_stay(
    customer: dict[str, Any], contact: Contact, paths: set[str], update: Any
) -> None:
    addresses = contact.values(ADDRESSES)
    body = lens.put(addresses, customer=customer, paths=paths)
    after = update(customer, body)
    assert project(lens.get(after), paths).values(ADDRESSES) == project(contact, paths).values(
        ADDRESSES
    )
    others = set(PATHS) - paths
    assert project(lens.get(after), others) == project(lens.get(customer), others)
    for name in ("BillAddr", "ShipAddr"):
        old, new = customer.get(name) or {}, after.get(name) or {}
        kept = ("County", "CountryCode", "Note")
        assert [new.get(key) or "" for key in kept] == [old.get(key) or "" for key in kept]


@given(CUSTOMERS, CONTACTS, CONTACTS)
def test_the_last_write_wins(customer: dict[str, Any], one: Contact, two: Contact) -> None:
    one, two = (each.changed({"email": ""}) for each in (one, two))
    once = replaced(customer, lens.put(one.values(), customer=customer))
    twice = replaced(once, lens.put(two.values(), customer=once))
    assert lens.get(twice) == lens.get(
        replaced(customer, lens.put(two.values(), customer=customer))
    ).changed({"email": lens.get(twice).email})


@given(CUSTOMERS)
def test_what_is_stored_is_enough_to_write(customer: dict[str, Any]) -> None:
    read = lens.snapshot(customer)
    stored = lens.remembered(read.contact, read.bill_addr, read.ship_addr)
    assert lens.get(stored) == read.contact
    edit: dict[str, Value] = {"mailing_address": Address(city="Oslo"), "email": "new@b.c"}
    assert lens.put(edit, customer=stored) == lens.put(edit, customer=customer)


@given(CUSTOMERS, CONTACTS)
def test_nothing_given_is_changed(customer: dict[str, Any], contact: Contact) -> None:
    before = copy.deepcopy(customer)
    lens.put(contact.values(), customer=customer)
    lens.snapshot(customer)
    assert customer == before


def _texts(value: Any) -> list[str]:
    return list(value.values()) if isinstance(value, dict) else [value]


# Reading --------------------------------------------------------------------------------------


def test_a_customer_as_a_contact() -> None:
    assert lens.get(AMY) == Contact(
        name="Amy's Bird Sanctuary",
        company_name="Bird & Co",
        email="Birds@Intuit.com, amy@birds.example",
        phone="(650) 555-3311",
        mailing_address=Address(
            "4581 Finch St.", "Floor 3, Rear door", "Bayshore", "CA", "94326", ""
        ),
        given_name="Amy",
        family_name="Lauterbach",
    )


def test_a_snapshot_holds_nothing_else() -> None:
    read = lens.snapshot(AMY)
    assert (read.qbo_id, read.sync_token, read.active) == ("1", 3, True)
    assert (read.is_sub, read.is_project, read.parent_id) == (False, False, "")
    assert read.created == datetime(2015, 10, 1, 23, 48, 43, tzinfo=UTC)
    assert read.updated == datetime(2020, 9, 29, 13, 2, 35, tzinfo=UTC)
    assert "Id" not in read.bill_addr and "Lat" not in read.bill_addr and read.ship_addr == {}
    for secret in ("639", "XXXXXX56789", "owls", "SalesTerm"):
        assert secret not in repr(read)


def test_every_field_of_a_contact_is_mapped() -> None:
    everything = Contact(
        **{name: Address("x") if name in ADDRESSES else "x" for name in FIELDS}  # type: ignore[arg-type]
    )
    assert lens.put(everything.values(), customer=None).keys() == lens.PROPERTIES
    assert len(lens.PROPERTIES) == len(FIELDS)


@pytest.mark.parametrize("mark", [" (deleted)", " (deleted-1)", " (deleted-23)"])
@pytest.mark.parametrize("active", [True, False])
def test_the_mark_of_inactive_ones_is_never_copied(mark: str, active: bool) -> None:
    customer = {**AMY, "DisplayName": "Bob" + mark, "Active": active}
    assert lens.get(customer).name == "Bob"
    assert lens.snapshot(customer).display_name == "Bob" + mark
    assert lens.put({"name": "Bob"}, customer=customer) == {}


def test_a_name_that_is_nothing_but_a_mark_stays() -> None:
    assert lens.without_mark("(deleted)") == "(deleted)"


def test_a_sub_customer_is_called_by_its_leaf() -> None:
    customer = {
        **AMY,
        "Job": True,
        "ParentRef": {"value": "7"},
        "DisplayName": "0969 Ocean View Road",
        "FullyQualifiedName": "Freeman:0969 Ocean View Road",
    }
    read = lens.snapshot(customer)
    assert (read.is_sub, read.parent_id, read.contact.name) == (True, "7", "0969 Ocean View Road")
    assert read.full_name == "Freeman:0969 Ocean View Road"


@pytest.mark.parametrize(
    ("change", "is_sub", "is_project"),
    [
        ({"Job": True}, True, False),
        ({"ParentRef": {"value": "7"}}, True, False),
        ({"Job": True, "IsProject": True}, True, True),
        ({"Job": None, "ParentRef": {}}, False, False),
    ],
)
def test_what_makes_a_sub_customer(change: dict[str, Any], is_sub: bool, is_project: bool) -> None:
    read = lens.snapshot({**AMY, **change})
    assert (read.is_sub, read.is_project) == (is_sub, is_project)


def test_an_address_with_only_an_id_is_empty() -> None:
    read = lens.snapshot({**AMY, "BillAddr": {"Id": "106", "Lat": "INVALID", "Long": "INVALID"}})
    assert not read.contact.mailing_address and read.bill_addr == {}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-05T02:05:12.193-07:00", datetime(2026, 5, 5, 9, 5, 12, 193000, UTC)),
        ("2015-10-05T14:42:19-0700", datetime(2015, 10, 5, 21, 42, 19, 0, UTC)),
        ("2025-09-10T21:31:25.179851517Z", datetime(2025, 9, 10, 21, 31, 25, 179851, UTC)),
        ("2026-11-01T01:30:00-07:00", datetime(2026, 11, 1, 8, 30, tzinfo=UTC)),
        ("2026-11-01T01:30:00-08:00", datetime(2026, 11, 1, 9, 30, tzinfo=UTC)),
    ],
)
def test_times_keep_their_offset(text: str, moment: datetime) -> None:
    assert lens.parse_time(text) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2026-05-05", "0001-01-01T00:00:00+14:00"])
def test_times_without_an_offset_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        lens.parse_time(text)


# Writing --------------------------------------------------------------------------------------


def test_an_edit_of_one_field_sends_one_property() -> None:
    assert lens.put({"phone": "1"}, customer=AMY) == {"PrimaryPhone": {"FreeFormNumber": "1"}}
    assert lens.put({"phone": ""}, customer=AMY) == {"PrimaryPhone": {"FreeFormNumber": ""}}
    assert lens.put({"name": "B"}, customer=AMY) == {"DisplayName": "B"}


def test_an_address_goes_out_whole_and_its_packed_lines_stay() -> None:
    moved = Address("4581 Finch St.", "Floor 3, Rear door", "Oslo", "", "94326", "")
    assert lens.put({"mailing_address": moved}, customer=AMY) == {
        "BillAddr": {
            "Line1": "4581 Finch St.",
            "Line2": "Floor 3",
            "Line3": "Rear door",
            "Line4": "",
            "Line5": "",
            "City": "Oslo",
            "CountrySubDivisionCode": "",
            "PostalCode": "94326",
            "Country": "",
        }
    }


def test_an_edited_second_line_empties_the_packed_ones() -> None:
    edited = Address("4581 Finch St.", "Floor 4", "Bayshore", "CA", "94326", "")
    body = lens.put({"mailing_address": edited}, customer=AMY)["BillAddr"]
    assert [body[f"Line{n}"] for n in range(1, 6)] == ["4581 Finch St.", "Floor 4", "", "", ""]


@pytest.mark.parametrize(
    ("held", "value", "written"),
    [
        ("", "a@b.c", "a@b.c"),
        ("a@b.c", "", ""),
        ("a@b.c", "x@y.z", "x@y.z"),
        ("a@b.c, d@e.f", "x@y.z", "x@y.z, d@e.f"),
        ("a@b.c; d@e.f g@h.i", "x@y.z", "x@y.z; d@e.f g@h.i"),
        ("a@b.c, d@e.f", "a@b.c", "a@b.c, d@e.f"),
        ("a@b.c, d@e.f", "", "d@e.f"),
        ("a@b.c, d@e.f", "x@y.z, d@e.f", "x@y.z, d@e.f"),
        ("a@b.c, d@e.f", "x@y.z, q@r.s", "x@y.z, q@r.s"),
        ("a@b.c,a@b.c", "", "a@b.c"),
    ],
)
def test_the_other_addresses_survive_an_edit_of_the_first(
    held: str, value: str, written: str
) -> None:
    assert lens.put_email(value, held) == written


@given(EMAIL, EMAIL)
def test_an_email_that_was_written_comes_first(value: str, held: str) -> None:
    written = lens.put_email(value, held)
    assert split_emails(written)[: len(split_emails(value))] == split_emails(value)


# Foreign input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Id": None}, "Id is missing"),
        ({"Id": "abc"}, "Id is no number"),
        ({"Id": "1" * 21}, "Id is no number"),
        ({"Id": "٣"}, "Id is no number"),
        ({"Id": True}, "Id is no number"),
        ({"Id": {"value": "1"}}, "Id is no number"),
        ({"SyncToken": None}, "SyncToken is missing"),
        ({"SyncToken": "-1"}, "SyncToken is no number"),
        ({"SyncToken": "99999999999999999999"}, "SyncToken is too large"),
        ({"DisplayName": ["x"]}, "DisplayName is a list, not a text"),
        ({"DisplayName": 5}, "DisplayName is a number, not a text"),
        ({"DisplayName": "x" * 501}, "DisplayName is 501 characters long"),
        ({"DisplayName": "a\x00b"}, "DisplayName has characters that cannot be stored"),
        ({"DisplayName": "a\ud800b"}, "DisplayName has characters that cannot be stored"),
        ({"CompanyName": "x" * 10**6}, "CompanyName is 1000000 characters long"),
        ({"Active": "true"}, "Active is a text, not true or false"),
        ({"IsProject": 1}, "IsProject is a number, not true or false"),
        ({"PrimaryPhone": "555"}, "PrimaryPhone is a text, not an object"),
        ({"PrimaryEmailAddr": {"Address": ["a@b.c"]}}, "Address is a list, not a text"),
        ({"BillAddr": []}, "BillAddr is a list, not an object"),
        ({"BillAddr": {"City": 5}}, "City is a number, not a text"),
        ({"ShipAddr": {"Note": {}}}, "Note is an object, not a text"),
        ({"ParentRef": {"value": "x"}}, "value is no number"),
        ({"MetaData": {"CreateTime": "2026-05-05T00:00:00"}}, "CreateTime is no time"),
        ({"MetaData": "now"}, "MetaData is a text"),
    ],
)
def test_a_malformed_customer_says_what_is_wrong(change: dict[str, Any], words: str) -> None:
    with pytest.raises(MalformedCustomer, match=words) as caught:
        lens.snapshot({**AMY, **change})
    assert caught.value.action is Action.CASE and caught.value.pull_goes_on
    assert caught.value.qbo_id == ("" if "Id" in change else "1")
    assert str(caught.value.user_message)


@pytest.mark.parametrize("customer", [None, [], "text", 5, True])
def test_what_is_no_object_is_malformed(customer: Any) -> None:
    with pytest.raises(MalformedCustomer):
        lens.snapshot(customer)


def test_numbers_and_nulls_are_taken_too() -> None:
    read = lens.snapshot({**AMY, "Id": 1, "SyncToken": 3, "CompanyName": None, "BillAddr": None})
    assert (read.qbo_id, read.sync_token, read.contact.company_name) == ("1", 3, "")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted([*AMY, "ParentRef"])), JUNK))
def test_anything_is_either_read_or_malformed(changes: dict[str, Any]) -> None:
    try:
        read = lens.snapshot({**AMY, **changes})
    except MalformedCustomer:
        return
    assert isinstance(read.contact, Contact) and read.qbo_id
