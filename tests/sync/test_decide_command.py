"""`manage.py qbo_decide`: what people decide on the screens, one by one (U15)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from crm.models import Client
from django.core.exceptions import ValidationError

from tests import factories
from wagtail_qbo_sync.models import Case, Decision, Mapping
from wagtail_qbo_sync.sync.bulk import drafts
from wagtail_qbo_sync.sync.records.status import with_status

from .conftest import customer
from .firm import Firm, client, edit
from .test_commands import failure, run
from .test_conflicts import anna  # noqa: F401
from .test_refused import host_rule  # noqa: F401

Kind = Decision.Kind


@pytest.fixture
def two(firm: Firm) -> Client:
    """Customers 1 and 2, whom nobody is like; and Tom, a client without a customer."""
    firm.has(customer("1", "Thomas Reed"), customer("2", "Ida Holm"))
    firm.sync()
    return client("Tom Reed")


def decide(act: str, **about: Any) -> str:
    return run("qbo_decide", act, *(f"--{name}={value}" for name, value in about.items()))


def status(firm: Firm, qbo_id: str) -> str:
    return str(with_status(firm.connection.customers.filter(qbo_id=qbo_id)).get().status)


def test_map_remove_put_back_and_undo(firm: Firm, two: Client) -> None:
    said = decide("map", customer="1", client=two.pk)
    assert "manage.py qbo_sync" in said
    run("qbo_sync")
    two.refresh_from_db()
    assert (firm.client("1"), two.name) == (two, "Thomas Reed")
    assert "already" in failure("qbo_decide", "map", "--customer=2", f"--client={two.pk}")
    decide("remove-match", customer="1")
    assert not Mapping.objects.exists()
    decide("put-match-back", customer="1")
    assert firm.client("1") == two
    decide("move", customer="2", client=two.pk)
    assert firm.client("2") == two and status(firm, "1") == "unmapped"
    decide("undo", customer="2")
    assert firm.client("1") == two


def test_a_plan_is_made_after_what_was_decided_before(firm: Firm, two: Client) -> None:
    """Rule 16. Which is said, since it writes."""
    decide("map", customer="1", client=two.pk)
    said = run("qbo_sync", "--plan")
    two.refresh_from_db()
    assert two.name == "Thomas Reed"
    assert "What was decided before is done first" in said and said.endswith("Nothing to do.\n")
    assert "decided before" not in run("qbo_sync", "--plan")


def test_create_on_either_side(firm: Firm, two: Client) -> None:
    decide("create", customer="2")
    decide("create", client=two.pk)
    run("qbo_sync")
    assert firm.client("2").name == "Ida Holm"
    assert [one["Id"] for one in firm.records() if one["DisplayName"] == "Tom Reed"]


def test_a_creation_that_waits_is_taken_back(firm: Firm, two: Client) -> None:
    decide("create", client=two.pk)
    decide("undo", client=two.pk)
    run("qbo_sync")
    assert len(firm.records()) == 2


def test_exclude_and_include_either(firm: Firm, two: Client) -> None:
    decide("exclude", customer="1")
    assert status(firm, "1") == "excluded"
    decide("include", customer="1")
    assert status(firm, "1") == "unmapped"
    decide("exclude-again", customer="1")
    assert status(firm, "1") == "excluded"
    decide("exclude", client=two.pk)
    assert Decision.objects.filter(kind=Kind.EXCLUDE_CLIENT, client_pk=two.pk).exists()
    decide("include", client=two.pk)
    assert not Decision.objects.filter(kind=Kind.EXCLUDE_CLIENT).exists()


@pytest.mark.parametrize("by", ["customer", "client"])
def test_disconnect_and_reconnect(firm: Firm, two: Client, by: str) -> None:
    decide("map", customer="1", client=two.pk)
    run("qbo_sync")
    about = {"customer": "1"} if by == "customer" else {"client": str(two.pk)}
    decide("disconnect", **about)
    assert firm.mapping("1").asleep == Mapping.Asleep.DISCONNECTED
    decide("reconnect", **about)
    assert firm.mapping("1").asleep == Mapping.Asleep.AWAKE


@pytest.fixture
def conflict(firm: Firm) -> Client:
    """Anna is customer 1: two fields say different things, both new."""
    made = client("Anna Berg", "anna@berg.example", phone="1", mobile="1")
    both = {name: {"FreeFormNumber": "1"} for name in ("PrimaryPhone", "Mobile")}
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **both))
    firm.sync()
    edit(made, phone="2", mobile="2")
    firm.edits("1", **{name: {"FreeFormNumber": "3"} for name in both})
    firm.sync()
    return made


def test_settle_one_field_then_the_rest(firm: Firm, conflict: Client) -> None:
    wrong = failure("qbo_decide", "settle", "--customer=1", "--take=qbo", "--field=email")
    assert wrong == "Not in conflict: email. In conflict: mobile, phone."
    decide("settle", customer="1", take="qbo", field="phone")
    run("qbo_sync")
    conflict.refresh_from_db()
    assert (conflict.phone, conflict.mobile) == ("3", "2")
    decide("settle", client=conflict.pk, take="site")
    run("qbo_sync")
    assert firm.record("1")["Mobile"]["FreeFormNumber"] == "2"
    assert "Nothing of the kind" in failure("qbo_decide", "settle", "--customer=1", "--take=qbo")


def test_another_value_settles_and_is_taken_back(firm: Firm, conflict: Client) -> None:
    """U4: one that is typed; and Undo of that."""
    about = ("qbo_decide", "settle", "--customer=1")
    assert "one --field" in failure(*about, "--value=4")
    assert "--value" in failure(*about, "--value=4", "--take=qbo", "--field=phone")
    assert "at most 30" in failure(*about, "--field=phone", "--value=" + "4" * 99)
    assert "Nothing of the kind" in failure("qbo_decide", "reopen", "--customer=1")
    decide("settle", customer="1", field="phone", value="4")
    conflict.refresh_from_db()
    assert conflict.phone == "4"
    decide("reopen", client=conflict.pk)
    conflict.refresh_from_db()
    assert conflict.phone == "2"
    assert set(firm.case("conflict", "1").facts["conflicts"]) == {"phone", "mobile"}
    decide("settle", customer="1", field="phone", value="4")
    run("qbo_sync")
    assert firm.record("1")["PrimaryPhone"]["FreeFormNumber"] == "4"
    assert "has been sent" in failure("qbo_decide", "reopen", "--customer=1")


def test_an_address_is_typed_by_its_parts(firm: Firm, anna: Client) -> None:  # noqa: F811
    about = ("qbo_decide", "settle", "--customer=1", "--field=mailing_address")
    parts = ('{"line1": null}', '{"city": ["Rome"]}', '{"postal_code": 187}')
    for wrong in ("Rome", "[1]", '{"town": "Rome"}', *parts):
        assert '"city"' in failure(*about, f"--value={wrong}")
    run(*about, '--value={"city": "Rome"}')
    anna.refresh_from_db()
    assert (anna.address, anna.city) == ("1 Elm St", "Rome")


def test_a_choice_is_kept_until_all_are_saved(firm: Firm, two: Client) -> None:
    """C9."""
    for wrong in (("--do=map",), ("--do=create", f"--client={two.pk}"), ()):
        assert "needs" in failure("qbo_decide", "choose", "--customer=1", *wrong)
    assert "no longer there" in failure(
        "qbo_decide", "choose", "--customer=1", "--do=map", "--client=4711"
    )
    said = decide("choose", customer="1", do="exclude")
    assert "save-all" in said and status(firm, "1") == "unmapped"
    decide("choose", customer="1", do="map", client=two.pk)
    assert "chosen for" in failure(
        "qbo_decide", "choose", "--customer=2", "--do=map", f"--client={two.pk}"
    )
    assert "chosen for" in failure(
        "qbo_decide", "choose", "--customer=2", "--do=map", f"--client=0{two.pk}"
    )
    (held,) = drafts.drafts_of(firm.connection, ["1", "2"]).values()
    assert (held.do, held.client_pk) == ("map", str(two.pk))
    decide("exclude", client=two.pk)
    assert "is excluded" in failure(
        "qbo_decide", "choose", "--customer=2", "--do=map", f"--client={two.pk}"
    )


def test_an_answer_about_a_deleted_client_is_taken_back(firm: Firm, two: Client) -> None:
    """U16."""
    decide("map", customer="1", client=two.pk)
    run("qbo_sync")
    two.delete()
    run("qbo_sync")
    decide("keep-deleted", customer="1")
    assert firm.cases() == set()
    decide("ask-deleted", customer="1")
    assert firm.cases() == {("client_deleted", "1")}


def test_a_name_that_is_taken(firm: Firm, two: Client) -> None:
    """U10."""
    ida = client("Ida Holm", "ida@elsewhere.example")
    decide("create", client=ida.pk)
    run("qbo_sync")
    assert "refused this name" in failure(
        "qbo_decide", "rename", f"--client={ida.pk}", "--name=ida holm"
    )
    decide("rename", client=ida.pk, name="Ida Holm II")
    run("qbo_sync")
    assert "Ida Holm II" in {one["DisplayName"] for one in firm.records()}
    assert "any more" in failure("qbo_decide", "ask-name", f"--client={ida.pk}")


def test_a_name_is_left(firm: Firm, two: Client) -> None:
    ida = client("Ida Holm", "ida@elsewhere.example")
    decide("create", client=ida.pk)
    run("qbo_sync")
    decide("leave-name", client=ida.pk)
    asked = Case.objects.filter(open_key__isnull=False, kind="not_taken")
    assert not asked.exists()
    decide("ask-name", client=ida.pk)
    assert asked.exists()


def test_a_problem_is_ignored_opened_and_tried_again(
    firm: Firm,
    host_rule: Callable[[Callable[[Client], None]], None],  # noqa: F811
) -> None:
    """A site that is strict for a while."""
    strict = True

    def rule(instance: Client) -> None:
        if strict:
            raise ValidationError({"company_name": "Not today."})

    made = client("Anna Berg", "anna@berg.example")
    firm.has(customer("1", "Anna Berg", "anna@berg.example"))
    firm.sync()
    host_rule(rule)
    firm.edits("1", CompanyName="Berg Ltd")
    firm.sync()
    decide("ignore", customer="1")
    assert firm.case("refused", "1").set_aside_at is not None
    decide("open-again", customer="1")
    assert firm.case("refused", "1").set_aside_at is None
    strict = False
    assert firm.sync() is None, "not by itself"
    decide("retry", client=made.pk)
    run("qbo_sync")
    made.refresh_from_db()
    assert made.company_name == "Berg Ltd"
    assert "no problem" in failure("qbo_decide", "ignore", "--customer=1")


def test_what_it_needs_is_said(firm: Firm, two: Client) -> None:
    assert "about --customer and --client" in failure("qbo_decide", "map", "--customer=1")
    assert "about --customer or --client" in failure("qbo_decide", "exclude")
    assert "about --customer or --client" in failure("qbo_decide", "settle", "--take=qbo")
    assert "--take" in failure("qbo_decide", "settle", "--customer=1")
    assert "--name" in failure("qbo_decide", "rename", "--customer=1")
    assert "no customer" in failure("qbo_decide", "exclude", "--customer=4711")
    assert "no longer there" in failure("qbo_decide", "exclude", "--client=4711")
    factories.connection("Other")
    assert "--company" in failure("qbo_decide", "exclude", "--customer=1")
    decide("exclude", customer="1", company=firm.connection.realm_id)
