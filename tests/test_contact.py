"""The one language inside: properties of contacts and of the two notions of equal."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_qbo_sync.contact import (
    ADDRESS_PARTS,
    ADDRESSES,
    FIELDS,
    PATHS,
    PHONES,
    Address,
    Contact,
    content_digest,
    email_keys,
    fields_of,
    match_key,
    normalised,
    project,
    same,
    split_emails,
    value_key,
    values_from_json,
    values_to_json,
)

texts = st.text(max_size=20)
addresses = st.builds(Address, **dict.fromkeys(ADDRESS_PARTS, texts))
contacts = st.builds(
    Contact, **{name: addresses if name in ADDRESSES else texts for name in FIELDS}
)
plain_fields = st.sampled_from([name for name in FIELDS if name not in ADDRESSES])
blanks = st.sampled_from(["", " ", "\t", "\n", "  ", " "])
letters = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)


@given(contacts)
def test_json_keeps_a_contact(contact: Contact) -> None:
    stored = json.loads(json.dumps(contact.to_json()))
    back = Contact.from_json(stored)
    for name in FIELDS:
        if getattr(contact, name):
            assert getattr(back, name) == getattr(contact, name)
        else:
            assert not getattr(back, name)


@given(contacts)
def test_json_keeps_values_also_blank_ones(contact: Contact) -> None:
    values = contact.values()
    assert values_from_json(json.loads(json.dumps(values_to_json(values)))) == values


def test_json_of_a_later_version_is_read() -> None:
    data = {"name": "A", "pager": "1", "mailing_address": {"city": "B", "planet": "Earth"}}
    assert Contact.from_json(data) == Contact(name="A", mailing_address=Address(city="B"))


@given(contacts, st.sets(st.sampled_from(PATHS)))
def test_projection_keeps_what_is_held_and_nothing_else(contact: Contact, held: set[str]) -> None:
    seen = project(contact, held)
    assert project(seen, held) == seen
    for path in PATHS:
        name, _, part = path.partition(".")
        whole, some = getattr(contact, name), getattr(seen, name)
        text = getattr(whole, part) if part else whole
        assert (getattr(some, part) if part else some) == (text if path in held else "")
    untouched = set(FIELDS) - fields_of(held)
    assert not any(getattr(seen, name) for name in untouched)


@given(contacts, plain_fields, texts)
def test_changed_changes_only_that(contact: Contact, name: str, text: str) -> None:
    changed = contact.changed({name: text})
    assert changed.values() == {**contact.values(), name: text}


# Equality that finds pairs ------------------------------------------------------------------


@given(texts)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


@given(letters, letters, blanks, blanks)
def test_match_key_ignores_case_form_and_blanks(
    one: str, other: str, before: str, after: str
) -> None:
    key = match_key(f"{one} {other}")
    assert match_key(f"{before}{one} \t {other}{after}") == key
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert match_key(unicodedata.normalize(form, f"{one} {other}")) == key
    assert match_key(f"{one} {other}".casefold()) == key


@given(letters, st.sampled_from(["", "-1", "-27"]), st.integers(1, 3), blanks)
def test_match_key_ignores_the_deleted_mark(name: str, number: str, times: int, blank: str) -> None:
    marked = name + f"{blank}(Deleted{number})" * times
    assert match_key(marked) == match_key(name)


@pytest.mark.parametrize("text", ["", " ", "\n", "(deleted)", " (deleted-1) "])
def test_no_name_has_no_key(text: str) -> None:
    assert match_key(text) == ""


def test_other_names_have_other_keys() -> None:
    names = ["Berg", "Berg, Anna", "Anna Berg", "Bérg", "Berg (deletion)", "(deleted) Berg"]
    assert len({match_key(name) for name in names}) == len(names)


@given(st.lists(letters, min_size=1, max_size=4), st.sampled_from([",", ";", " ", ", ", " ;  "]))
def test_each_of_several_emails_has_its_key(users: list[str], separator: str) -> None:
    mails = [f"{user}@x.example" for user in users]
    keys = email_keys(separator.join(mails))
    assert set(keys) == {email_keys(mail)[0] for mail in mails}
    assert len(keys) == len(set(keys))
    assert email_keys(separator.join(reversed([mail.casefold() for mail in mails]))) == tuple(
        dict.fromkeys(email_keys(mail)[0] for mail in reversed(mails))
    )


@pytest.mark.parametrize("text", ["", " ", "no address", ",;"])
def test_no_email_equals_nothing(text: str) -> None:
    assert email_keys(text) == ()
    assert split_emails(text) == []


# Equality that says "the same value" --------------------------------------------------------


@given(plain_fields, texts, blanks, blanks)
def test_outer_blanks_and_composition_are_the_same_value(
    name: str, text: str, before: str, after: str
) -> None:
    assert same(name, text, unicodedata.normalize("NFD", text))
    stripped = unicodedata.normalize("NFC", text).strip()
    assert same(name, before + stripped + after, stripped)


@given(plain_fields, letters)
def test_case_counts_except_in_an_email(name: str, text: str) -> None:
    swapped = text.swapcase()
    if name == "email":
        assert (
            same(name, text, text.upper().casefold()) or text.casefold() != text.upper().casefold()
        )
    elif name not in PHONES:
        assert same(name, text, swapped) == (
            unicodedata.normalize("NFC", text) == unicodedata.normalize("NFC", swapped)
        )


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("(978) 555-0101", "978.555.0101", True),
        ("+1 978 555 0101", "9785550101", False),
        ("+1 (978) 555-0101", "+19785550101", True),
        ("978-555-0101 x12", "9785550101 ext. 12", True),
        ("978-555-0101 x12", "9785550101", False),
        ("978-555-0101 x12", "978-555-010112", False),
        ("978-555-0101 #12", "978-555-0101 extension 12", True),
        ("call the office", "Call the office", False),
        ("call the office", " call the office ", True),
        ("", "  ", True),
    ],
)
def test_phones_are_their_digits(one: str, other: str, equal: bool) -> None:
    for name in PHONES:
        assert same(name, one, other) is equal


@given(addresses, addresses)
def test_an_address_is_one_value(one: Address, other: Address) -> None:
    parts = zip(one.parts().values(), other.parts().values(), strict=True)
    assert same("mailing_address", one, other) == all(same("city", a, b) for a, b in parts)


def test_line_breaks_of_windows_are_line_breaks() -> None:
    assert same("name", "a\r\nb", "a\nb")
    assert same("mailing_address", Address(line2="a\r\nb"), Address(line2="a\nb"))


@given(contacts, contacts)
def test_digests_are_equal_exactly_when_all_values_are_the_same(
    one: Contact, other: Contact
) -> None:
    equal = all(same(name, getattr(one, name), getattr(other, name)) for name in FIELDS)
    assert (content_digest(one.values()) == content_digest(other.values())) == equal
    again = dict(reversed(one.values().items()))
    assert content_digest(again) == content_digest(one.values())


def test_the_digest_counts_the_contact_type() -> None:
    values = Contact(name="A").values()
    assert content_digest(values, "1") != content_digest(values) != content_digest(values, "2")
    assert content_digest(values, "1") != content_digest(values, "1", "2")


def test_an_address_of_blanks_is_no_address() -> None:
    assert not Address(line1=" ", city="\n")
    assert Address(country="USA")
    assert value_key("mailing_address", Address(line1=" ")) == value_key(
        "mailing_address", Address()
    )
