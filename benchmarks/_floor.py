"""The floor: the same calls and the same rows, straight from the documents, nothing judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from _company import PAGE, REALM, Json

EVERYBODY = "SELECT * FROM Customer WHERE Active IN (true,false) ORDERBY Id "
EVERYBODY += "STARTPOSITION {} MAXRESULTS {}"
DIGEST = "0" * 32


class Api:
    """The API of the company, with a session and nothing else."""

    def __init__(self, connection: Any) -> None:
        import requests

        from wagtail_qbo_sync.conf import settings
        from wagtail_qbo_sync.sync.access.token import TokenKeeper

        self._url = f"{settings.API_URL}/v3/company/{REALM}"
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {TokenKeeper(connection).access_token()}"
        self._session.headers["Accept"] = "application/json"

    def page(self, start: int) -> list[Json]:
        """The next thousand customers."""
        headers = {"Content-Type": "application/text"}
        statement = EVERYBODY.format(start, PAGE)
        answer = self._post("query", statement, headers)
        return list(answer["QueryResponse"].get("Customer", []))

    def changes(self, since: str) -> list[Json]:
        """The customers that changed since then, at most a thousand."""
        params = {"entities": "Customer", "changedSince": since}
        answer = self._session.get(f"{self._url}/cdc", params=params, timeout=60).json()
        return list(answer["CDCResponse"][0]["QueryResponse"][0].get("Customer", []))

    def changed_page(self, since: str, start: int) -> list[Json]:
        """The next thousand of those that changed since then."""
        where = f"WHERE Active IN (true,false) AND MetaData.LastUpdatedTime >= '{since}'"
        statement = EVERYBODY.replace("WHERE Active IN (true,false)", where).format(start, PAGE)
        answer = self._post("query", statement, {"Content-Type": "application/text"})
        return list(answer["QueryResponse"].get("Customer", []))

    def batch(self, items: Sequence[Json]) -> list[Json]:
        """The customers as they are after these changes, 30 at most."""
        body = {
            "BatchItemRequest": [
                {"bId": str(number), "operation": "update", "Customer": item}
                for number, item in enumerate(items)
            ]
        }
        import json

        answer = self._post("batch", json.dumps(body), {"Content-Type": "application/json"})
        return [item["Customer"] for item in answer["BatchItemResponse"]]

    def _post(self, path: str, body: str, headers: Mapping[str, str]) -> Any:
        return self._session.post(
            f"{self._url}/{path}", data=body, headers=headers, timeout=60
        ).json()


def new_run(connection: Any) -> Any:
    """A run that is done."""
    from django.utils import timezone

    from wagtail_qbo_sync.models import Run

    now = timezone.now()
    return Run.objects.create(connection=connection, state="done", counts={}, started_at=now)


def store(run: Any, page: Sequence[Json], clients: Mapping[str, int], side: str = "site") -> None:
    """The rows that a sync leaves behind: new ones, or in place of those that are there.

    `clients`: display name -> pk of those that are there. `side`: where the run has written.
    """
    from django.db import transaction

    from wagtail_qbo_sync.compat import wide_statements

    with transaction.atomic(), wide_statements("default"):
        _store(run, page, clients, side)


def _store(run: Any, page: Sequence[Json], clients: Mapping[str, int], side: str) -> None:
    values = [plain(customer) for customer in page]
    done = list(zip(page, values, _clients(values, clients), strict=True))
    _store_pairs(run.connection, done)
    _store_history(run, done, side)


def _store_pairs(connection: Any, done: Sequence[tuple[Json, Json, int]]) -> None:
    """The mirror, the mappings and the footprints."""
    from wagtail_qbo_sync.models import Customer, Footprint, Mapping

    _upsert(
        Customer,
        (
            Customer(
                connection=connection,
                qbo_id=customer["Id"],
                standing="top",
                display_name=value["name"],
                match_keys=DIGEST + DIGEST,
                record={
                    "sync_token": int(customer["SyncToken"]),
                    "contact": value,
                    "digest": DIGEST,
                    "path": "",
                    "parent": "",
                    "bill": customer["BillAddr"],
                    "ship": customer["ShipAddr"],
                },
            )
            for customer, value, _ in done
        ),
        ["connection", "qbo_id"],
        ["display_name", "match_keys", "record"],
    )
    bases = [
        (customer["Id"], pk, {"seen": DIGEST, "site": value, "qbo": value, "replaced": {}})
        for customer, value, pk in done
    ]
    _upsert(
        Mapping,
        (
            Mapping(
                connection=connection, qbo_id=qbo_id, client_id=pk, client_pk=str(pk), base=base
            )
            for qbo_id, pk, base in bases
        ),
        ["connection", "qbo_id"],
        ["base"],
    )
    pks = [str(pk) for *_, pk in done]
    prints = (Footprint(client_pk=pk, digest=DIGEST, version=DIGEST[:16]) for pk in pks)
    _upsert(Footprint, prints, ["client_pk"], ["digest"])


def _store_history(run: Any, done: Sequence[tuple[Json, Json, int]], side: str) -> None:
    """The journal, and the steps of the run."""
    from django.utils import timezone

    from wagtail_qbo_sync.models import Change, Step

    now = timezone.now()
    Change.objects.bulk_create(
        Change(
            connection=run.connection,
            run=run,
            side=side,
            qbo_id=customer["Id"],
            client_pk=str(pk),
            values={name: [None, value] for name, value in value.items()},
            at=now,
        )
        for customer, value, pk in done
    )
    Step.objects.bulk_create(
        Step(
            run=run,
            kind="create",
            state="done",
            qbo_id=customer["Id"],
            client_pk=str(pk),
            data={
                "customer": value["name"],
                "client": value["name"],
                "seen": {"customer": DIGEST, "client": ""},
                "values": {name: [None, value] for name, value in value.items()},
            },
        )
        for customer, value, pk in done
    )


def _clients(values: Sequence[Json], known: Mapping[str, int]) -> list[int]:
    """The clients with these values; their keys."""
    from crm.models import Client, client_type

    kind = client_type()
    made = [
        Client(
            pk=known.get(value["name"]),
            contact_type_id=kind,
            name=value["name"],
            company_name=value["company_name"],
            email=value["email"],
            phone=value["phone"],
            mobile=value["mobile"],
            address=value["mailing_address"]["line1"],
            city=value["mailing_address"]["city"],
            state=value["mailing_address"]["state"],
            zip_code=value["mailing_address"]["postal_code"],
            physical_address=value["physical_address"]["line1"],
            physical_city=value["physical_address"]["city"],
            physical_state=value["physical_address"]["state"],
            physical_zip_code=value["physical_address"]["postal_code"],
        )
        for value in values
    ]
    columns = [field.name for field in Client._meta.concrete_fields if not field.primary_key]
    Client.objects.bulk_create([client for client in made if not client.pk])
    old = [client for client in made if client.name in known]
    _upsert(Client, old, ["pk"], columns)
    return [client.pk for client in made]


def _upsert(model: Any, rows: Any, unique: list[str], update: list[str]) -> None:
    model.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=unique, update_fields=update
    )


def plain(customer: Json) -> Json:
    """A customer in our words."""

    def address(name: str) -> Json:
        row = customer[name]
        return {
            "line1": row["Line1"],
            "city": row["City"],
            "state": row["CountrySubDivisionCode"],
            "postal_code": row["PostalCode"],
        }

    return {
        "name": customer["DisplayName"],
        "company_name": customer["CompanyName"],
        "email": customer["PrimaryEmailAddr"]["Address"],
        "phone": customer["PrimaryPhone"]["FreeFormNumber"],
        "mobile": customer.get("Mobile", {}).get("FreeFormNumber", ""),
        "mailing_address": address("BillAddr"),
        "physical_address": address("ShipAddr"),
    }
