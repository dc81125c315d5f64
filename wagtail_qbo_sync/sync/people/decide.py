"""What people say. Recorded at once, without a lease; the cycle does the work (rule 10)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import F, Q, QuerySet
from wagtail.admin.admin_url_finder import finder_classes
from wagtail.log_actions import log
from wagtail.models import ModelLogEntry

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.compat import lock, wide_statements
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection, Decision, Run, SingleSync, SyncState
from wagtail_qbo_sync.sync.access.installation import is_parked
from wagtail_qbo_sync.sync.records import cases, gate
from wagtail_qbo_sync.sync.records.runs import BEING_MADE

from . import ticks


def ask_for_sync(connection: Connection, user: Any = None) -> int:
    """Sync now: raise the counter and ring. A second click joins. Returns the new `wanted`.

    Whoever asks, on a screen (`user`) or a command line, does not wait for the next try after
    a failure, unless QuickBooks itself told us to keep quiet. A machine, or somebody who only
    looks (visits.py), does not lift what a failure has put off.
    """
    changes: dict[str, Any] = {"wanted": F("wanted") + 1}
    if user is not None:
        changes["wanted_by"] = user
    with transaction.atomic():
        return int(_ring_now(connection, **changes).wanted) + 1


@transaction.atomic
def ask_for_plan(connection: Connection, user: Any = None) -> int:
    """Show what a sync would do (U3): the next cycle's plan waits, whatever is in it. Returns
    the new `wanted`."""
    wanted = ask_for_sync(connection, user)
    SyncState.objects.filter(pk=connection.pk).update(shows=wanted)
    return wanted


@transaction.atomic
def ask_for_one(connection: Connection, qbo_id: str, user: Any) -> None:
    """Sync this one: the cycle reads it as soon as it rests. A second click joins the first."""
    _ring_now(connection)
    SingleSync.objects.update_or_create(
        connection=connection,
        qbo_id=qbo_id,
        defaults={
            "asked_by": user,
            "asked_at": clock.now(),
            "ended_at": None,
            "run": None,
            "trouble": {},
        },
    )


def _ring_now(connection: Connection, **changes: Any) -> SyncState:
    """Somebody waits: ring, storing `changes` to the state. The state as it was, locked."""
    state = SyncState.objects.select_for_update().get(pk=connection.pk)
    if not state.trouble.get("throttled"):
        changes["blocked_until"] = None
    SyncState.objects.filter(pk=connection.pk).update(**changes)
    enqueue("walk", connection.pk)
    return state


@transaction.atomic
def approve(run: Run, user: Any, seen: int | None = None) -> bool:
    """Apply exactly this plan; of what is `seen` see `ticks.refuse_unseen`.

    False if it does not wait any more, or if its company is disconnected or parked. Raises Refusal
    if somebody else has changed its ticks since they were seen.
    """
    connection = run.connection
    if not connection.is_connected or is_parked(connection):
        return False
    plan = lock(Run.objects.filter(pk=run.pk, state=Run.State.WAITING)).first()
    if plan is None:
        return False
    ticks.refuse_unseen(plan, user, seen)
    plan.state, plan.approved_by, plan.approved_at = Run.State.APPLYING, user, clock.now()
    if plan.undo:
        plan.undo |= {"by_command": user is None}
    plan.save(update_fields=["state", "approved_by", "approved_at", "undo"])
    gate.approved(run)
    record(connection, "approve", user, run=run.pk)
    enqueue("walk", run.connection_id)
    return True


@transaction.atomic
def discard(run: Run, user: Any) -> bool:
    """Apply nothing of this plan. False if it does not wait any more.

    One that a person asked for can be dropped while it is still being made.
    """
    stands = BEING_MADE | Q(state=Run.State.WAITING)
    discarded = Run.objects.filter(stands, pk=run.pk).update(
        state=Run.State.DISCARDED, finished_at=clock.now()
    )
    if discarded:
        if not run.by_person:
            # The next plan names again whom this one named.
            SyncState.objects.filter(pk=run.connection_id).update(planned_through=0, run=None)
        gate.discarded(run)
        record(run.connection, "discard", user, run=run.pk)
    return bool(discarded)


def excluded_by_policy(connection: Connection) -> int:
    """How many customers U1 has excluded."""
    return _by_policy(connection).count()


@transaction.atomic
def release_excluded_by_policy(connection: Connection, user: Any) -> int:
    """U1 was changed: customers that only the policy excluded take part again."""
    released, _ = _by_policy(connection).delete()
    if released:
        record(connection, "release", user, customers=released)
    return released


def _by_policy(connection: Connection) -> QuerySet[Decision]:
    return Decision.objects.filter(
        connection=connection, kind=Decision.Kind.EXCLUDE_CUSTOMER, by_policy=True
    )


def answer(connection: Connection, qbo_ids: Sequence[str], user: Any) -> None:
    """A person has decided: what was open about the customers is no question any more."""
    kind = Decision.Kind.DRAFT
    Decision.objects.filter(kind=kind, connection=connection, qbo_id__in=list(qbo_ids)).delete()
    cases.answer(connection, qbo_ids, user)


def record(connection: Connection, action: str, user: Any, **data: Any) -> None:
    """A person's decision in Wagtail's log: in the company's history, and in that of the client
    that `client_pk` names. Each entry has its own uuid, so that none hides another."""
    name = f"wagtail_qbo_sync.{action}"
    log(connection, name, user=user, uuid=uuid.uuid4(), data=data)
    for client, told in _about_clients(connection, [data]):
        log(client, name, user=user, uuid=uuid.uuid4(), data=told)


def last_said(connection: Connection) -> int:
    """The newest entry in the company's log, 0 for none."""
    newest = _said(connection).order_by("-pk").values_list("pk", flat=True).first()
    return newest or 0


