"""What differs between the versions and databases we support, and nothing else."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

from django.db import OperationalError, connections, models, transaction
from django.db.models import functions
from django.db.models.expressions import RawSQL

Item = TypeVar("Item")
Row = TypeVar("Row", bound=models.Model)


class Now(functions.Now):
    """The database's clock (rule 10), in UTC as all that is stored; MariaDB's CURRENT_TIMESTAMP
    is in the time zone of the server."""

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **context)


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of at most `size` items; `itertools.batched` of Python 3.12."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def upsert(model: type[Row], rows: Sequence[Row], *, unique: str, update: list[str]) -> None:
    """Insert rows, or update those whose `unique` field is there already.

    MariaDB finds the conflict by itself and refuses to be told where.
    """
    if not rows:
        return
    manager = model._default_manager
    features = connections[manager.db].features
    options: dict[str, Any] = {"update_conflicts": True, "update_fields": update}
    if features.supports_update_conflicts_with_target:
        options["unique_fields"] = [unique]
    manager.bulk_create(rows, **options)


def lock(rows: models.QuerySet[Row], *related: str) -> models.QuerySet[Row]:
    """These rows locked, and no others; what `related` names is read along.

    MariaDB locks the rows of every table that a query joins: there it is read by queries of
    its own. SQLite locks no rows.
    """
    features = connections[rows.db].features
    if features.has_select_for_update and not features.has_select_for_update_of:
        return rows.select_for_update().prefetch_related(*related)
    locked = rows.select_for_update(of=("self",))
    return locked.select_related(*related) if related else locked


def delete_while(rows: models.QuerySet[Row], pk: int) -> bool:
    """Delete this row with all that belongs to it, if it is one of these `rows`.

    Django collects what belongs to a row before it deletes it by its key alone; it is locked
    meanwhile, so that what it was chosen for still holds.
    """

    @transaction.atomic
    def delete() -> bool:
        found = lock(rows.filter(pk=pk)).first()
        if found is not None:
            found.delete()
        return found is not None

    return despite_locks(delete)


def despite_locks(act: Callable[[], Item]) -> Item:
    """Do what is one transaction; anew where the database ended it, as another one was in its way:
    nothing of it was done. Twice at most, and not where it is part of somebody else's transaction.
    Raises whatever `act` raises.
    """
    for _ in range(2):
        try:
            return act()
        except OperationalError as error:
            if not was_in_the_way(error) or transaction.get_connection().in_atomic_block:
                raise
    return act()


def was_in_the_way(error: OperationalError) -> bool:
    """Whether a deadlock was ended, or a lock waited for as long as the database may: MariaDB's
    1213 and 1205, PostgreSQL's 40P01 and 55P03."""
    if error.args[:1] in ((1213,), (1205,)):
        return True
    return getattr(error.__cause__, "sqlstate", "") in ("40P01", "55P03")


def one_of(texts: Iterable[str], database: str) -> Any:
    """What a lookup by `__in` takes, however many: SQLite allows 32,766 parameters a statement."""
    listed = list(texts)
    if connections[database].vendor != "sqlite":
        return listed
    return RawSQL("SELECT value FROM json_each(%s)", [json.dumps(listed)])


@contextmanager
def wide_statements(database: str) -> Iterator[None]:
    """Within, bulk inserts on SQLite have as many parameters per statement as it takes.

    Django 5.2 assumes 999, which was the limit before SQLite 3.32. Later versions ask SQLite
    themselves (the number is a property there), so that nothing is left to do.
    """
    connection: Any = connections[database]
    features = connection.features
    asks = isinstance(getattr(type(features), "max_query_params", None), property)
    if asks or connection.vendor != "sqlite" or connection.connection is None:
        yield
        return
    assumed = features.max_query_params
    features.max_query_params = connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    try:
        yield
    finally:
        features.max_query_params = assumed
