"""The first sync: what it plans, and what it does once a person has approved (K2-K7, C13, U1)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from crm.models import Client, ContactType

from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Case, Change, Customer, Decision, Footprint, Mapping, Run, Step
from wagtail_qbo_sync.sync.records.parties import client_digest

from .conftest import Json, customer
from .firm import Firm, client, edit, picture, site, told

ADDRESS = {"Line1": "1 Elm St", "City": "Salem", "CountrySubDivisionCode": "MA"}


def phone(number: str) -> Json:
    return {"PrimaryPhone": {"FreeFormNumber": number}}


def test_nothing_is_written_before_approval(firm: Firm) -> None:
    client("Anna Berg", "anna@berg.example", phone="1")
    firm.chooses(unmatched="create")
    firm.has(
        customer("1", "Anna Berg", "anna@berg.example", **phone("2")), customer("2", "New One")
    )
    before = site(), firm.records()
    run = firm.plan()
    assert (site(), firm.records()) == before, "byte by byte"
    assert not (Mapping.objects.exists() or Change.objects.exists() or Case.objects.exists())
    assert run.counts == {"link": 1, "create": 1, "overwritten": {"phone": 1}, "sent": {}}
    assert told(run) == {("link", "Anna Berg", "planned"), ("create", "New One", "planned")}
    assert Customer.objects.count() == 2, "the mirror may be read before"


def test_name_and_email_match_is_linked_and_overwritten(firm: Firm) -> None:
    anna = client("anna  BERG", "Anna@Berg.example", phone="1", city="Boston")
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **phone("555 0100"), BillAddr=ADDRESS))
    run = firm.sync()
    assert told(run) == {("link", "Anna Berg", "done")}
    anna.refresh_from_db()
    assert (anna.name, anna.phone, anna.city, anna.address) == (
        "Anna Berg",
        "555 0100",
        "Salem",
        "1 Elm St",
    )
    assert anna.email == "Anna@Berg.example", "the same but for capitals is no difference"
    mapping = firm.mapping("1")
    assert (mapping.client, mapping.client_pk) == (anna, str(anna.pk))


def test_the_journal_keeps_what_was_there_before(firm: Firm) -> None:
    client("Anna Berg", "anna@berg.example", phone="1", city="Boston")
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **phone("2"), BillAddr=ADDRESS))
    run = firm.sync()
    change = Change.objects.get()
    assert change.values == {
        "phone": ["1", "2"],
        "mailing_address": [
            {"city": "Boston"},
            {"line1": "1 Elm St", "city": "Salem", "state": "MA"},
        ],
    }
    assert (change.run, change.side, change.qbo_id) == (run, "site", "1")


def test_blank_in_quickbooks_erases_nothing_and_stands_as_agreed(firm: Firm) -> None:
    anna = client("Anna Berg", "anna@berg.example", phone="1", city="Boston")
    firm.has(customer("1", "Anna Berg", "anna@berg.example"))
    before = site()
    assert told(firm.sync()) == {("link", "Anna Berg", "done")}
    assert site() == before
    base = firm.mapping("1").base
    assert (base["site"]["phone"], base["qbo"]["phone"]) == ("1", "")
    assert not Change.objects.exists()
    assert firm.sync() is None
    firm.edits("1", CompanyName="Berg Ltd")
    assert told(firm.sync()) == {("update", "Anna Berg", "done")}
    anna.refresh_from_db()
    assert (anna.phone, anna.city, anna.company_name) == ("1", "Boston", "Berg Ltd")
    firm.edits("1", **phone("2"))
    firm.sync()
    assert firm.client("1").phone == "2", "until one side edits it"


def test_whoever_matches_nobody_waits(firm: Firm) -> None:
    firm.has(customer("1", "Nobody Known", "new@example.org"))
    assert told(firm.sync()) == {("wait", "Nobody Known", "done")}
    assert not Client.objects.exists()
    assert not firm.cases() and not Decision.objects.exists()


def test_whoever_matches_nobody_is_created(firm: Firm) -> None:
    firm.chooses(unmatched="create")
    firm.has(customer("1", "New One", "new@example.org", **phone("1"), BillAddr=ADDRESS))
    run = firm.sync()
    assert told(run) == {("create", "New One", "done")}
    made = Client.objects.get()
    assert (made.name, made.email, made.phone) == ("New One", "new@example.org", "1")
    assert (made.address, made.city, made.state) == ("1 Elm St", "Salem", "MA")
    assert made.contact_type.name == "Client"
    assert firm.mapping("1").client == made
    assert Step.objects.get().client_pk == str(made.pk)
    assert Change.objects.get().values["name"] == [None, "New One"]
    assert firm.sync() is None


def test_whoever_matches_nobody_is_excluded_as_the_policy_says(firm: Firm) -> None:
    firm.chooses(unmatched="exclude")
    firm.has(customer("1", "Nobody Known"))
    assert told(firm.sync()) == {("exclude", "Nobody Known", "done")}
    decision = Decision.objects.get()
    assert (decision.kind, decision.qbo_id, decision.by_policy) == ("exclude_customer", "1", True)
    assert firm.sync() is None


def test_likeness_by_name_or_email_is_a_review_with_its_reasons(firm: Firm) -> None:
    by_name = client("Anna Berg", "other@berg.example")
    by_email = client("Berg, A.", "anna@berg.example")
    firm.chooses(unmatched="create")
    firm.has(customer("1", "Anna Berg", "anna@berg.example"))
    before = site()
    assert told(firm.sync()) == {("review", "Anna Berg", "done")}
    assert site() == before and not Mapping.objects.exists()
    facts = firm.case("review", "1").facts
    assert {(one["pk"], one["label"], *one["by"], one["taken"]) for one in facts["candidates"]} == {
        (str(by_name.pk), "Anna Berg", "name", False),
        (str(by_email.pk), "Berg, A.", "email", False),
    }
    assert facts["more"] == 0


def test_two_clients_with_one_identity_are_a_review(firm: Firm) -> None:
    client("Anna Berg", "anna@berg.example")
    client("Anna Berg", "anna@berg.example")
    firm.has(customer("1", "Anna Berg", "anna@berg.example"))
    assert told(firm.sync()) == {("review", "Anna Berg", "done")}


def test_a_mapped_client_counts_as_likeness(firm: Firm) -> None:
    client("Anna Berg", "berg@berg.example")
    firm.chooses(unmatched="create")
    firm.has(
        customer("1", "Anna Berg", "berg@berg.example"),
        customer("2", "Bo Berg", "berg@berg.example"),
    )
    assert told(firm.sync()) == {("link", "Anna Berg", "done"), ("review", "Bo Berg", "done")}
    (candidate,) = firm.case("review", "2").facts["candidates"]
    assert candidate["taken"] and candidate["label"] == "Anna Berg"


def test_the_contact_type_is_for_created_clients_only(firm: Firm) -> None:
    prospect = ContactType.objects.create(name="Rare bird")
    vip = ContactType.objects.create(name="VIP")
    anna = client("Anna Berg", "anna@berg.example", contact_type=prospect)
    firm.chooses(unmatched="create", contact_type=str(vip.pk))
    firm.has(customer("1", "Anna Berg", "anna@berg.example"), customer("2", "New One"))
    firm.sync()
    anna.refresh_from_db()
    assert anna.contact_type == prospect
    assert Client.objects.get(name="New One").contact_type == vip


def test_sync_now_makes_no_customer(firm: Firm, requests: Callable[..., list[Json]]) -> None:
    """K7: whatever the clients; edits of mapped ones go there (K10)."""
    client("Only Here", "only@example.org")
    client("Anna Berg", "anna@berg.example", phone="1")
    firm.chooses(unmatched="create")
    firm.has(customer("1", "Anna Berg", "anna@berg.example"), customer("2", "New One"))
    firm.sync()
    edit(firm.client("1"), phone="3")
    edit(firm.client("2"), name="Renamed")
    firm.edits("1", CompanyName="Berg Ltd")
    firm.sync()
    assert {"/query", "/batch"} <= {request["path"][-6:] for request in requests()}
    assert {record["Id"] for record in firm.records()} == {"1", "2"}


@pytest.mark.parametrize("hierarchy, subs", [("top", set()), ("sub", {"2"})])
def test_who_takes_part(firm: Firm, hierarchy: str, subs: set[str]) -> None:
    firm.chooses(unmatched="create", hierarchy=hierarchy)
    parent: Json = {"ParentRef": {"value": "1"}, "Job": True}
    firm.has(
        customer("1", "Parent"),
        customer("2", "Kitchen", FullyQualifiedName="Parent:Kitchen", **parent),
        customer("3", "Project", FullyQualifiedName="Parent:Project", IsProject=True, **parent),
        customer("4", "Gone (deleted)", Active=False),
    )
    firm.sync()
    assert set(firm.mapped()) == {"1", *subs}
    standings = dict(Customer.objects.values_list("qbo_id", "standing"))
    assert standings == {"1": "top", "2": "sub", "3": "project", "4": "inactive"}


def test_a_subs_name_is_its_leaf_and_its_path_is_shown(firm: Firm) -> None:
    firm.chooses(unmatched="create", hierarchy="sub")
    parent: Json = {"ParentRef": {"value": "1"}, "Job": True}
    firm.has(
        customer("1", "Parent"),
        customer("2", "Kitchen", FullyQualifiedName="Parent:Kitchen", **parent),
    )
    run = firm.sync()
    assert ("create", "Parent:Kitchen", "done") in told(run)
    assert firm.mapped()["2"] == "Kitchen"


def test_every_client_has_its_footprint(firm: Firm) -> None:
    client("Anna Berg", "anna@berg.example")
    client("Ben Coe", "ben@coe.example", phone="9")
    client("By Stander")
    firm.chooses(unmatched="create")
    firm.has(
        customer("1", "Anna Berg", "anna@berg.example", **phone("1")),
        customer("2", "Ben Coe", "ben@coe.example"),
        customer("3", "New One"),
    )
    firm.sync()
    adapter = get_adapter()
    expected = {record.pk: client_digest(record, adapter) for record in adapter.records()}
    assert dict(Footprint.objects.values_list("client_pk", "digest")) == expected


def test_a_runs_counts_and_steps_by_name(firm: Firm) -> None:
    client("Anna Berg", "anna@berg.example", phone="1")
    client("Carl Dunn", "carl@dunn.example")
    firm.has(
        customer("1", "Anna Berg", "anna@berg.example", **phone("2")),
        customer("2", "Carl Dunn", "else@dunn.example"),
        customer("3", "Eve Foy"),
    )
    run = firm.sync()
    assert told(run) == {
        ("link", "Anna Berg", "done"),
        ("review", "Carl Dunn", "done"),
        ("wait", "Eve Foy", "done"),
    }
    assert run is not None and run.state == Run.State.DONE and run.first
    assert run.counts == {
        "link": 1,
        "review": 1,
        "wait": 1,
        "overwritten": {"phone": 1},
        "sent": {},
        "outcome": {"link.done": 1, "review.done": 1, "wait.done": 1},
    }
    assert run.finished_at is not None
    assert (firm.state.done, firm.state.total) == (3, 3)


def test_a_second_sync_does_nothing_at_all(firm: Firm) -> None:
    client("Anna Berg", "anna@berg.example", phone="1")
    client("Carl Dunn", "carl@dunn.example", city="Salem")
    client("Dora Egg", "egg@example.org")
    firm.chooses(unmatched="create")
    firm.has(
        customer("1", "Anna Berg", "anna@berg.example", **phone("2")),
        customer("2", "Carl Dunn", "carl@dunn.example", BillAddr=ADDRESS),
        customer("3", "Dora Egg", "other@example.org"),
        customer("4", "New One", "new@example.org"),
        customer("5", "Long " + "x" * 300, **phone("0" * 40)),
        customer("6", "Gone", Active=False),
    )
    firm.sync()
    assert firm.cases() == {("review", "3"), ("refused", "5")}
    once, footprints = picture(), list(Footprint.objects.order_by("pk").values())
    for _ in range(3):
        assert firm.sync() is None
        assert picture() == once
        assert list(Footprint.objects.order_by("pk").values()) == footprints


def test_an_empty_company_needs_no_approval_and_its_clients_can_be_created(firm: Firm) -> None:
    """U3, K13: its first sync has nothing to show; the brake sees to what comes later."""
    kind = ContactType.objects.create(name="Pushed")
    firm.has()
    firm.chooses(pushed_types=[str(kind.pk)], unmatched="create")
    client("Old One", contact_type=kind)
    assert firm.sync() is None
    assert firm.state.first_synced_at is not None
    client("Anna Berg", "anna@berg.example", contact_type=kind)
    firm.sync(approve=False)
    assert [record["DisplayName"] for record in firm.records()] == ["Anna Berg"]
    assert set(firm.mapped().values()) == {"Anna Berg"}
    firm.gets(*(customer(str(100 + number), f"New {number}") for number in range(30)))
    assert firm.plan().stops == ["brake"]
