"""What is left of a world at its end, whatever the keys and the hours."""

from __future__ import annotations

from typing import Any

from crm.models import Client

from wagtail_qbo_sync.models import Case, Change, Decision, Mapping

from .fields import Json, in_qbo, on_site, unmapped
from .world import World

_OF_THE_HOUR = ("V4IDPseudonym",)


def end_state(world: World) -> dict[str, list[str]]:
    """Both sides, the pairs, what people said and are asked, and the journal."""
    names = {str(one.pk): one.name for one in Client.objects.all()}

    def rows(model: Any, *columns: str) -> list[str]:
        found = model.objects.values_list("client_pk", "connection__realm_id", *columns)
        return sorted(repr((names.get(pk, "gone"), *rest)) for pk, *rest in found)

    def cases() -> list[str]:
        open_ones = Case.objects.filter(open_key__isnull=False)
        open_keys = set(open_ones.values_list("pk", flat=True))
        found = Case.objects.values_list(
            "pk", "client_pk", "connection__realm_id", "kind", "qbo_id"
        )
        return sorted(
            repr((names.get(who, ""), pk in open_keys, *rest)) for pk, who, *rest in found
        )

    return {
        "clients": sorted(
            repr((on_site(one), one.contact_type.name))
            for one in Client.objects.select_related("contact_type")
        ),
        "customers": sorted(
            repr((company.realm, _shown(record)))
            for company in world.companies
            for record in company.records()
        ),
        "pairs": rows(Mapping, "qbo_id", "asleep"),
        "decisions": rows(Decision, "kind", "qbo_id", "by_policy"),
        "cases": cases(),
        "changes": rows(Change, "side", "qbo_id", "values"),
    }


def _shown(record: Json) -> Json:
    rest = {key: value for key, value in unmapped(record).items() if key not in _OF_THE_HOUR}
    return {**in_qbo(record), **rest, "Active": record["Active"]}
