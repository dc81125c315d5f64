"""Choices for customers without a client, kept until all are saved (C8-C12)."""

from __future__ import annotations

from typing import Any

import pytest
from crm.models import Client
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from tests import factories
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.contact import match_key
from wagtail_qbo_sync.models import (
    BulkDecision,
    Connection,
    Customer,
    Decision,
    Mapping,
    Run,
    Step,
)
from wagtail_qbo_sync.models.mirror import joined_keys
from wagtail_qbo_sync.sync.bulk import drafts, proposal
from wagtail_qbo_sync.sync.bulk.choices import CHANGED, CHOSEN_ANEW
from wagtail_qbo_sync.sync.bulk.drafts import Do
from wagtail_qbo_sync.sync.people import exclusion, mapping, ticks
from wagtail_qbo_sync.sync.records.locked import Refusal

from .conftest import customer
from .firm import Firm, Killed, client, killed_at

Kind = Decision.Kind


@pytest.fixture
def dana(db: None) -> Any:
    return get_user_model().objects.create_user("dana")


@pytest.fixture
def eli(db: None) -> Any:
    return get_user_model().objects.create_user("eli")


@pytest.fixture
def synced(firm: Firm) -> Firm:
    """1 Anna and 3 Carl are like nobody, 2 has Tom's e-mail and waits in review."""
    client("Tom Reed", "tom@reed.example")
    firm.has(
        customer("1", "Anna Berg", "anna@berg.example"),
        customer("2", "Thomas Reed", "tom@reed.example"),
        customer("3", "Carl Cole", "carl@cole.example"),
    )
    firm.sync()
    assert {one.qbo_id for one in drafts.to_map(firm.connection)} == {"1", "2", "3"}
    return firm


def sees_clients(person: Any) -> None:
    person.user_permissions.add(Permission.objects.get(codename="view_client"))


def stands(firm: Firm) -> dict[str, tuple[str, str]]:
    """qbo_id -> (do, client) of all drafts."""
    found = drafts.drafts_of(firm.connection, ["1", "2", "3"])
    return {qbo_id: (str(one.do), one.client_pk) for qbo_id, one in found.items()}


def proposed(company: Connection, user: Any) -> Run:
    """What Save all shows."""
    plan = proposal.propose(company, user)
    assert plan is not None
    return plan


def save_all(company: Connection, user: Any) -> BulkDecision:
    """Somebody reads what Save all shows, and saves it."""
    done = proposal.save(proposed(company, user), user)
    assert done is not None
    return done


def left(plan: Run) -> dict[str, str]:
    """Customer -> why they are left as before."""
    steps = plan.steps.filter(state=Step.State.LEFT)
    return {step.data["customer"]: step.data["why"] for step in steps}


def exact(company: Connection) -> dict[str, str]:
    """Customer -> client suggested by exact name."""
    found = drafts.exact_names(company)
    names = dict(Customer.objects.values_list("qbo_id", "display_name"))
    return {names[qbo_id]: pk for qbo_id, pk in found.items()}


def draft(company: Connection, qbo_id: str, chosen: Client) -> None:
    facts = {"do": str(Do.MAP), "client": str(chosen.pk)}
    Decision.objects.create(
        kind=Kind.DRAFT, connection=company, qbo_id=qbo_id, facts=facts, at=clock.now()
    )


def waiting(company: Connection, *names: str) -> list[Customer]:
    return [
        factories.customer(company, name, match_keys=joined_keys(match_key(name), ()))
        for name in names
    ]


def test_a_draft_is_no_decision_until_it_is_saved(synced: Firm, dana: Any) -> None:
    drafts.save(synced.connection, "1", Do.EXCLUDE, dana)
    drafts.save(synced.connection, "2", Do.CREATE, dana)
    synced.chooses(unmatched="create")
    synced.sync()
    assert synced.mapped() == {"1": "Anna Berg", "3": "Carl Cole"}, "the sync sees no draft"
    assert synced.cases() == {("review", "2")}


