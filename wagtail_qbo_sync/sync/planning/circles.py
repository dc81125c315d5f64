"""Values that we write again and again, because something changes them back each time (rule 11).

Such as two programs that each have their own way to write a phone number, one on the site and
one in QuickBooks. The journal tells; a person is asked instead of writing once more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import Count
from django.utils.dateparse import parse_datetime

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.contact import value_from_json
from wagtail_qbo_sync.engine.plan import Rewritten
from wagtail_qbo_sync.models import Change, Connection, Mapping

TIMES = 3
WINDOW = timedelta(days=7)
"""So often, and within this time, the same was written over the same."""


def of(connection: Connection, mappings: Iterable[Mapping]) -> dict[str, Rewritten]:
    """qbo_id -> side -> field -> what was written last TIMES times over what; what a person has
    settled since begins anew. One query, unless much was written."""
    pairs = {mapping.qbo_id: mapping for mapping in mappings}
    rows = Change.objects.filter(
        connection=connection, qbo_id__in=list(pairs), at__gt=clock.now() - WINDOW
    )
    often = rows.order_by().values("qbo_id", "side").annotate(times=Count("pk"))
    qbo_ids = {row["qbo_id"] for row in often.filter(times__gte=TIMES)}
    written: defaultdict[tuple[str, str, str], list[list[Any]]] = defaultdict(list)
    for change in rows.filter(qbo_id__in=qbo_ids).order_by("pk") if qbo_ids else ():
        if _counts(change, pairs[change.qbo_id]):
            for name, values in change.values.items():
                written[change.qbo_id, change.side, name].append(values)
    found: defaultdict[str, Rewritten] = defaultdict(dict)
    for (qbo_id, side, name), values in written.items():
        last = values[-TIMES:]
        if len(last) == TIMES and None not in last[0] and all(one == last[0] for one in last):
            before, after = (value_from_json(name, value) for value in last[0])
            found[qbo_id].setdefault(side, {})[name] = (before, after)
    return found


def _counts(change: Change, mapping: Mapping) -> bool:
    settled = parse_datetime(mapping.base.get("settled", ""))
    is_since = settled is None or change.at > settled
    return is_since and change.client_pk == mapping.client_pk
