"""What `manage.py check` says about an adapter."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error, Info
from django.core.exceptions import FieldDoesNotExist
from django.utils.translation import gettext as _

from wagtail_qbo_sync import conf
from wagtail_qbo_sync.contact import PATHS

from .abstract import AbstractClient
from .description import ClientDescription
from .model_fields import holds_text


def inspect(adapter: ClientDescription) -> list[CheckMessage]:
    """Wrong paths and fields as Errors; what was guessed as an Info."""
    errors = [*_paths(adapter), *_fields(adapter), *_contact_type(adapter)]
    if errors:
        return errors
    if not adapter.paths:
        return [_nothing_guessed(adapter)]
    if "name" not in adapter.paths:
        return [
            Error(
                _("%(adapter)s has no field for the client's name.") % {"adapter": _name(adapter)},
                hint=_(
                    'Give "name" in its `fields`; for first and last names in its `computed`, '
                    "with `values` and `assign`."
                ),
                id="wagtail_qbo_sync.E008",
            )
        ]
    return [_guessed(adapter)] if _is_guessing(adapter) else []


def _is_guessing(adapter: ClientDescription) -> bool:
    """Whether fields were taken for what their names say; AbstractClient's are named by us."""
    named = adapter.fields or adapter.computed
    return not named and not issubclass(adapter.model, AbstractClient)


def _paths(adapter: ClientDescription) -> Iterator[CheckMessage]:
    for path in [*adapter.fields, *adapter.computed]:
        if path not in PATHS:
            yield Error(
                _("%(adapter)s maps “%(path)s”, which is no field of a contact.")
                % {"adapter": _name(adapter), "path": path},
                hint=_("The fields are: %s.") % ", ".join(PATHS),
                id="wagtail_qbo_sync.E006",
            )


def _fields(adapter: ClientDescription) -> Iterator[CheckMessage]:
    label = adapter.model._meta.label
    plain = dict(adapter.fields)
    for path, name in plain.items():
        try:
            field = adapter.model._meta.get_field(name)
        except FieldDoesNotExist:
            held = sorted(f.name for f in adapter.model._meta.concrete_fields if holds_text(f))
            yield Error(
                _("%(adapter)s maps “%(path)s” to “%(name)s”, which %(model)s does not have.")
                % {"adapter": _name(adapter), "path": path, "name": name, "model": label},
                hint=_("Its fields with text are: %s.") % ", ".join(held),
                id="wagtail_qbo_sync.E007",
            )
            continue
        if field.is_relation or not field.concrete:
            yield Error(
                _("%(adapter)s maps “%(path)s” to “%(name)s”, which is a relation.")
                % {"adapter": _name(adapter), "path": path, "name": name},
                hint=_("Move it to `computed` and override `values` and `save_related`."),
                id="wagtail_qbo_sync.E007",
            )
    for path, names in adapter.computed.items():
        for name in names:
            if name not in adapter.field_names:
                yield Error(
                    _("%(adapter)s keeps “%(path)s” in “%(name)s”, which %(model)s does not have.")
                    % {"adapter": _name(adapter), "path": path, "name": name, "model": label},
                    hint=_("Name fields of the client's own row, or none."),
                    id="wagtail_qbo_sync.E007",
                )


def _contact_type(adapter: ClientDescription) -> Iterator[CheckMessage]:
    name = adapter.contact_type_field
    if not name:
        return
    try:
        field = adapter.model._meta.get_field(name)
    except FieldDoesNotExist:
        field = None
    if field is None or field.auto_created:
        yield Error(
            _("%(adapter)s has its Contact Type in “%(name)s”, which %(model)s does not have.")
            % {"adapter": _name(adapter), "name": name, "model": adapter.model._meta.label},
            hint=_("Name a field with choices, a foreign key or a many-to-many field."),
            id="wagtail_qbo_sync.E009",
        )


def _nothing_guessed(adapter: ClientDescription) -> CheckMessage:
    return Error(
        _("No field of %s has one of the usual names (name, email, phone, address ...).")
        % adapter.model._meta.label,
        hint=_(
            "Write a subclass of wagtail_qbo_sync.host.adapter.ClientAdapter with a field map "
            'and name it in %s["ADAPTER"].'
        )
        % conf.NAME,
        id="wagtail_qbo_sync.E008",
    )


def _guessed(adapter: ClientDescription) -> CheckMessage:
    pairs = ", ".join(f"{path} = {name}" for path, name in adapter.field_map.items())
    return Info(
        _("The fields of %(model)s were found by their usual names: %(pairs)s.")
        % {"model": adapter.model._meta.label, "pairs": pairs},
        hint=_(
            "If that is right, add wagtail_qbo_sync.I001 to SILENCED_SYSTEM_CHECKS; if not, name "
            'an adapter with a field map in %s["ADAPTER"].'
        )
        % conf.NAME,
        id="wagtail_qbo_sync.I001",
    )


def _name(adapter: ClientDescription) -> str:
    return f"{type(adapter).__module__}.{type(adapter).__qualname__}"
