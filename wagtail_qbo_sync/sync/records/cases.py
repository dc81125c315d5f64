"""Opening and closing cases: one open case of a kind for a customer, or a client without one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from django.db.models import QuerySet

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.compat import chunks, one_of, wide_statements
from wagtail_qbo_sync.engine.plan import Ask
from wagtail_qbo_sync.models import Case, Connection

OF_CLIENTS = (Case.Kind.ALIKE, Case.Kind.UNSENDABLE, Case.Kind.NOT_TAKEN)
"""What keeps a client from becoming a customer; asked about the client, without a qbo_id."""
NAMELESS = "?"
"""Stands for the qbo_id of customers that came without one; they share a case."""
CHUNK = 500
ENDING = ["facts", "open_key", "closed_at", "closed_by", "outcome"]
"""What `end` and `reopen` change of a case, and what is kept with it."""
SETTLED, DECIDED = "settled", "decided"
"""How a case ends by itself, and by a person."""
Echoes: TypeAlias = dict[str, tuple[str, str]]
"""qbo_id -> the customer's digest before our change arrived there, and after."""


class AlreadyAnswered(Exception):
    """Nobody is asked this any more."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A question for a person: of which kind, about whom, with what they need to know."""

    kind: str
    qbo_id: str
    client_pk: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def close(rows: QuerySet[Case], outcome: str = SETTLED, user: Any = None) -> None:
    """End these, which are open."""
    rows.update(**_ending(outcome, user))


def end(case: Case, outcome: str, user: Any) -> None:
    """The same of one, which the caller stores with its facts (ENDING)."""
    for name, value in _ending(outcome, user).items():
        setattr(case, name, value)


def _ending(outcome: str, user: Any) -> dict[str, Any]:
    return {"open_key": None, "closed_at": clock.now(), "closed_by": user, "outcome": outcome}


def reopen(case: Case) -> bool:
    """Ask again what was closed, with the facts that it has now. False where it is asked by now."""
    key = Case.key(case.kind, case.connection_id, case.qbo_id, case.client_pk)
    if Case.objects.filter(open_key=key).exists():
        return False
    case.open_key, case.closed_at, case.closed_by, case.outcome = key, None, None, ""
    case.save(update_fields=ENDING)
    return True


def open_all(connection: Connection, openings: Sequence[Opening]) -> None:
    """Open these cases; one that is open already gets the new facts."""
    wanted = {
        Case.key(item.kind, connection.pk, item.qbo_id, item.client_pk): item for item in openings
    }
    standing = {case.open_key: case for case in Case.objects.filter(open_key__in=list(wanted))}
    new, changed = [], []
    for key, item in wanted.items():
        case = standing.get(key)
        if case is None:
            new.append(
                Case(
                    kind=item.kind,
                    connection=connection,
                    qbo_id=item.qbo_id,
                    client_pk=item.client_pk,
                    facts=item.facts,
                    open_key=key,
                    opened_at=clock.now(),
                )
            )
        elif case.facts != item.facts or case.client_pk != item.client_pk:
            if case.facts.get("message") != item.facts.get("message"):
                case.set_aside_at = None  # it says something else than what a person ignores
            case.facts, case.client_pk = item.facts, item.client_pk
            changed.append(case)
    with wide_statements(Case.objects.db):
        Case.objects.bulk_create(new)
    if changed:
        Case.objects.bulk_update(changed, ["facts", "client_pk", "set_aside_at"])


def close_all(connection: Connection, kind: str, qbo_ids: Iterable[str]) -> None:
    """Close what is open of this kind for these customers: it has answered itself."""
    keys = [Case.key(kind, connection.pk, qbo_id) for qbo_id in qbo_ids]
    if keys:
        close(Case.objects.filter(open_key__in=keys))


def close_about(connection: Connection, kind: str, fields: Mapping[str, Iterable[str]]) -> None:
    """Close what is open of this kind about one of these fields, by customer."""
    asked_now = asked(connection, fields)
    close_all(
        connection,
        kind,
        [
            qbo_id
            for qbo_id, questions in asked_now.items()
            if set(fields[qbo_id]).intersection(questions.get(Ask(kind), {}).get("fields", ()))
        ],
    )


