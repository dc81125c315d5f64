"""Why a customer or a client stands where it stands, in plain sentences for one person (U6).

Pure: facts in (`sync.telling.why.Facts`), sentences out, in the order in which things happen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.sync.telling.why import Facts

from .ahead import ahead
from .decided import decided
from .past import read, written
from .words import Names, Sentence

PARTS = (
    (_("What was read"), read),
    (_("What was decided"), decided),
    (_("What was written"), written),
    (_("What happens next"), ahead),
)


@dataclass(frozen=True, slots=True)
class Part:
    """Sentences under a heading."""

    heading: str
    sentences: tuple[Sentence, ...]


def tell(facts: Facts, names: Names) -> list[Part]:
    """All there is to say."""
    return [Part(str(heading), tuple(say(facts, names))) for heading, say in PARTS]


def clients_of(facts: Facts) -> Iterator[str]:
    """Keys of the clients that the sentences name."""
    yield facts.client_pk
    yield from facts.namesakes
    for decision in facts.decisions:
        yield from (decision.client_pk, decision.facts.get("client", ""))
    yield from (change.client_pk for change in facts.changes)
    yield from (customer.client_pk for customer in facts.alike)
    for case in facts.cases:
        yield from (candidate["pk"] for candidate in case.facts.get("candidates", ()))