def test_nobody_is_overwritten_silently(synced: Firm, dana: Any, eli: Any) -> None:
    first = drafts.save(synced.connection, "1", Do.CREATE, dana)
    with pytest.raises(drafts.Changed) as changed:
        drafts.save(synced.connection, "1", Do.EXCLUDE, eli)
    assert changed.value.draft == first
    assert changed.value.draft is not None and changed.value.draft.by == dana
    assert stands(synced) == {"1": ("create", "")}
    second = drafts.save(synced.connection, "1", Do.EXCLUDE, eli, seen=first.version)
    assert stands(synced) == {"1": ("exclude", "")}
    assert second.version != first.version


def test_no_draft_about_one_who_is_settled(synced: Firm, dana: Any) -> None:
    exclusion.exclude_customer(synced.connection, "1", dana)
    with pytest.raises(Refusal):
        drafts.save(synced.connection, "1", Do.CREATE, dana)


@pytest.mark.parametrize("act", [exclusion.exclude_customer, mapping.create_client])
def test_a_decision_elsewhere_ends_the_draft(synced: Firm, dana: Any, act: Any) -> None:
    drafts.save(synced.connection, "1", Do.LEAVE, dana)
    act(synced.connection, "1", dana)
    assert stands(synced) == {}


def test_exact_names_are_those_of_one_customer_and_one_free_client(db: None) -> None:
    company = factories.connection()
    waiting(company, "Anna Berg", "Twins", "Doubled", "Doubled", "Taken", "Parted", "Unknown")
    anna = client("ANNA  BERG")
    for name in ("Twins", "Twins", "Doubled", "Taken", "Parted"):
        client(name)
    held, parted = Client.objects.get(name="Taken"), Client.objects.get(name="Parted")
    Decision.objects.create(
        kind=Kind.EXCLUDE_CLIENT, connection=company, client_pk=str(held.pk), at=clock.now()
    )
    Decision.objects.create(
        kind=Kind.REMOVED_MATCH,
        connection=company,
        qbo_id=Customer.objects.get(display_name="Parted").qbo_id,
        client_pk=str(parted.pk),
        at=clock.now(),
    )
    assert exact(company) == {"Anna Berg": str(anna.pk)}


def test_the_default_leaves_likeness_and_choices(synced: Firm, dana: Any) -> None:
    drafts.save(synced.connection, "3", Do.LEAVE, dana)
    applied = drafts.apply_default(synced.connection, Do.CREATE, dana)
    assert (applied.chosen, applied.exact, applied.alike) == (1, 0, 1)
    assert stands(synced) == {"1": ("create", ""), "3": ("leave", "")}
    applied = drafts.apply_default(synced.connection, Do.EXCLUDE, dana)
    assert (applied.chosen, applied.alike) == (2, 0)
    assert stands(synced) == {"1": ("exclude", ""), "2": ("exclude", ""), "3": ("leave", "")}


def test_the_default_keeps_exact_names(synced: Firm, dana: Any) -> None:
    anna = client("Anna Berg")
    sees_clients(dana)
    applied = drafts.apply_default(synced.connection, Do.EXCLUDE, dana)
    assert (applied.chosen, applied.exact) == (2, 1)
    save_all(synced.connection, dana)
    assert Mapping.objects.get(qbo_id="1").client_pk == str(anna.pk)


