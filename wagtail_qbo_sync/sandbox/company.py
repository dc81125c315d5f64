"""The books of one company: who is in them, and the rules that hold between the records.

Everything that changes a customer passes `_commit`. What people and apps did is told to
whoever listens, as webhooks do; what is planted is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from hashlib import md5

from . import addresses, faults
from . import customer as values_of
from .clock import Clock, record_time
from .events import Event
from .schema import ADDRESSES, ORDER, WRITABLE, check_known
from .seeds import CompanySeed, Seed
from .shelves import Shelves, parent_of
from .store import Store
from .switches import Switches
from .wire import Json

DEEPEST = 4
SUFFIX = re.compile(r" \(deleted(-\d+)?\)$")
OTHER_USER = "Dana Whitfield"
USD = {"value": "USD", "name": "United States Dollar"}


class Company:
    """One realm. Documents in the tables are never changed in place."""

    def __init__(
        self,
        realm: str,
        store: Store,
        switches: Switches,
        clock: Clock,
        listener: Callable[[Event], None],
    ) -> None:
        self.realm = realm
        self._switches = switches
        self._clock = clock
        self._listener = listener
        self.facts = store.table(f"company/{realm}")
        self.customers = store.table(f"customers/{realm}")
        self.others = {kind: store.table(f"{kind}/{realm}") for kind in ("Vendor", "Employee")}
        self._shelves = Shelves()
        self._index()

    # The shelves

    @property
    def name(self) -> str:
        return str(self.facts["info"]["CompanyName"])

    @property
    def role(self) -> str:
        """Whether these are the accounting `firm`'s own books or those of a `client` of it."""
        return str(self.facts["role"])

    def info(self) -> Json:
        """CompanyInfo, as its endpoint shows it."""
        return {**self.facts["info"], "domain": "QBO", "sparse": False}

    def _index(self) -> None:
        self._shelves.clear()
        for table in (*self.others.values(), self.customers):
            for record in table.values():
                self._shelves.put(record)

    def _next(self, counter: str) -> str:
        self.facts[counter] = self.facts.get(counter, 0) + 1
        return str(self.facts[counter])

    def _commit(self, record: Json) -> None:
        """The one door through which a customer changes."""
        before = self.customers.get(record["Id"])
        if before:
            self._shelves.take(before)
        self.customers[record["Id"]] = record
        self._shelves.put(record)
        if before and before["FullyQualifiedName"] != record["FullyQualifiedName"]:
            for child in self._shelves.below(record["Id"]):
                self._commit(self._with_full_name(self.customers[child]))

    # Reading

    def read(self, number: str) -> Json:
        if not number.isdecimal():
            raise faults.invalid_number("Id", number)
        if number not in self.customers:
            raise faults.not_found()
        return dict(self.customers[number])

    def reply(self, record: Json, *, row: bool = False, read: bool = False) -> Json:
        """A customer as an endpoint shows it: query row, read by id, or reply to a write.

        Each endpoint shows another set of keys; clients must not compare across them.
        """
        shown = {**record, "domain": "QBO", "sparse": False}
        shown["BalanceWithJobs"] = self.balance_with_jobs(record)
        if parent_of(record):
            shown["Level"] = self._level(record)
        if tax := record.get("PrimaryTaxIdentifier"):
            shown["PrimaryTaxIdentifier"] = "XXXXXX" + re.sub(r"\W", "", tax)[-5:]
        if row:
            shown["ClientEntityId"] = "0"
        else:
            shown["DefaultTaxCodeRef"] = {"value": "2"}
        if row or read:
            digest = md5(f"{self.realm}/{record['Id']}".encode(), usedforsecurity=False)
            shown["V4IDPseudonym"] = "002098" + digest.hexdigest()
        if row:
            shown = addresses.placed(shown)
        return {key: shown[key] for key in ORDER if key in shown}

    def balance_with_jobs(self, record: Json) -> float:
        below = self._shelves.below(record["Id"])
        balance: float = record["Balance"]
        if not below:
            return balance
        return round(balance + sum(self.balance_with_jobs(self.customers[n]) for n in below), 2)

    def named(self, full_name: str) -> str | None:
        """The Id of the customer with this full name, however it is written."""
        number = self._shelves.named(full_name.strip())
        return number if number in self.customers else None

    def has_below(self, number: str) -> bool:
        return bool(self._shelves.below(number))

    def _level(self, record: Json) -> int:
        return sum(1 for _ in self._ancestors(record))

    def _ancestors(self, record: Json) -> Iterator[Json]:
        while parent := parent_of(record):
            record = self.customers[parent]
            yield record

    # Writing

    def write(self, body: Json) -> Json:
        """Create or update, by whether an Id is sent. Returns the record as it now stands."""
        check_known(body)
        return self._update(body) if body.get("Id") not in (None, "") else self._create(body)

    def _create(self, body: Json) -> Json:
        currency = (body.get("CurrencyRef") or {}).get("value")
        if currency not in (None, "", "USD"):
            raise faults.business("Multi currency is not enabled for this company")
        values = values_of.new(body, self._switches)
        self._check_parent("", values)
        now = record_time(self._clock.now())
        record = {
            **values,
            "Balance": _amount(body.get("Balance")),
            "CurrencyRef": USD,
            "IsProject": False,
            "SyncToken": "0",
            "MetaData": {"CreateTime": now, "LastUpdatedTime": now},
            "Id": "",
        }
        record = self._with_full_name(record)
        self._check_name(record)
        record = self._with_address_ids({**record, "Id": self._next("last_id")})
        self._commit(record)
        self.tell("Create", record["Id"])
        return record

    def _update(self, body: Json) -> Json:
        old = self.read(str(body["Id"]))
        self._check_token(old, body.get("SyncToken"))
        change = values_of.sparse if body.get("sparse") in (True, "true") else values_of.full
        values = change(old, body, self._switches)
        self._check_parent(old["Id"], values)
        values = self._named(old, values, "DisplayName" in body)
        kept = {key: value for key, value in old.items() if key not in WRITABLE}
        record = self._with_address_ids(self._with_full_name({**kept, **values}))
        if record == old:
            return old
        self._check_name(record)
        if old["Active"] and not record["Active"]:
            self._check_deactivation(record)
            if self._switches["deactivate_parent"] == "cascade":
                self._deactivate_below(record)
        return self._save(record)

    def _save(self, record: Json) -> Json:
        """One real change: SyncToken + 1, and the time."""
        stamp = record_time(self._clock.now())
        token = str(int(record["SyncToken"]) + 1)
        meta = {**record["MetaData"], "LastUpdatedTime": stamp}
        saved = {**record, "SyncToken": token, "MetaData": meta}
        ended = self.customers[saved["Id"]]["Active"] and not saved["Active"]
        self._commit(saved)
        chosen = self._switches["deactivation_event"] if ended else "Update"
        for operation in ("Update", "Delete") if chosen == "both" else (chosen,):
            self.tell(operation, saved["Id"])
        return saved

    def tell(self, operation: str, number: str, gone: str = "") -> None:
        self._listener(Event(self.realm, number, operation, self._clock.now(), gone))

    def _check_token(self, old: Json, token: object) -> None:
        if token in (None, ""):
            raise faults.missing_parameter("SyncToken")
        if not str(token).isdecimal():
            raise faults.invalid_number("SyncToken", token)
        ahead = int(str(token)) - int(old["SyncToken"])
        code_if_ahead = self._switches["higher_sync_token"]
        if ahead > 0 and code_if_ahead == "2030":
            raise faults.invalid_number("SyncToken", token)
        if ahead:
            raise faults.stale(OTHER_USER)

    # Names

    def _named(self, old: Json, values: Json, name_was_sent: bool) -> Json:
        """The " (deleted)" suffix comes with inactivity and goes as the switch says."""
        name = values["DisplayName"]
        if not values["Active"] and not SUFFIX.search(name):
            name = self._suffixed({"Id": old["Id"], **values})
        reactivated = values["Active"] and not old["Active"] and not name_was_sent
        if reactivated and self._switches["reactivation_suffix"] == "strip":
            name = SUFFIX.sub("", name)
        return {**values, "DisplayName": name}

    def _suffixed(self, record: Json) -> str:
        """The first free one of "x (deleted)", "x (deleted-1)", and so on."""
        plain, count = record["DisplayName"], 0
        while True:
            tail = f" (deleted-{count})" if count else " (deleted)"
            name: str = plain[: 500 - len(tail)] + tail
            if not self._shelves.holder(self._with_full_name({**record, "DisplayName": name})):
                return name
            count += 1

    def _with_full_name(self, record: Json) -> Json:
        parent = parent_of(record)
        above = f"{self.customers[parent]['FullyQualifiedName']}:" if parent else ""
        return {**record, "FullyQualifiedName": above + record["DisplayName"]}

    def _check_name(self, record: Json) -> None:
        """Names are unique over customers, vendors and employees; sub-customers by full name."""
        holder = self._shelves.holder(record)
        if holder is None:
            return
        sentence = (
            "Another customer, vendor or employee is already using this \nname."
            " Please use a different name."
        )
        tails = {"null": "null", "sentence": sentence, "id": f"Id={holder}"}
        raise faults.duplicate_name(tails[self._switches["duplicate_detail"]])

    # Families

    def _check_parent(self, number: str, values: Json) -> None:
        parent = parent_of(values)
        if parent is None:
            return
        if parent not in self.customers:
            raise faults.bad_reference(parent)
        above = self.customers[parent]
        line = [above["Id"], *(each["Id"] for each in self._ancestors(above))]
        if number in line:
            raise faults.bad_parent()
        if not above["Active"] and values["Active"]:
            raise faults.bad_reference(parent, "has been made inactive")
        if len(line) + self._height(number) > DEEPEST:
            raise faults.too_deep()

    def _height(self, number: str) -> int:
        below = self._shelves.below(number)
        return max((1 + self._height(child) for child in below), default=0)

    def _check_deactivation(self, record: Json) -> None:
        if self.balance_with_jobs(record):
            raise faults.has_balance()
        how = self._switches["deactivate_parent"]
        for child in self._active_below(record):
            if how == "refuse":
                raise faults.business("This customer has active sub-customers")
            if how == "cascade":
                self._check_deactivation(child)

    def _deactivate_below(self, record: Json) -> None:
        for child in self._active_below(record):
            self._deactivate_below(child)
            ended = {**child, "Active": False}
            named = {**ended, "DisplayName": self._suffixed(ended)}
            self._save(self._with_full_name(named))

    def _active_below(self, record: Json) -> list[Json]:
        below = (self.customers[number] for number in self._shelves.below(record["Id"]))
        return [child for child in below if child["Active"]]

    # Money, which moves without the SyncToken

    def invoice(self, number: str, amount: float) -> Json:
        """An invoice (or a payment, if negative) moves Balance and the time, not the token."""
        old = self.read(number)
        meta = {**old["MetaData"], "LastUpdatedTime": record_time(self._clock.now())}
        record = {**old, "Balance": round(old["Balance"] + amount, 2), "MetaData": meta}
        self._commit(record)
        self.tell("Update", number)
        return record

    def _with_address_ids(self, record: Json) -> Json:
        old = self.customers.get(record["Id"], {})
        return addresses.numbered(record, old, lambda: self._next("last_address"))

    # Past the rules

    def edit(self, values: Json) -> Json:
        """A person at QBO's own screen: sparse, always on the newest version.

        Deactivating somebody with a balance writes a balancing credit memo there.
        """
        if not values.get("Id"):
            return self.write(values)
        record = self.read(str(values["Id"]))
        owes = record["Balance"] and self.balance_with_jobs(record) == record["Balance"]
        if record["Active"] and values.get("Active") is False and owes:
            record = self.invoice(record["Id"], -record["Balance"])
        return self.write({**values, "SyncToken": record["SyncToken"], "sparse": True})

    def put(self, kind: str, shown: Json) -> None:
        """A record as QBO shows it, with its own Id and SyncToken."""
        computed = ("domain", "sparse", "BalanceWithJobs", "Level", "ClientEntityId")
        answered = ("DefaultTaxCodeRef", "V4IDPseudonym")
        record = {k: v for k, v in shown.items() if k not in computed + answered}
        highest = max(self.facts.get("last_id", 0), int(record["Id"]))
        self.facts["last_id"] = highest
        if kind != "Customer":
            self.others[kind][record["Id"]] = record
            self._shelves.put(record)
            return
        for name in ADDRESSES:
            if name in record:
                record[name] = addresses.unplaced(record[name])
                number = int(record[name]["Id"])
                self.facts["last_address"] = max(self.facts.get("last_address", 0), number)
        blank = {"Balance": 0, "CurrencyRef": USD, "IsProject": False}
        self._commit(self._with_full_name({**blank, **record}))

    def clear(self) -> None:
        """No customers, vendors and employees any more."""
        for table in (self.customers, *self.others.values()):
            table.clear()
        self._index()

    # First filling

    def found(self, seed: CompanySeed) -> None:
        """A new company from generated data."""
        self.facts["info"] = seed.info
        self.facts["role"] = seed.role
        self.plant(seed.customers)
        for kind, table in self.others.items():
            for person in seed.others[kind]:
                number = self._next("last_id")
                stamp = {"CreateTime": person.created, "LastUpdatedTime": person.created}
                table[number] = {
                    **person.values,
                    "Id": number,
                    "SyncToken": "0",
                    "MetaData": stamp,
                    "Active": True,
                }
        self._index()

    def plant(self, seeds: Iterable[Seed]) -> int:
        """Put customers in as they are, past the rules: data that grew over years."""
        count = 0
        ids: dict[str, str] = {}
        for seed in seeds:
            record: Json = {
                "Taxable": True,
                "Job": seed.parent is not None,
                "BillWithParent": False,
                "PreferredDeliveryMethod": "Print",
                **seed.values,
                "Active": seed.active,
                "Balance": seed.balance,
                "CurrencyRef": USD,
                "IsProject": seed.project,
                "Id": self._next("last_id"),
                "SyncToken": str(seed.edits),
                "MetaData": {"CreateTime": seed.created, "LastUpdatedTime": seed.updated},
            }
            if seed.parent:
                record["ParentRef"] = {"value": ids[seed.parent]}
            record.setdefault("PrintOnCheckName", values_of.check_name(record))
            ids[record["DisplayName"]] = record["Id"]
            if not seed.active:
                record["DisplayName"] = self._suffixed(record)
            self._commit(self._with_address_ids(self._with_full_name(record)))
            count += 1
        return count


def _amount(raw: object) -> float:
    if raw in (None, ""):
        return 0
    try:
        return round(float(str(raw)), 2)
    except ValueError:
        raise faults.invalid_number("Balance", raw) from None