def close_taken_back(connection: Connection, fields: Mapping[str, set[str]]) -> None:
    """Close what is open about undos that left these fields, by customer: now they are put back
    (U5)."""
    keys = [Case.key(Case.Kind.UNDO, connection.pk, qbo_id) for qbo_id in fields]
    rows = Case.objects.filter(open_key__in=keys) if keys else ()
    taken = [row.qbo_id for row in rows if fields[row.qbo_id].issuperset(row.facts["left"])]
    close_all(connection, Case.Kind.UNDO, taken)


def still_refused(connection: Connection, echoes: Echoes) -> None:
    """What we sent is no move of these customers: a value that the site refused is not tried
    again for it (rule 11)."""
    keys = [Case.key(Case.Kind.REFUSED, connection.pk, qbo_id) for qbo_id in echoes]
    still = []
    for case in Case.objects.filter(open_key__in=keys):
        before, now = echoes[case.qbo_id]
        if case.facts.get("seen", {}).get("customer") == before:
            case.facts["seen"]["customer"] = now
            still.append(case)
    Case.objects.bulk_update(still, ["facts"])


def close_of_clients(
    connection: Connection, client_pks: Iterable[str], user: Any = None, kinds: Iterable[str] = ()
) -> None:
    """Close what is open about these clients, which have no customer; a `user` has decided it."""
    keys = [
        Case.key(kind, connection.pk, "", client_pk)
        for client_pk in client_pks
        for kind in kinds or OF_CLIENTS
    ]
    for some in chunks(keys, CHUNK):
        close(Case.objects.filter(open_key__in=some), DECIDED if user else SETTLED, user)


def close_by_mapping(connection: Connection, customer_of: Mapping[str, str], user: Any) -> None:
    """What was open about these clients, which had no customer: a person says that they are
    those of `customer_of` (client's key -> customer's Id)."""
    keys = [Case.key(kind, connection.pk, "", key) for key in customer_of for kind in OF_CLIENTS]
    closed = list(Case.objects.filter(open_key__in=one_of(keys, Case.objects.db)))
    for case in closed:
        case.facts["mapped_to"] = customer_of[case.client_pk]
        end(case, DECIDED, user)
    Case.objects.bulk_update(closed, ENDING, batch_size=CHUNK)


def ask_again(connection: Connection, client_pk: str, qbo_id: str) -> None:
    """Undo `close_by_mapping`, but for what is asked about the client by now."""
    closed = Case.objects.filter(connection=connection, kind__in=OF_CLIENTS, open_key=None)
    mine = closed.filter(client_pk=client_pk, facts__mapped_to=qbo_id)
    for case in mine.order_by("-pk"):
        del case.facts["mapped_to"]
        reopen(case)


def answer(connection: Connection, qbo_ids: Sequence[str], user: Any) -> None:
    """A person has decided: what was open about these customers is no question any more."""
    kinds = [*Ask, Case.Kind.CLIENT_DELETED]
    keys = [Case.key(kind, connection.pk, qbo_id) for kind in kinds for qbo_id in qbo_ids]
    close(Case.objects.filter(open_key__in=keys), DECIDED, user)


def asked_about(connection: Connection) -> set[str]:
    """The customers about whom a question is open that a plan may answer."""
    return set(_open(connection).values_list("qbo_id", flat=True))


def asked(connection: Connection, qbo_ids: Iterable[str]) -> dict[str, dict[Ask, dict[str, Any]]]:
    """qbo_id -> question -> facts, of what is open about these customers."""
    found: dict[str, dict[Ask, dict[str, Any]]] = {}
    rows = _open(connection).filter(qbo_id__in=list(qbo_ids))
    for qbo_id, kind, facts in rows.values_list("qbo_id", "kind", "facts"):
        found.setdefault(qbo_id, {})[Ask(kind)] = facts
    return found


def _open(connection: Connection) -> QuerySet[Case]:
    about = Case.objects.filter(connection=connection, kind__in=list(Ask), open_key__isnull=False)
    return about.exclude(qbo_id="")
