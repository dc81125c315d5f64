"""Whatever a host's model says against a value, as a Refused that names the contact field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, FieldDoesNotExist, ValidationError
from django.db import DatabaseError, DataError, IntegrityError, models
from django.utils.translation import gettext as _

from .record import Refused

PathOf = Callable[[str], str]
"""Name of a model field -> contact path that it holds, "" if none."""


@contextmanager
def refusals(model: type[models.Model], path_of: PathOf) -> Iterator[None]:
    """Turn what a host's validation or save() raises into Refused.

    A database that is locked, gone or in a deadlock is nobody's value: that goes on upwards.
    """
    try:
        yield
    except Refused:
        raise
    except ValidationError as error:
        raise _invalid(error, model, path_of) from error
    except (IntegrityError, DataError) as error:
        raise _by_database(error, model, path_of) from error
    except DatabaseError as error:
        if type(error) is not DatabaseError:
            raise
        raise Refused(_("The client is no longer there.")) from error  # update_fields hit no row
    except Exception as error:
        raise Refused(
            _("Saving the client failed: %(kind)s: %(error)s")
            % {"kind": type(error).__name__, "error": error}
        ) from error


def _invalid(error: ValidationError, model: type[models.Model], path_of: PathOf) -> Refused:
    """The first thing that is wrong, named; the message tells of all."""
    if not hasattr(error, "error_dict"):
        return Refused(" ".join(error.messages), field=path_of(NON_FIELD_ERRORS))
    messages, path = [], ""
    for name, errors in error.error_dict.items():
        path = path or path_of(name)
        messages += [_sentence(model, name, one) for one in errors]
    return Refused(" ".join(messages), field=path)


def _sentence(model: type[models.Model], name: str, error: ValidationError) -> str:
    if name == NON_FIELD_ERRORS:
        return " ".join(error.messages)
    label = field_label(model, name)
    params: dict[str, Any] = dict(error.params or {})
    code = getattr(error, "code", None)
    if code == "max_length" and {"limit_value", "show_value"} <= params.keys():
        return _("“%(field)s” holds at most %(limit)s characters; this has %(length)s.") % {
            "field": label,
            "limit": params["limit_value"],
            "length": params["show_value"],
        }
    if code in {"blank", "null", "required"}:
        return _("“%(field)s” may not be empty.") % {"field": label}
    return _("“%(field)s”: %(error)s") % {"field": label, "error": " ".join(error.messages)}


def _by_database(error: DatabaseError, model: type[models.Model], path_of: PathOf) -> Refused:
    """A constraint that only the database knew of; the column is looked for in its message."""
    text = str(error)
    fields = [f for f in model._meta.concrete_fields if f.column and f.column in text]
    named = [field.name for field in fields if path_of(field.name)]
    return Refused(
        _("The database refused the client: %s") % text.strip(),
        field=path_of(max(named, key=len)) if named else "",
    )


def taken(model: type[models.Model], names: Iterable[str], holder: str, path_of: PathOf) -> Refused:
    """A value that has to be unique and that another client holds."""
    names = list(names)
    labels = ", ".join(field_label(model, name) for name in names)
    return Refused(
        _("Another client already has this “%s”.") % labels,
        field=next((path for name in names if (path := path_of(name))), ""),
        holder=holder,
    )


def field_label(model: type[models.Model], name: str) -> str:
    """How the host calls its field."""
    try:
        return str(getattr(model._meta.get_field(name), "verbose_name", name))
    except FieldDoesNotExist:
        return name
