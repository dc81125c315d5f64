"""Map customers at its largest: a page of suggestions, a default for all rows, Save all.

    python benchmarks/drafts.py                                  # SQLite, 100,000 customers
    python benchmarks/drafts.py --count 5000
    python benchmarks/drafts.py --database-url postgres://postgres@127.0.0.1:5432/postgres

As many clients as customers. Every tenth customer has the name of a client, every tenth is like
one; nobody is mapped. The floor of Save all: the same rows of mappings, decisions, steps and
log inserted in bulk, nothing looked up or judged. That the work was done is checked. "Of ours"
is this process's processor time, without a database server's.
"""

from __future__ import annotations

import argparse
import logging
import time
import uuid
from typing import Any

from _measure import example_site, timed

PAGE = 100


def prepare(count: int) -> Any:
    """A company whose customers all wait."""
    from crm.models import Client, client_type

    from wagtail_qbo_sync import clock
    from wagtail_qbo_sync.contact import Contact, match_key
    from wagtail_qbo_sync.models import Connection, Customer, SyncState
    from wagtail_qbo_sync.models.mirror import joined_keys
    from wagtail_qbo_sync.sync.access.installation import this_installation

    company = Connection.objects.create(
        realm_id="1",
        environment="sandbox",
        company_name="Large",
        installation=this_installation(),
        connected_at=clock.now(),
    )
    SyncState.objects.create(connection=company)
    names = [name(number) for number in range(count)]
    Customer.objects.bulk_create(
        (
            Customer(
                connection=company,
                qbo_id=str(number),
                standing=Customer.Standing.TOP,
                display_name=each,
                match_keys=joined_keys(match_key(each), ()),
                record={
                    "sync_token": 0,
                    "contact": Contact(name=each, phone=f"555 {number:07}").to_json(),
                    "digest": "",
                },
            )
            for number, each in enumerate(names)
        ),
        batch_size=5000,
    )
    kind = client_type()
    Client.objects.bulk_create(
        (
            Client(name=client_name(number), phone="1", contact_type_id=kind)
            for number in range(count)
        ),
        batch_size=5000,
    )
    return company


def name(number: int) -> str:
    return f"{WORDS[number % 97]} {WORDS[number // 97 % 89]} Number{number}"


def client_name(number: int) -> str:
    if number % 10 == 0:
        return name(number)
    return f"{name(number)}s" if number % 10 == 1 else f"Other{number} {WORDS[number % 83]} Ltd"


WORDS = [
    f"{first}{second}"
    for first in ("Ber", "Har", "Mor", "Wil", "San", "Tor", "Kel", "Lin", "Fos", "Gar")
    for second in ("son", "man", "ton", "ley", "berg", "well", "ford", "ski", "ing", "er")
]


def run(count: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    logging.disable(logging.INFO)  # each ring for a worker
    call_command("migrate", verbosity=0)
    company = timed(
        f"(the workload: {count:,} customers and clients)", lambda: prepare(count)
    ).result
    suggest_pages(company, count)
    save_all(company, count)
    floor(company, count)


def suggest_pages(company: Any, count: int) -> None:
    from wagtail_qbo_sync.sync.bulk.drafts import to_map
    from wagtail_qbo_sync.sync.telling import suggest

    page = list(to_map(company).order_by("pk")[:PAGE])
    timed(
        "suggestions, the first page (makes the index)", lambda: suggest.suggestions(company, page)
    )
    page = list(to_map(company).order_by("-pk")[:PAGE])
    found = timed(
        "suggestions, any other page of 100", lambda: suggest.suggestions(company, page)
    ).result
    exact = sum(any(one.exact for one in each) for each in found.values())
    like = sum(bool(each) and not each[0].exact for each in found.values())
    assert exact == PAGE // 10, exact
    assert like >= PAGE // 10, like


def save_all(company: Any, count: int) -> None:
    from wagtail_qbo_sync.models import Decision, Mapping, Step
    from wagtail_qbo_sync.sync.bulk import decisions, drafts, proposal

    exact = count // 10
    timed("exact names of all", lambda: drafts.exact_names(company))
    applied = timed(
        "apply default value: create new",
        lambda: drafts.apply_default(company, drafts.Do.CREATE, None),
    ).result
    assert (applied.chosen, applied.exact) == (count - exact, exact), applied
    plan = timed(
        "Save all: the plan, until the page answers", lambda: proposal.propose(company, None)
    ).result

    def put_together() -> None:
        while not plan.counts:
            proposal.advance(plan.pk)
            plan.refresh_from_db()

    timed("Save all: the rest of the plan", put_together)
    assert (plan.counts["create"], plan.counts["link"]) == (count - exact, exact), plan.counts
    decided = timed("Save all: noted", lambda: proposal.save(plan, None)).result
    slices: list[float] = []

    def advance() -> None:
        while decided.finished_at is None:
            started = time.process_time()
            decisions.advance(decided.pk, decided.done, seconds=-1)
            slices.append(time.process_time() - started)
            decided.refresh_from_db()

    timed("Save all: carried out", advance)
    longest = f", the longest {max(slices):.2f} s" if slices else ": few are saved at once"
    print(f"  {len(slices)} slices of {decisions.SLICE}{longest}")
    assert decided.counts == {"create": count - exact, "map": exact} and not decided.skipped
    assert Mapping.objects.count() == exact
    assert Step.objects.filter(run=decided.run).count() == count
    assert not Decision.objects.exists(), "every draft has served"


def floor(company: Any, count: int) -> None:
    """The same rows once more, copied in bulk."""
    from wagtail.models import ModelLogEntry

    from wagtail_qbo_sync.models import Mapping, Run, Step

    source = Run.objects.get()
    steps, maps = list(source.steps.all()), list(Mapping.objects.all())
    entries = list(ModelLogEntry.objects.all())
    exact = count // 10  # told of in the histories of the company and of the client
    assert (len(steps), len(maps), len(entries)) == (count, exact, count + exact)
    Mapping.objects.all().delete()
    other = Run.objects.create(
        connection=company, state=Run.State.PLANNING, started_at=source.started_at
    )

    def insert() -> None:
        kinds: list[tuple[list[Any], Any]] = [
            (steps, Step),
            (maps, Mapping),
            (entries, ModelLogEntry),
        ]
        for rows, model in kinds:
            for row in rows:
                row.pk = None
            model.objects.bulk_create(rows, batch_size=500)

    for step in steps:
        step.run = other
    for entry in entries:
        entry.uuid = uuid.uuid4()
    timed("(the floor: the same rows, inserted)", insert)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--database-url", default="")
    options = parser.parse_args()
    with example_site(options.database_url):
        run(options.count)


if __name__ == "__main__":
    main()
