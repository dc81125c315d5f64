"""Who is e-mailed when a company needs a person (U14)."""

from __future__ import annotations

from typing import Any

from wagtail.permission_policies import ModelPermissionPolicy

from wagtail_qbo_sync.models import Connection


def recipients(company: Connection) -> list[Any]:
    """Whoever connected it; where they are gone, may not connect it any more or have no address,
    all who may."""
    policy, person = ModelPermissionPolicy(Connection), company.connected_by
    if person is not None and person.email and policy.user_has_permission(person, "connect"):
        return [person]
    entitled = policy.users_with_permission("connect")
    return [one for one in entitled.order_by("pk") if one.email]
