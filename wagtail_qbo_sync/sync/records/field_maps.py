"""The field maps this site has had: which fields are kept elsewhere than when a pair agreed.

Such a field has no past agreement, whatever its base holds from before; it is linked anew
(U4, rule 12).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wagtail_qbo_sync.contact import fields_of
from wagtail_qbo_sync.host.adapter import ClientAdapter
from wagtail_qbo_sync.models import SiteState


class FieldMaps:
    """By version, as long ago as they were noted."""

    def __init__(self, adapter: ClientAdapter) -> None:
        stored = SiteState.objects.values_list("field_maps", flat=True).first()
        self._maps: Mapping[str, Mapping[str, str]] = stored or {}
        self._now = adapter.kept_in

    def changed_since(self, version: str) -> frozenset[str]:
        """Fields that are kept elsewhere now, or were not kept at all then. Of a version that
        was never noted nothing is known: none."""
        then = self._maps.get(version, self._now)
        moved = {path for path, where in self._now.items() if then.get(path) != where}
        gone = then.keys() - self._now.keys()
        return fields_of(frozenset(moved | gone))


def noted(state: SiteState, adapter: ClientAdapter) -> dict[str, Any]:
    """The column of the SiteState with the present map noted."""
    return {"field_maps": {**state.field_maps, adapter.version: dict(adapter.kept_in)}}
