"""The two companies and the people in them, made from a seed: always the same for the same seed.

Pure: no clock, no store. The awkward records are in `awkward.py`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from random import Random
from typing import Any

from . import awkward
from .clock import record_time
from .names import (
    CAUSES,
    FAMILY,
    FORMS,
    GIVEN,
    KINDS_OF_STREET,
    MAIL,
    PLACES,
    STREETS,
    TOWNS,
    TRADES,
)
from .seeds import CompanySeed, Seed

REALMS = {"firm": "9341452000000101", "client": "9341452000000202"}
FIRM_CUSTOMERS = 270
CLIENT_CUSTOMERS = 255
FIRST_DAY = 1_612_180_800  # 1 February 2021
DAYS = 1_700


def companies(seed: int) -> Iterator[CompanySeed]:
    """The firm's own books and those of one client."""
    yield CompanySeed(
        realm=REALMS["firm"],
        role="firm",
        info=_info("Harbor & Pine Accounting LLP", "office@harborpine.example", "12 State St"),
        customers=_filled(awkward.FIRM, FIRM_CUSTOMERS, _random(f"{seed}/firm")),
        others=_others(awkward.FIRM_OTHERS),
    )
    yield CompanySeed(
        realm=REALMS["client"],
        role="client",
        info=_info("Saltmarsh Boatworks Inc.", "yard@saltmarshboats.example", "3 Ferry Rd"),
        customers=_filled(awkward.CLIENT, CLIENT_CUSTOMERS, _random(f"{seed}/client")),
        others=_others(awkward.CLIENT_OTHERS),
    )


def empty_company(realm: str, name: str) -> CompanySeed:
    """A company that nobody has worked with yet."""
    info = _info(name, "office@company.example", "1 Main St")
    nobody: dict[str, list[Seed]] = {"Vendor": [], "Employee": []}
    return CompanySeed(realm=realm, role="", info=info, customers=[], others=nobody)


def crowd(count: int, seed: int, taken: set[str]) -> Iterator[Seed]:
    """More customers of the same kind, none with a name that is taken."""
    random = _random(f"{seed}/crowd/{len(taken)}")
    used = {name.casefold() for name in taken}
    for _ in range(count):
        yield _dated(_unlike(used, random), random)


def _random(name: str) -> Random:
    return Random(name)  # noqa: S311 - made-up people, no secrets


def _info(name: str, email: str, street: str) -> dict[str, Any]:
    stamp = record_time(FIRST_DAY)
    return {
        "CompanyName": name,
        "LegalName": name,
        "CompanyAddr": {
            "Id": "1",
            "Line1": street,
            "City": "Newburyport",
            "Country": "USA",
            "CountrySubDivisionCode": "MA",
            "PostalCode": "01950",
        },
        "Country": "US",
        "Email": {"Address": email},
        "SupportedLanguages": "en",
        "NameValue": [
            {"Name": "NeoEnabled", "Value": "true"},
            {"Name": "SubscriptionStatus", "Value": "PAID"},
            {"Name": "OfferingSku", "Value": "QuickBooks Online Plus"},
        ],
        "Id": "1",
        "SyncToken": "4",
        "MetaData": {"CreateTime": stamp, "LastUpdatedTime": stamp},
    }


def _others(names: dict[str, list[str]]) -> dict[str, list[Seed]]:
    stamp = record_time(FIRST_DAY)
    return {
        kind: [
            Seed({"DisplayName": name, "PrintOnCheckName": name}, created=stamp) for name in each
        ]
        for kind, each in names.items()
    }


def _filled(special: list[Seed], total: int, random: Random) -> list[Seed]:
    """The awkward ones spread among ordinary ones, parents before children."""
    used = {seed.values["DisplayName"].casefold() for seed in special}
    ordinary = [_unlike(used, random) for _ in range(total - len(special))]
    places = sorted(random.sample(range(total), len(special)))
    mixed = list(ordinary)
    for place, seed in zip(places, special, strict=True):
        mixed.insert(place, seed)
    return [_dated(seed, random) for seed in mixed]


def _dated(seed: Seed, random: Random) -> Seed:
    created = FIRST_DAY + random.randrange(DAYS) * 86400 + random.randrange(28800, 64800)
    edits = random.choice((0, 0, 0, 1, 1, 2, 4))
    updated = created + (random.randrange(60) * 86400 + random.randrange(9999) if edits else 0)
    return seed.at(record_time(created), record_time(updated), edits)