def test_saving_all_does_what_was_announced(synced: Firm, dana: Any) -> None:
    tom = Client.objects.get(name="Tom Reed")
    drafts.save(synced.connection, "2", Do.MAP, dana, client_pk=str(tom.pk))
    drafts.save(synced.connection, "1", Do.CREATE, dana)
    drafts.save(synced.connection, "3", Do.EXCLUDE, dana)
    run = proposed(synced.connection, dana)
    numbers = {"link": 1, "create": 1, "exclude": 1, "undecided": 0}
    assert run.counts == {**numbers, "overwritten": {"name": 1}, "sent": {}}
    assert not Mapping.objects.exists(), "it only looked"
    synced.sync()
    assert not Mapping.objects.exists(), "no sync waits for it, or does it"
    done = proposal.save(run, dana)
    assert done is not None and done.run == run and not done.skipped
    assert done.counts == {"map": 1, "create": 1, "exclude": 1}
    assert proposal.save(run, dana) is None, "a second click"
    assert run.steps.count() == 3 and Run.objects.filter(by_person=True).count() == 1
    assert synced.mapped() == {"2": "Tom Reed"}, "recorded at once"
    synced.walk()
    synced.sync()
    assert synced.mapped() == {"1": "Anna Berg", "2": "Thomas Reed"}
    assert stands(synced) == {} and synced.cases() == set()
    assert Decision.objects.get().kind == Kind.EXCLUDE_CUSTOMER
    run.refresh_from_db()
    assert run.state == Run.State.DONE


def test_what_was_settled_meanwhile_is_skipped_and_named(synced: Firm, dana: Any) -> None:
    tom = Client.objects.get(name="Tom Reed")
    drafts.save(synced.connection, "1", Do.MAP, dana, client_pk=str(tom.pk))
    drafts.save(synced.connection, "3", Do.EXCLUDE, dana)
    synced.maps("3", client("Carl"))
    mapping.map_customer(synced.connection, "2", str(tom.pk), dana)
    plan = proposed(synced.connection, dana)
    assert left(plan) == {"Anna Berg": "This client is mapped or excluded already."}
    assert proposal.save(plan, dana) is None, "there is nothing to be done"
    assert stands(synced)["1"] == ("map", str(tom.pk)), "left for a person to choose again"


