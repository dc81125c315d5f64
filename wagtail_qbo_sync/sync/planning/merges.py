"""Customers that were merged in QuickBooks, as webhooks told of them (U7).

The one that went is read as inactive, or not found any more; who stays, no reading tells. A
mapping of the one that went follows to the one that stays, unless something stands in its way:
then a person decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wagtail_qbo_sync.models import Connection, Customer, WebhookEvent
from wagtail_qbo_sync.models import Mapping as Mapped
from wagtail_qbo_sync.sync.records.known import Known, Pair
from wagtail_qbo_sync.sync.records.parties import TAKE_PART

WENT = (Customer.Standing.INACTIVE, Customer.Standing.GONE)
"""How a reading shows the one that went."""


@dataclass(frozen=True, slots=True)
class Merged:
    """Who stays, and why the mapping does not follow; "" where it does."""

    stays: str
    why: str


def merged(connection: Connection, known: Known) -> dict[str, Merged]:
    """Mapped customer that went -> where its mapping belongs. Of several that went into one,
    the first by Id is followed."""
    pairs = _told(connection)
    ends = {
        gone: _end(gone, pairs)
        for gone in pairs
        if (pair := known.pairs.get(gone)) and pair.client_pk and not _rests(pair, known)
    }
    if not ends:
        return {}
    standing = _standings(connection, {*ends, *ends.values()})
    found: dict[str, Merged] = {}
    taken = set(known.pairs)
    for gone in sorted(ends, key=by_id):
        stays = ends[gone]
        if standing.get(gone) not in WENT or stays not in standing:
            continue  # a hint that no reading has confirmed yet (rule 5)
        why = _hindrance(stays, known.pairs[gone].client_pk, standing[stays], taken, known)
        found[gone] = Merged(stays, why)
        taken.add(stays)
    return found


def _hindrance(stays: str, client_pk: str, standing: str, taken: set[str], known: Known) -> str:
    if standing not in TAKE_PART:
        return "inactive"
    if stays in taken:
        return "mapped"
    if stays in known.excluded_customers:
        return "excluded"
    return "removed" if (stays, client_pk) in known.removed else ""


def _rests(pair: Pair, known: Known) -> bool:
    """Disconnected by a person, or something of it is on its way."""
    return pair.asleep == Mapped.Asleep.DISCONNECTED or pair.client_pk in known.under_way


def _told(connection: Connection) -> dict[str, str]:
    """Who went -> who stayed, by what was heard last."""
    heard = WebhookEvent.objects.filter(merges__isnull=False).order_by("received_at", "pk")
    return {
        gone: stays
        for merges in heard.values_list("merges", flat=True)
        for realm, stays, gone in merges or ()
        if realm == connection.realm_id
    }


def _end(gone: str, pairs: Mapping[str, str]) -> str:
    """Who is left at last, where one that stayed was merged itself later on."""
    seen = {gone}
    stays = pairs[gone]
    while stays in pairs and stays not in seen:
        seen.add(stays)
        stays = pairs[stays]
    return stays


def _standings(connection: Connection, qbo_ids: set[str]) -> dict[str, str]:
    rows = Customer.objects.filter(connection=connection, qbo_id__in=qbo_ids)
    return dict(rows.values_list("qbo_id", "standing"))


def by_id(qbo_id: str) -> tuple[int, str]:
    """The order of QuickBooks' Ids, which are numbers."""
    return (len(qbo_id), qbo_id)
