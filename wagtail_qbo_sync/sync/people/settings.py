"""What people set for a company (K11, K12, U1, U2, U4, U8, U9, C3), on its page or by a command."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from wagtail_qbo_sync.contact import fields_of
from wagtail_qbo_sync.host.adapter import ClientAdapter, get_adapter
from wagtail_qbo_sync.models import Connection

from .decide import record

SET = (
    "contact_type",
    "pushed_types",
    "unmatched",
    "hierarchy",
    "direction",
    "field_directions",
    "on_conflict",
    "inactive_policy",
    "visit_minutes",
    "poll_minutes",
)
"""The columns of a Connection that people set; machines write others of the same row."""
OF_THE_SITE = ("contact_type", "pushed_types", "field_directions", "inactive_policy")
"""Those whose choices the site's client model gives."""


@transaction.atomic
def change(connection: Connection, user: Any, **values: Any) -> dict[str, list[Any]]:
    """Set these of SET; name -> [before, now] of what changed, which is in the history.

    `pushed_types`: a list of keys; `field_directions`: {contact field: Direction}. Raises
    ValidationError, by name, for what cannot be set; then nothing is.
    """
    before = Connection.objects.select_for_update().filter(pk=connection.pk).values(*SET).get()
    for name, value in values.items():
        setattr(connection, name, value)
    _check(connection, values, before)
    now = {name: getattr(connection, name) for name in values}
    changed = {name: [before[name], value] for name, value in now.items() if value != before[name]}
    if changed:
        connection.save(update_fields=list(changed))
        record(connection, "settings", user, changed=changed)
    return changed


def _check(connection: Connection, names: Iterable[str], before: dict[str, Any]) -> None:
    errors: dict[str, Any] = {name: _("There is no such setting.") for name in {*names} - {*SET}}
    for name in names:
        if getattr(connection, name, "") is None:
            errors[name] = _("This cannot be empty.")
    sound = {*names} - errors.keys()
    others = {field.name for field in connection._meta.fields} - (sound - {*OF_THE_SITE})
    try:
        connection.clean_fields(exclude=others)
    except ValidationError as error:
        errors |= error.error_dict
    adapter = get_adapter()
    for name in sound.intersection(OF_THE_SITE):
        if wrong := _unfit(adapter, name, getattr(connection, name), before[name]):
            errors[name] = _("This cannot be chosen here: %s.") % ", ".join(sorted(wrong))
    if errors:
        raise ValidationError(errors)


def _unfit(adapter: ClientAdapter, name: str, value: Any, before: Any) -> set[str]:
    """What of a value the site does not have. What was said of a field that it does not hold at
    present may stay."""
    if name == "inactive_policy":
        policies = {*Connection.OnInactive.values}
        return {value} - (policies if adapter.can_archive else policies - {"archive"})
    if name == "field_directions":
        fields = {*fields_of(adapter.paths), *before}
        return {*value} - fields | {*value.values()} - {*Connection.Direction.values}
    return adapter.contact_types.unknown([value] if name == "contact_type" else value)