def _unlike(used: set[str], random: Random) -> Seed:
    """A customer whose name nobody has yet."""
    make = random.choices((_family, _person, _business, _trust, _charity), (30, 30, 25, 8, 7))[0]
    seed = make(random)
    plain, count = seed.values["DisplayName"], 1
    name = plain
    while name.casefold() in used:
        count += 1
        name = f"{plain} {count}"
    used.add(name.casefold())
    balance = round(random.uniform(75, 4800), 2) if random.random() < 0.2 else 0
    return Seed({**seed.values, "DisplayName": name}, balance=balance)


def _family(random: Random) -> Seed:
    family = random.choice(FAMILY)
    one, two = random.sample(GIVEN, 2)
    values = {"GivenName": one, "FamilyName": family, "DisplayName": f"{family}, {one} & {two}"}
    email = f"{_plain(one)}.{_plain(family)}@{random.choice(MAIL)}"
    return Seed({**values, **_reach(random, email)})


def _person(random: Random) -> Seed:
    family, given = random.choice(FAMILY), random.choice(GIVEN)
    values = {"GivenName": given, "FamilyName": family}
    if random.random() < 0.4:
        values["MiddleName"] = f"{random.choice('ABCDEFGHJKLMNPRSTW')}."
    first = " ".join(values[key] for key in ("GivenName", "MiddleName") if key in values)
    style = random.random() < 0.6
    values["DisplayName"] = f"{family}, {first}" if style else f"{first} {family}"
    email = f"{_plain(given)[0]}{_plain(family)}{random.randrange(1, 99)}@{random.choice(MAIL)}"
    return Seed({**values, **_reach(random, email)})


def _business(random: Random) -> Seed:
    head = random.choice((random.choice(PLACES), random.choice(FAMILY)))
    trade, form = random.choice(TRADES), random.choice(FORMS)
    name = f"{head} {trade} {form}".strip()
    values = {
        "GivenName": random.choice(GIVEN),
        "FamilyName": random.choice(FAMILY),
        "CompanyName": name,
        "DisplayName": name,
    }
    site = f"{_plain(head)}{_plain(trade)}.example"
    reach = _reach(random, f"{random.choice(('office', 'info', 'accounts', 'hello'))}@{site}")
    if random.random() < 0.5:
        reach["WebAddr"] = {"URI": f"http://www.{site}"}
    return Seed({**values, **reach})


def _trust(random: Random) -> Seed:
    family, given = random.choice(FAMILY), random.choice(GIVEN)
    forms = (
        f"{family} Family Trust",
        f"{given} {family} Revocable Trust",
        f"Estate of {given} {family}",
        f"{family} Realty Trust",
    )
    name = random.choice(forms)
    email = f"trustee.{_plain(family)}@{random.choice(MAIL)}"
    values = {"CompanyName": name, "DisplayName": name, "FamilyName": family}
    return Seed({**values, "Taxable": False, **_reach(random, email)})


def _charity(random: Random) -> Seed:
    head = random.choice((random.choice(PLACES), random.choice(TOWNS)[0]))
    name = f"{head} {random.choice(CAUSES)}"
    site = f"{_plain(name)}.example"
    values = {"CompanyName": name, "DisplayName": name, "GivenName": random.choice(GIVEN)}
    exempt = {"Taxable": False, "TaxExemptionReasonId": "4"}
    return Seed({**values, **exempt, **_reach(random, f"treasurer@{site}")})


def _reach(random: Random, email: str) -> dict[str, Any]:
    """Address, phones and e-mail; now and then one of them is missing."""
    town, postcode, code = random.choice(TOWNS)
    reach: dict[str, Any] = {}
    if random.random() < 0.92:
        street = f"{random.choice(STREETS)} {random.choice(KINDS_OF_STREET)}"
        address = {"Line1": f"{random.randrange(1, 299)} {street}"}
        if random.random() < 0.15:
            address["Line2"] = random.choice(("Apt 2", "Suite 300", "Unit B", "2nd floor"))
        address["City"] = town
        if random.random() < 0.3:
            address["Country"] = "USA"
        address |= {"CountrySubDivisionCode": "MA", "PostalCode": postcode}
        reach["BillAddr"] = address
        if random.random() < 0.25:
            reach["ShipAddr"] = address
    if random.random() < 0.85:
        reach["PrimaryPhone"] = {"FreeFormNumber": _phone(random, code)}
    if random.random() < 0.25:
        reach["Mobile"] = {"FreeFormNumber": _phone(random, code)}
    if random.random() < 0.9:
        reach["PrimaryEmailAddr"] = {"Address": email}
    return reach


def _phone(random: Random, code: str) -> str:
    line = f"01{random.randrange(100):02}"
    form = random.choice(("({0}) 555-{1}", "({0}) 555-{1}", "{0}-555-{1}", "{0}.555.{1}"))
    return form.format(code, line)


def _plain(text: str) -> str:
    """As it would stand in a web address."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"\W", "", ascii_only).lower()
