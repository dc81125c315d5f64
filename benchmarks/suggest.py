"""Time, memory and yield of suggestions: a page of 100 customers among up to 100,000 clients.

    python benchmarks/suggest.py                     # every size and way to compare
    python benchmarks/suggest.py difflib 10000

Half of the clients are people, half are firms; some names are much more frequent than others, as
in life. Each customer is one of the clients as somebody else typed it: letters wrong, words
swapped, another legal form. Of its e-mail, phone and address each is there half the time; "name
only" are those that have none of them. The workload is checked before the numbers are printed:
the client that is meant must be among the first five for 85 of 100. Times are of the processor.
Budget for 100,000 clients: 3 s for the index, 2 ms a customer.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import accumulate, product

from _measure import megabytes

from wagtail_qbo_sync.contact import Address, Contact
from wagtail_qbo_sync.engine.suggest import (
    Compare,
    SuggestClient,
    Suggester,
    by_difflib,
    by_rapidfuzz,
    of,
)

SIZES = (10_000, 100_000)
CUSTOMERS = 2_000
ENOUGH = 0.85
COMPARES: dict[str, Compare] = {"rapidfuzz": by_rapidfuzz, "difflib": by_difflib}


def words(text: str) -> list[str]:
    return text.split()


GIVEN = words(
    "Mary James Anna John Linda Robert Susan David Karen Peter Nancy Paul Laura Mark Julia Eric "
    "Helen Frank Diane Carl Alice Henry Janet Oscar Ruth Simon Clara Louis Edith Bruno Greta Ivan"
)
FAMILY = [
    "".join(syllables).capitalize()
    for syllables in product(
        words("ber har mor wil sand tor kel lind fos gar hol bran step mar pet jon"),
        words("ri le ma de ing o ana er"),
        words("son man ton ley berg well ford ski"),
    )
]
TRADES = words(
    "Plumbing Dental Consulting Bakery Logistics Design Roofing Electric Landscaping Catering "
    "Accounting Properties Builders Motors Foods Media Labs Studio"
)
FORMS = ["", "", " Inc", ", Inc.", " LLC", " Ltd", " Co.", " Corp"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class World:
    """Clients, and some of them once more as customers."""

    def __init__(self, size: int, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.families = self.random.sample(FAMILY, len(FAMILY))
        self.weights = list(accumulate(1 / (rank + 10) for rank in range(len(FAMILY))))
        self.clients = [self.contact(number) for number in range(size)]
        self.meant = self.random.sample(range(size), min(CUSTOMERS, size))
        self.customers = [self.retyped(self.clients[number]) for number in self.meant]

    def family(self) -> str:
        return self.random.choices(self.families, cum_weights=self.weights)[0]

    def person(self) -> tuple[str, str]:
        """Name and e-mail domain."""
        pick = self.random.choice
        name = f"{pick(GIVEN)} {pick(LETTERS).upper()} {self.family()}"
        return name, pick(("gmail.com", "yahoo.com", "outlook.com"))

    def firm(self) -> tuple[str, str]:
        pick = self.random.choice
        first, second = self.family(), pick((self.family(), "& Sons", pick(TRADES)))
        return f"{first} {second} {pick(TRADES)}{pick(FORMS)}", f"{first.lower()}.example"

    def contact(self, number: int) -> Contact:
        name, domain = self.person() if number % 2 else self.firm()
        below = self.random.randrange
        return Contact(
            name=name,
            email=f"{name.split()[0].lower()}{number}@{domain}",
            phone=f"({below(200, 999)}) 555-{number % 10_000:04}",
            mailing_address=Address(
                f"{below(1, 900)} {self.family()} St", postal_code=f"{below(600):05}"
            ),
        )

    def retyped(self, client: Contact) -> Contact:
        def kept() -> bool:
            return self.random.random() < 0.5

        digits = "".join(char for char in client.phone if char.isdigit())
        return Contact(
            name=self.mistyped(client.name),
            email=client.email.upper() if kept() else "",
            phone=f"+1 {digits[:3]}.{digits[3:6]}.{digits[6:]}" if kept() else "",
            mailing_address=client.mailing_address if kept() else Address(),
        )

    def mistyped(self, name: str) -> str:
        """One or two letters wrong; and in one of three, something else is other."""
        for _ in range(self.random.choice((1, 1, 2))):
            name = self.typo(name)
        way = self.random.randrange(6)
        if way == 0:
            first, _, rest = name.partition(" ")
            return f"{rest}, {first}"
        if way == 1:
            return name.replace(" & ", " and ").replace("Inc", "LLC").upper()
        return name

    def typo(self, name: str) -> str:
        at = self.random.randrange(len(name) - 1)
        letter = self.random.choice(LETTERS)
        before, one, two, after = name[:at], name[at], name[at + 1], name[at + 2 :]
        middle = self.random.choice((two + one, letter + two, two, one + letter + two))
        return before + middle + after


def named_only(customer: Contact) -> bool:
    return not (customer.email or customer.phone or customer.mailing_address)


def share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits)


def run(compare: str, size: int) -> None:
    world = World(size)
    clients = [of(str(number), contact) for number, contact in enumerate(world.clients)]
    customers = [of("", contact) for contact in world.customers]
    before = megabytes()
    started = time.process_time()
    suggester = Suggester(clients, COMPARES[compare])
    built = time.process_time() - started
    times, hits = measured(suggester, customers, world.meant)
    only = [hit for hit, contact in zip(hits, world.customers, strict=True) if named_only(contact)]
    assert len(only) > len(hits) / 20, "too few customers with nothing but a name"
    found = share(hits)
    assert found >= ENOUGH, f"only {found:.1%} found"
    print(
        f"{compare:9} {size:7,} clients   index {built:4.2f} s  {megabytes() - before:4.0f} MB   "
        f"a customer {statistics.mean(times):4.2f} ms (of 100, the slowest: "
        f"{statistics.quantiles(times, n=100)[-1]:4.2f})   "
        f"found {found:.1%}, name only {share(only):.1%}"
    )


def measured(
    suggester: Suggester, customers: list[SuggestClient], meant: list[int]
) -> tuple[list[float], list[bool]]:
    """Milliseconds for each customer, and whether its client was suggested."""
    times, hits = [], []
    for customer, number in zip(customers, meant, strict=True):
        started = time.process_time()
        suggestions = suggester.suggest(customer)
        times.append(1000 * (time.process_time() - started))
        hits.append(str(number) in {suggestion.pk for suggestion in suggestions})
    return times, hits


def main(arguments: list[str]) -> None:
    if arguments:
        run(arguments[0], int(arguments[1]))
        return
    for size, compare in product(SIZES, COMPARES):
        subprocess.run([sys.executable, __file__, compare, str(size)], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
