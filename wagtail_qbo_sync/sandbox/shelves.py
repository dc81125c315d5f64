"""Where to find the records of a company: by full name, and the sub-customers of each."""

from __future__ import annotations

from .wire import Json


class Shelves:
    """Names are compared without case; sub-customers count by their full name."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._children: dict[str, set[str]] = {}

    def clear(self) -> None:
        self._names.clear()
        self._children.clear()

    def put(self, record: Json) -> None:
        self._names[_full_name(record)] = record["Id"]
        if parent := parent_of(record):
            self._children.setdefault(parent, set()).add(record["Id"])

    def take(self, record: Json) -> None:
        self._names.pop(_full_name(record), None)
        if parent := parent_of(record):
            self._children[parent].discard(record["Id"])

    def holder(self, record: Json) -> str | None:
        """The Id of another record that has the name of this one."""
        found = self._names.get(_full_name(record))
        return None if found == record["Id"] else found

    def named(self, full_name: str) -> str | None:
        return self._names.get(full_name.casefold())

    def below(self, number: str) -> list[str]:
        return sorted(self._children.get(number, ()), key=int)


def parent_of(record: Json) -> str | None:
    reference = record.get("ParentRef")
    return str(reference["value"]) if reference else None


def _full_name(record: Json) -> str:
    """Vendors and employees have only the one name."""
    name: str = record.get("FullyQualifiedName") or record["DisplayName"]
    return name.casefold()