def test_only_what_was_shown_and_is_ticked_is_done(
    synced: Firm, dana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who changes after it was shown, is chosen anew or is unticked is left, and stays chosen."""
    monkeypatch.setattr(proposal, "SLICE", 1)
    tom, anna, carl = Client.objects.get(name="Tom Reed"), client("Anna"), client("Carl")
    for qbo_id, chosen in (("1", anna), ("2", tom), ("3", carl)):
        drafts.save(synced.connection, qbo_id, Do.MAP, dana, client_pk=str(chosen.pk))
    plan = proposed(synced.connection, dana)
    assert ticks.tick(plan, plan.steps.filter(qbo_id="1"), ticked=False) == 1
    Client.objects.filter(pk=tom.pk).update(phone="555")
    seen = drafts.drafts_of(synced.connection, ["3"])["3"].version
    drafts.save(synced.connection, "3", Do.EXCLUDE, dana, seen=seen)
    done = proposal.save(plan, dana)
    assert done is not None and done.counts == {} and done.total == 2
    steps = plan.steps.order_by("qbo_id").values_list("state", "data__why")
    assert list(steps) == [("left", None), ("left", CHANGED), ("left", CHOSEN_ANEW)]
    assert not Mapping.objects.exists()
    assert stands(synced).keys() == {"1", "2", "3"}
    plan.refresh_from_db()
    assert plan.state == Run.State.DONE, "there is nothing to write"
    again = proposed(synced.connection, dana)
    assert again.counts["link"] == 2 and again.counts["exclude"] == 1
    assert proposal.drop(again) and not proposal.drop(again)


def test_what_somebody_else_unticked_since_is_looked_at_first(synced: Firm, dana: Any) -> None:
    drafts.apply_default(synced.connection, Do.EXCLUDE, dana)
    plan = proposed(synced.connection, dana)
    ticks.tick(plan, plan.steps.filter(qbo_id="2"), dana, ticked=False)
    ticks.tick(plan, plan.steps.filter(qbo_id="1"), None, ticked=False)
    with pytest.raises(Refusal, match="Somebody else has changed the ticks"):
        proposal.save(plan, dana, seen=0)
    plan.refresh_from_db()
    assert plan.state == Run.State.PROPOSED and not BulkDecision.objects.exists()
    assert stands(synced).keys() == {"1", "2", "3"}
    done = proposal.save(plan, dana, seen=1)
    assert done is not None and done.counts == {"exclude": 1}


def test_what_is_put_together_may_die_anywhere(
    synced: Firm, dana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposal, "SLICE", 1)
    drafts.apply_default(synced.connection, Do.EXCLUDE, dana)
    for name in ("proposal.started", "proposal.committed"):
        with killed_at(name.__eq__), pytest.raises(Killed):
            proposal.propose(synced.connection, dana)
        plan = Run.objects.get(state=Run.State.PROPOSED)
        assert proposal.save(plan, dana) is None, "it is not whole"
        proposal.advance(plan.pk)
        proposal.advance(plan.pk)
        plan.refresh_from_db()
        assert plan.counts["exclude"] == plan.steps.count() == 3


def test_one_client_is_not_given_away_twice(synced: Firm, dana: Any) -> None:
    tom = Client.objects.get(name="Tom Reed")
    for qbo_id in ("1", "2"):
        draft(synced.connection, qbo_id, tom)  # at the same moment
    plan = proposed(synced.connection, dana)
    done = proposal.save(plan, dana)
    assert done is not None and done.counts == {"map": 1}
    assert list(left(plan)) == ["Thomas Reed"]


def test_a_client_is_chosen_for_one_customer(synced: Firm, dana: Any, eli: Any) -> None:
    tom = str(Client.objects.get(name="Tom Reed").pk)
    first = drafts.save(synced.connection, "1", Do.MAP, dana, client_pk=tom)
    with pytest.raises(Refusal, match="chosen for “Anna Berg” already"):
        drafts.save(synced.connection, "2", Do.MAP, eli, client_pk=tom)
    drafts.save(synced.connection, "1", Do.MAP, dana, client_pk=tom, seen=first.version)
    exclusion.exclude_customer(synced.connection, "1", dana)
    drafts.save(synced.connection, "2", Do.MAP, eli, client_pk=tom)
    assert stands(synced) == {"2": ("map", tom)}


def test_a_client_is_one_however_its_key_is_spelled(synced: Firm, dana: Any, eli: Any) -> None:
    tom = str(Client.objects.get(name="Tom Reed").pk)
    kept = drafts.save(synced.connection, "1", Do.MAP, dana, client_pk=f"0{tom}")
    assert kept.client_pk == tom
    for spelled in (tom, f"0{tom}"):
        with pytest.raises(Refusal, match="chosen for “Anna Berg” already"):
            drafts.save(synced.connection, "2", Do.MAP, eli, client_pk=spelled)
    assert stands(synced) == {"1": ("map", tom)}


def test_what_is_chosen_for_another_is_not_suggested(synced: Firm, dana: Any) -> None:
    anna = client("Anna Berg")
    drafts.save(synced.connection, "2", Do.MAP, dana, client_pk=str(anna.pk))
    assert exact(synced.connection) == {}
    assert save_all(synced.connection, None).choices == [["2", "map", str(anna.pk)]]


def test_who_may_not_view_clients_saves_no_suggestion(synced: Firm, dana: Any, eli: Any) -> None:
    client("Anna Berg")
    sees_clients(eli)
    assert proposal.propose(synced.connection, dana) is None
    assert proposed(synced.connection, eli).counts["link"] == 1


@pytest.mark.usefixtures("db")
def test_queries_do_not_grow_with_the_rows(dana: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposal, "SLICE", 5000)
    company = factories.connection()
    counted = []
    for number in (50, 1950):
        waiting(company, *(f"Customer {number} {each}" for each in range(number)))
        with CaptureQueriesContext(database) as queries:
            drafts.apply_default(company, Do.CREATE, dana)
            plan = proposed(company, dana)
        plan.delete()
        counted.append(len(queries))
    assert counted[0] == counted[1]
