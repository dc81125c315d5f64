"""Applying a step that takes something back (U5): what still stands as we wrote it, and no more.

What somebody has edited since is left, and the step names it. A client that was made of a
customer goes if it is nobody's yet; a customer that was made of a client is made inactive by
`activity`, if nobody has edited it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop as _

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.contact import Contact, same, value_from_json
from wagtail_qbo_sync.host.adapter import ClientAdapter, ClientRecord, get_adapter
from wagtail_qbo_sync.models import Change, Connection, Customer, Decision, Footprint, Run, Step
from wagtail_qbo_sync.models import Mapping as Mapped
from wagtail_qbo_sync.sync.bulk import taking_back
from wagtail_qbo_sync.sync.records import archive
from wagtail_qbo_sync.sync.records.runs import ACTIVE, ON_SITE
from wagtail_qbo_sync.sync.records.traces import referred_to, rest_digests, says_more

EDITED_SINCE = _("Somebody has edited this since, so it is left as it is.")
WRITTEN_SINCE = _("A later run has written this since, so it is left as it is.")
STAYS_EDITED = _("The client stays: somebody has edited it since it was made.")
STAYS_HIDDEN = _("The client stays: whoever wanted this may not view it.")
STAYS_REFERRED_TO = _("The client stays: something else on the site refers to it.")


@dataclass(frozen=True, slots=True)
class Removed:
    """A client that was made of a customer, and is gone; as it was."""

    step: Step
    record: ClientRecord


Later = dict[tuple[str, str, str], dict[str, tuple[Any, int]]]
"""(side, customer, client) -> field -> what runs after the one that is taken back wrote there
last, and the number of that run."""


def written_later(connection: Connection, steps: Sequence[Step]) -> Later:
    """What later runs wrote where these steps of one undo put something back. One query."""
    undoes = steps[0].run.undoes_id if steps else None
    if undoes is None:
        return {}
    journal = Change.objects.filter(connection=connection, run__gt=undoes)
    journal = journal.filter(qbo_id__in=[step.qbo_id for step in steps])
    found: Later = {}
    for change in journal.order_by("pk"):
        there = found.setdefault((change.side, change.qbo_id, change.client_pk), {})
        there |= {name: (new, change.run_id) for name, (_old, new) in change.values.items()}
    return found


def look(
    step: Step,
    record: ClientRecord | None,
    customer: Customer | None,
    mapping: Mapped | None,
    later: Later,
) -> bool:
    """Leave out of the step what was edited since, and name it as `left`; where a later run of
    ours did that, its number stands in `since`. Whether anything remains."""
    if ACTIVE in step.data:
        return step.data[ACTIVE] or not _is_edited(step, customer)
    stands: dict[str, dict[str, Any]] = {}
    since: dict[str, int] = {}
    planned: set[str] = set()
    for side, key, about in (
        (Change.Side.SITE, "values", record),
        (Change.Side.QBO, "to_qbo", customer),
    ):
        values, held = step.data.get(key, {}), about.contact if about else None
        stands[key] = _untouched(values, held)
        moved = values.keys() - stands[key].keys()
        since |= _by_us(moved, held, later.get((side, step.qbo_id, step.client_pk), {}))
        planned |= values.keys()
    left = planned - stands["values"].keys() - stands["to_qbo"].keys()
    step.data = {**step.data, **stands}
    if left:
        step.data["left"] = sorted(left.union(step.data.get("left", ())))
        since = step.data.get("since", {}) | since
        step.data["since"] = {name: since[name] for name in step.data["left"] if name in since}
    return any(stands.values()) or bool(
        step.data.get("match") or step.data.get(ON_SITE) or _moves(step, mapping)
    )


def _moves(step: Step, mapping: Mapped | None) -> bool:
    """U8: whether a client that we archived is to come back and has not; or is to be archived
    again, and its customer is still inactive."""
    if mapping is None:
        return False
    if step.data.get("archives_again"):
        is_asleep = mapping.asleep == Mapped.Asleep.INACTIVE
        return is_asleep and not mapping.base.get(archive.ARCHIVED)
    return bool(step.data.get("unarchives") and mapping.base.get(archive.ARCHIVED))


def done_on_site(data: Mapping[str, Any]) -> dict[str, Any]:
    """Data of a step whose part on the site is done, while QuickBooks did not take the other: what
    is done is not done once more, and is known to an undo of this undo."""
    done = data.get(ON_SITE, {}) | {
        name: data[name] for name in ("values", "match") if data.get(name)
    }
    rest = {name: value for name, value in data.items() if name != "match"} | {"values": {}}
    if done.get("match") == "go_back":
        rest["parted"] = True  # the client sleeps with the customer that was merged
    return rest | ({ON_SITE: done} if done else {})


def edited(step: Step) -> list[str]:
    """The fields that a step leaves because somebody, and no run of ours, has edited them."""
    return sorted(set(step.data.get("left", ())).difference(step.data.get("since", ())))


def why_left(step: Step) -> str:
    """Why nothing of the step remains."""
    return WRITTEN_SINCE if step.data.get("left") and not edited(step) else EDITED_SINCE


def _by_us(
    names: Iterable[str], held: Contact | None, later: Mapping[str, tuple[Any, int]]
) -> dict[str, int]:
    """Field -> the run that wrote what stands there now, of these fields."""
    return {
        name: later[name][1]
        for name in names
        if held is not None
        and name in later
        and same(name, getattr(held, name), value_from_json(name, later[name][0]))
    }


def _is_edited(step: Step, customer: Customer | None) -> bool:
    """Whether a customer that we created says anything that we did not send."""
    return customer is None or says_more(customer.contact, step.data["wrote"], get_adapter())


def _untouched(values: Mapping[str, Any], held: Contact | None) -> dict[str, Any]:
    if held is None:
        return {}
    return {
        name: [now, then]
        for name, (now, then) in values.items()
        if same(name, getattr(held, name), value_from_json(name, now))
    }


# Clients that were made -------------------------------------------------------------------------


def remove_made(
    steps: Sequence[Step],
    records: Mapping[str, ClientRecord],
    clients: Mapping[str, Any],
    mappings: Mapping[str, Mapped],
    adapter: ClientAdapter,
) -> list[Removed]:
    """Delete the clients that these steps of one run are to take back, but for those that have
    become somebody's own, or that whoever approved it may not view: a command may, and whoever
    has left may not. As many queries for any number, where the adapter writes in bulk."""
    user = steps[0].run.approved_by
    held = {step.client_pk: records[step.client_pk] for step in steps}
    digests = rest_digests(adapter, held.values())
    objects = [clients[pk] for pk in held]
    own = [mappings[step.qbo_id] for step in steps if step.qbo_id in mappings]
    seen = set(held) if user is None else adapter.visible_keys(user, held)
    if user is None and not steps[0].run.undo.get("by_command"):
        seen = set()
    referred = referred_to(objects, adapter, besides=own)
    gone = []
    for step in steps:
        mapping = mappings.get(step.qbo_id)
        made = mapping.base.get("made") if mapping else None
        record = held[step.client_pk]
        if record.pk not in seen:
            step.data["why"] = STAYS_HIDDEN
        elif made != digests.get(record.pk) or says_more(
            record.contact, step.data["made"], adapter
        ):
            step.data["why"] = STAYS_EDITED
        elif record.pk in referred:
            step.data["why"] = STAYS_REFERRED_TO
        else:
            step.data["removed"] = True
            gone.append(Removed(step, record))
    _delete([clients[one.record.pk] for one in gone], adapter)
    return gone


def _delete(clients: Sequence[Any], adapter: ClientAdapter) -> None:
    if adapter.bulk and clients:
        pks = [client.pk for client in clients]
        adapter.model._base_manager.using(clients[0]._state.db).filter(pk__in=pks).delete()
        return
    for client in clients:
        client.delete()


# What they leave behind ---------------------------------------------------------------------------


def store(
    connection: Connection,
    run: Run,
    ended: Iterable[Step],
    removed: Sequence[Removed],
    mappings: Mapping[str, Mapped],
) -> None:
    """The mappings that go or come back, and the traces of clients that are gone (rule 15)."""
    done = [one for one in ended if one.state == Step.State.DONE]
    undone = [one for one in done if one.kind == Step.Kind.UNDO]
    for act, do in ACTS.items():
        qbo_ids = [one.qbo_id for one in undone if one.data.get("match") == act]
        if act in ("remove", "go_back"):
            qbo_ids = [qbo_id for qbo_id in qbo_ids if qbo_id in mappings]
        if qbo_ids:
            do(connection, qbo_ids, run.approved_by)
    again = [one.qbo_id for one in done if one.data.get("again")]
    held = Decision.objects.filter(connection=connection, kind=Decision.Kind.CLIENT_DELETED)
    if again:
        held.filter(qbo_id__in=again).delete()
    if removed:
        _tell_of(removed, connection, run)


ACTS = {
    "remove": taking_back.remove_match,
    "restore": taking_back.put_match_back,
    "go_back": taking_back.go_back,
    "follow": taking_back.put_match_back,
}
"""What an undo does to mappings; it is said of a step as `match`."""


def _tell_of(removed: Sequence[Removed], connection: Connection, run: Run) -> None:
    """The journal keeps what they held; no machine makes one of these customers again."""
    pks = [one.record.pk for one in removed]
    Change.objects.bulk_create(
        Change(
            connection=connection,
            run=run,
            side=Change.Side.SITE,
            qbo_id=one.step.qbo_id,
            client_pk=one.record.pk,
            values={
                name: [value, None]
                for name, value in one.record.contact.to_json().items()
                if name in one.step.data["made"]
            },
            actor_id=run.approved_by_id,
            at=clock.now(),
        )
        for one in removed
    )
    Decision.objects.filter(
        connection=connection, kind=Decision.Kind.REMOVED_MATCH, client_pk__in=pks
    ).delete()
    Decision.objects.bulk_create(
        (
            Decision(
                kind=Decision.Kind.CLIENT_DELETED,
                connection=connection,
                qbo_id=one.step.qbo_id,
                client_pk=one.record.pk,
                by_id=run.approved_by_id,
                at=clock.now(),
                facts={"client": one.record.label},
            )
            for one in removed
        ),
        ignore_conflicts=True,
    )
    Footprint.objects.filter(client_pk__in=pks).delete()