def was_said_since(entry: int, connection: Connection, about: Mapping[str, str]) -> bool:
    """Whether somebody has decided after that entry about the customer (`qbo_id`) or the client
    (`client_pk`): who is who, or who takes part; not which value stands."""
    named = Q()
    for key, value in about.items():
        named |= Q(**{f"data__{key}": value})
    of_values = [f"wagtail_qbo_sync.{action}" for action in ("settle", "reopen")]
    newer = _said(connection).filter(named, pk__gt=entry)
    return newer.exclude(action__in=of_values).exists()


def _said(connection: Connection) -> QuerySet[ModelLogEntry]:
    entries: QuerySet[ModelLogEntry] = ModelLogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Connection), object_id=str(connection.pk)
    )
    return entries


def record_many(
    connection: Connection, action: str, user: Any, data: Iterable[dict[str, Any]]
) -> None:
    """`record` for many decisions of a kind: an entry for each `data`, in constant statements."""
    decisions = list(data)
    about: list[tuple[Any, dict[str, Any]]] = [(connection, each) for each in decisions]
    about += _about_clients(connection, decisions)
    _log_many(action, user, about)


def record_of_clients(
    action: str, user: Any, decisions: Iterable[tuple[Any, dict[str, Any]]]
) -> None:
    """What somebody said of clients, and of no company, in the clients' own histories."""
    if _have_history():
        _log_many(action, user, decisions)


def _log_many(action: str, user: Any, about: Iterable[tuple[Any, dict[str, Any]]]) -> None:
    with wide_statements(ModelLogEntry.objects.db):
        ModelLogEntry.objects.bulk_create(
            ModelLogEntry(
                content_type=ContentType.objects.get_for_model(one, for_concrete_model=False),
                object_id=str(one.pk),
                label=str(one),
                action=f"wagtail_qbo_sync.{action}",
                timestamp=clock.now(),
                uuid=uuid.uuid4(),
                user=user,
                data=each,
            )
            for one, each in about
        )


def _have_history() -> bool:
    """Whether clients have a history of their own in Wagtail."""
    return finder_classes.get_by_type(get_adapter().model) is not None


def _about_clients(
    connection: Connection, decisions: Sequence[dict[str, Any]]
) -> list[tuple[Any, dict[str, Any]]]:
    """(client, what is told of it), where clients have a history of their own in Wagtail."""
    if not _have_history():
        return []
    adapter = get_adapter()
    pks = [pk for each in decisions if (pk := each.get("client_pk"))]
    clients = {str(one.pk): one for rows in adapter.by_keys(pks) for one in rows}
    return [
        (client, {**each, "in_company": connection.company_name})
        for each in decisions
        if (client := clients.get(each.get("client_pk", "")))
    ]
