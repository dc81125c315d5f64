"""Taking one record back (U5): what a mapping overwrote, or the client that it made.

Works on steps and journal, so that it can be asked for at once or months later. Nothing that
somebody has edited since is trampled, and no sync does again what was taken back (rule 15).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.contact import fields_of, values_to_json
from wagtail_qbo_sync.engine import plan as engine
from wagtail_qbo_sync.host.adapter import ClientAdapter, ClientRecord, get_adapter
from wagtail_qbo_sync.models import (
    Change,
    Connection,
    Customer,
    Decision,
    Footprint,
    Mapping,
    Step,
    SyncState,
)
from wagtail_qbo_sync.sync.records import cases
from wagtail_qbo_sync.sync.records.by_hand import asked_creations
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.records.retention import is_pruned
from wagtail_qbo_sync.sync.records.runs import start_run
from wagtail_qbo_sync.sync.records.traces import is_referred_to, rest_digests, says_more

from .decide import record
from .mapping import remove_match, restore_match

Kind = Decision.Kind
Values = dict[str, list[Any]]
"""Field -> [before, after], as the journal has it."""
TAKEN_BACK = gettext_noop("Somebody took this back before it was done.")


class Undone(Enum):
    """What became of the client."""

    UNTOUCHED = auto()
    """Nothing of it had been overwritten."""
    PUT_BACK = auto()
    """A run writes what was there before."""
    PARTLY = auto()
    """A run writes that, but for what somebody has edited since."""
    NOT_MADE = auto()
    """It was to be made, and had not been yet."""
    REMOVED = auto()
    """It had been made, and is gone."""
    EDITED = auto()
    """It had been made, and stays: somebody has edited it since."""
    REFERRED_TO = auto()
    """It had been made, and stays: something on the site refers to it."""
    HIDDEN = auto()
    """It had been made, and stays: the person may not view it."""


def undo_mapping(connection: Connection, qbo_id: str, user: Any) -> Undone:
    """The match goes, and with it what it did to the client. Raises Refusal.

    Overwritten values come back, but for those edited since. A client that was made of the
    customer is removed, unless somebody has edited it or referred to it since, or the person may
    not view it (None: the command line, which may). Matches that a move replaced come back too.
    """
    with transaction.atomic():
        undone, step = part(connection, qbo_id, user)
        if step is not None:
            start_run(connection, [step], user)
    return undone


def part(connection: Connection, qbo_id: str, user: Any) -> tuple[Undone, engine.Step | None]:
    """`undo_mapping` in a transaction of the caller, who also starts the step that writes what
    was there before. Raises Refusal; then the caller rolls back."""
    pk = _mapped_client(connection, qbo_id)
    client = get_adapter().lock([pk]).get(pk) if pk else None  # before ours (rule 10)
    if not pk and _cancel_creation(connection, qbo_id, user):
        return Undone.NOT_MADE, None
    pair = remove_match(connection, qbo_id, user, action="undo")
    if pair.client_pk != pk:
        raise Refusal(_("Somebody mapped this customer or client just now."))
    if "made" in pair.base and "followed" not in pair.base:
        return _undo_creation(pair, client, user), None
    _restore_replaced(pair, user)
    restore_followed(connection, [pair])
    cases.ask_again(connection, pk, qbo_id)
    linked, written = _written(pair)
    if linked is None:
        _refuse_without_journal(pair)
    if linked is None or not written or client is None:
        return Undone.UNTOUCHED, None
    link = engine.Step(engine.Kind.LINK, pair.qbo_id, pair.client_pk, linked.data)
    undone = Undone.PUT_BACK if _stands(pair, written) else Undone.PARTLY
    return undone, engine.undo(link, written)


def _refuse_without_journal(pair: Mapping) -> None:
    """A pair that was linked so long ago that nobody knows any more what that overwrote (U17)."""
    state = SyncState.objects.get(pk=pair.connection_id)
    if "seen" in pair.base and is_pruned(state.first_synced_at):
        raise Refusal(
            _(
                "This mapping is so old that what it overwrote is not kept any more, so it "
                "cannot be undone. You can remove the match: the client keeps its values."
            )
        )


# What was overwritten -------------------------------------------------------------------------


def _written(pair: Mapping) -> tuple[Step | None, Values]:
    """The step that linked the two, and what they have written to the client since then."""
    linked = (
        Step.objects.filter(
            run__connection=pair.connection,
            kind__in=[Step.Kind.LINK, Step.Kind.CREATE, Step.Kind.FOLLOW],
            state=Step.State.DONE,
            qbo_id=pair.qbo_id,
            client_pk=pair.client_pk,
        )
        .order_by("-pk")
        .first()
    )
    if linked is None:
        return None, {}
    changes = Change.objects.filter(
        connection=pair.connection,
        side=Change.Side.SITE,
        qbo_id=pair.qbo_id,
        client_pk=pair.client_pk,
        run__gte=linked.run_id,
    )
    values: Values = {}
    for change in changes.order_by("pk"):
        for name, (before, after) in change.values.items():
            values[name] = [values.get(name, [before])[0], after]
    return linked, {name: [old, new] for name, (old, new) in values.items() if old != new}


def _stands(pair: Mapping, written: Values) -> bool:
    """Whether the client still holds all that the pair has written to it."""
    adapter = get_adapter()
    fields = fields_of(adapter.paths)
    records = adapter.records([pair.client_pk])
    now = next((values_to_json(one.contact.values(fields)) for one in records), {})
    return all(now.get(name) == after for name, (_before, after) in written.items())


def restore_followed(connection: Connection, parted: Iterable[Mapping]) -> None:
    """U7: of mappings that are no more, those that had followed a merge go back to the customers
    that were merged, and sleep."""
    back = {
        pair.base["followed"]["gone"]: pair
        for pair in parted
        if "followed" in pair.base and pair.client_id is not None
    }
    about = Mapping.objects.filter(connection=connection, qbo_id__in=list(back))
    for qbo_id in about.values_list("qbo_id", flat=True):
        del back[qbo_id]
    Mapping.objects.bulk_create(
        Mapping(
            connection=connection,
            qbo_id=qbo_id,
            client_id=pair.client_id,
            client_pk=pair.client_pk,
            base=pair.base["followed"]["base"],
            asleep=Mapping.Asleep.INACTIVE,
        )
        for qbo_id, pair in back.items()
    )


def _restore_replaced(pair: Mapping, user: Any) -> None:
    """A move is taken back: whom its two were mapped to before, as far as they are free."""
    replaced = Decision.objects.filter(
        kind=Kind.REMOVED_MATCH,
        connection=pair.connection,
        facts__replaced_by__qbo_id=pair.qbo_id,
        facts__replaced_by__client_pk=pair.client_pk,
    )
    for removed in replaced.select_related("connection"):
        try:
            restore_match(removed, user)
        except Refusal:
            continue


# What was made --------------------------------------------------------------------------------


def _cancel_creation(connection: Connection, qbo_id: str, user: Any) -> bool:
    """Take back what a person asked for and the worker has not done yet."""
    about = {"connection": connection, "qbo_id": qbo_id}
    Customer.objects.select_for_update().filter(**about).first()  # as a run that applies it
    planned = asked_creations(connection, [qbo_id])
    if not planned or Mapping.objects.filter(**about).exists():
        return False
    for step in planned:
        step.state = Step.State.HELD
        step.data["why"] = TAKEN_BACK
        step.save(update_fields=["state", "data"])
    _hold(connection, user, qbo_id=qbo_id)
    record(connection, "undo", user, qbo_id=qbo_id)
    return True


def _undo_creation(pair: Mapping, client: Any, user: Any) -> Undone:
    """The client goes, if it is nobody's yet and the person may view it; the match is gone
    already."""
    adapter = get_adapter()
    facts = {}
    if client is not None:
        if user is not None and not adapter.visible_keys(user, [pair.client_pk]):
            return Undone.HIDDEN
        made = adapter.read_back(client.pk)
        if _is_edited(pair, made, adapter):
            return Undone.EDITED
        if is_referred_to(client, adapter):
            return Undone.REFERRED_TO
        facts["client"] = made.label
        _delete(pair, client, made, user)
    about = {"qbo_id": pair.qbo_id, "client_pk": pair.client_pk}
    Decision.objects.filter(kind=Kind.REMOVED_MATCH, connection=pair.connection, **about).delete()
    _hold(pair.connection, user, **about, facts=facts)
    return Undone.REMOVED


def _is_edited(pair: Mapping, made: ClientRecord, adapter: ClientAdapter) -> bool:
    """Whether the client says anything that the pair did not write."""
    if rest_digests(adapter, [made]).get(made.pk) != pair.base["made"]:
        return True
    written = {name: after for name, (_before, after) in _written(pair)[1].items()}
    return says_more(made.contact, written, adapter)


def _delete(pair: Mapping, client: Any, made: ClientRecord, user: Any) -> None:
    values = values_to_json(made.contact.values(fields_of(get_adapter().paths)))
    Change.objects.create(
        connection=pair.connection,
        side=Change.Side.SITE,
        qbo_id=pair.qbo_id,
        client_pk=pair.client_pk,
        values={name: [value, None] for name, value in values.items() if value},
        actor=user,
        at=clock.now(),
    )
    client.delete()
    Footprint.objects.filter(client_pk=pair.client_pk).delete()


def _hold(connection: Connection, user: Any, *, facts: Any = None, **about: Any) -> None:
    """No machine makes a client of this customer again (rule 15). `about`: the keys."""
    Decision.objects.update_or_create(
        kind=Kind.CLIENT_DELETED,
        connection=connection,
        **about,
        defaults={"by": user, "at": clock.now(), "facts": facts or {}},
    )


def _mapped_client(connection: Connection, qbo_id: str) -> str:
    """The key of the client that the customer is mapped to, "" for none."""
    mapped = Mapping.objects.filter(connection=connection, qbo_id=qbo_id)
    return mapped.values_list("client_pk", flat=True).first() or ""
