"""Time and memory of matching, at 10,000 x 10,000 and 100,000 x 100,000 records.

    python benchmarks/match.py             # every world and size, each in a process of its own
    python benchmarks/match.py firms 10000

Worlds: "firms" (two in five are exact pairs, one in five each name only, e-mail only, new) and
"crowd" (everybody shares one address). The outcome is checked before the numbers are printed.
Memory is that of the keys and of the outcome together, over the memory before; the budget for
100,000 is 5 s and 250 MB.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from _measure import megabytes

from wagtail_qbo_sync.contact import email_keys, match_key
from wagtail_qbo_sync.engine.match import ClientKeys, CustomerKeys, Matches, match

SIZES = (10_000, 100_000)


def firm(side: str, number: int) -> tuple[str, str]:
    """Name and e-mail of record `number`: what is shared depends on its last digit."""
    share_name = number % 5 in (0, 1, 2)
    share_email = number % 5 in (0, 1, 3)
    name = f"Firm {number} Ltd" if share_name else f"{side} firm {number}"
    email = f"office@{number}.example" if share_email else f"{side}@{number}.example"
    return name, email


def crowd(side: str, number: int) -> tuple[str, str]:
    """Nobody shares a name, everybody the address."""
    return f"{side} {number}", "info@agency.example"


Typed = Callable[[str, int], tuple[str, str]]
WORLDS: dict[str, Typed] = {"firms": firm, "crowd": crowd}


def customers(typed: Typed, size: int) -> Iterator[CustomerKeys]:
    for number in range(size):
        name, email = typed("customer", number)
        yield CustomerKeys(str(number), match_key(name), email_keys(email))


def clients(typed: Typed, size: int) -> Iterator[ClientKeys]:
    for number in range(size):
        name, email = typed("client", number)
        yield ClientKeys(str(number), match_key(name), email_keys(email))


def check(world: str, size: int, matches: Matches) -> None:
    found = len(matches.matched), len(matches.review), len(matches.unmatched)
    fifth = size // 5
    expected = (2 * fifth, 2 * fifth, fifth) if world == "firms" else (0, size, 0)
    assert found == expected, f"{world}: {found}, expected {expected}"
    if world == "crowd":
        assert all(one.more == size - 20 for one in matches.review.values())


def run(world: str, size: int) -> None:
    before = megabytes()
    typed = WORLDS[world]
    started = time.perf_counter()
    ours, theirs = list(customers(typed, size)), list(clients(typed, size))
    keyed = time.perf_counter()
    matches = match(ours, theirs)
    done = time.perf_counter()
    check(world, size, matches)
    print(
        f"{world:6} {size:7,} x {size:7,}   keys {keyed - started:5.2f} s   "
        f"match {done - keyed:5.2f} s   peak {megabytes() - before:4.0f} MB"
    )


def main(arguments: list[str]) -> None:
    if arguments:
        run(arguments[0], int(arguments[1]))
        return
    for world in WORLDS:
        for size in SIZES:
            subprocess.run([sys.executable, __file__, world, str(size)], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
