"""Whatever we export comes back as "no changes", whatever clients and Contact Types are called."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from crm.models import Client, ContactType
from hypothesis import given, settings
from hypothesis import strategies as st

from wagtail_qbo_sync.contact import Contact
from wagtail_qbo_sync.host.adapter import ClientRecord, get_adapter
from wagtail_qbo_sync.models import ImportRow
from wagtail_qbo_sync.sync.types_file import columns, imports, reading
from wagtail_qbo_sync.sync.types_file.columns import FORMATS, Said
from wagtail_qbo_sync.sync.types_file.compare import Verdict, judge
from wagtail_qbo_sync.sync.types_file.vocabulary import Types

State = ImportRow.State
LABELS = [
    *("Client", "client", "CLIENT ", "Ｃlient", "Client (1)", "client (2)", "1", "2", "007", "7"),
    *(
        "=1+1",
        "'=1+1",
        "''=1+1",
        " '=1+1",
        "+49",
        "-",
        "@x",
        "\t=1",
        "'",
        "“Ida”",
        '"',
        "a,b",
        "TRUE",
    ),
    *(
        "VIP; gold",
        "VIP",
        "gold",
        ";",
        "",
        " ",
        "\u200b",
        "two\nlines",
        "two\r\nlines",
        "two lines",
        "\r0",
        "0\r",
    ),
    *(
        "straße",
        "STRASSE",
        "é",
        "e\u0301",
        "bell\x07",
        "bell",
        "\ufffe",
        "🦊",
        "#REF!",
        "1.0",
        "1e3",
    ),
]
"""Names that somebody could give a Contact Type, each alone or beside its like."""
texts = st.one_of(st.sampled_from(LABELS), st.text(st.characters(exclude_categories=["Cs"])))
keys = st.one_of(st.sampled_from(["1", "2", "3", "client", "Client", "a;b", "=1"]), texts)


def shape(choices: dict[str, str], several: bool, records: dict[str, ClientRecord]) -> Any:
    """As much of an adapter as a file needs."""
    return SimpleNamespace(
        contact_type_choices=lambda: list(choices.items()),
        contact_types=SimpleNamespace(several=several),
        field_map={},
        records=lambda pks: [records[pk] for pk in pks],
    )


@st.composite
def sites(draw: st.DrawFn) -> tuple[Any, dict[str, ClientRecord]]:
    """A site's types, and clients who have them, or one that is none any more."""
    choices = draw(st.dictionaries(keys.filter(bool), texts, max_size=6))
    if draw(st.booleans()):  # a plain text is its own key
        choices = {key: key for key in choices}
    several = draw(st.booleans())
    held = st.sampled_from([*choices, "gone"])
    records = {}
    for number in range(1, draw(st.integers(1, 4)) + 1):
        theirs = draw(st.lists(held, max_size=3 if several else 1, unique=True))
        name, email = draw(texts), draw(texts)
        pk = str(number)
        records[pk] = ClientRecord(pk, name, Contact(name=name, email=email), tuple(theirs))
    return shape(choices, several, records), records


def read_back(adapter: Any, records: dict[str, ClientRecord], kind: str) -> list[Said]:
    return columns.understood(reading.read(columns.export(adapter, records, kind)), adapter).rows


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=40)
@given(site=sites())
def test_what_nobody_touched_changes_nothing(kind: str, site: Any) -> None:
    adapter, records = site
    rows = read_back(adapter, records, kind)
    assert [row.key for row in rows] == list(records)
    types = Types(adapter.contact_type_choices(), adapter.contact_types.several)
    for row in rows:
        record = records[row.key]
        held = tuple(sorted(record.contact_types))
        verdict = judge(row, record, types)
        assert (verdict.state, verdict.before, verdict.after) == (State.SAME, held, held)
        assert not verdict.about


@given(labels=st.lists(texts, max_size=6), several=st.booleans())
def test_what_an_export_says_of_a_type_means_that_type_in_any_row(
    labels: list[str], several: bool
) -> None:
    types = Types([(f"k{number}", label) for number, label in enumerate(labels)], several)
    somebody = ClientRecord("1", "Anna Berg", Contact(name="Anna Berg"), ())
    for key in types.labels:
        said = str(columns.TEXT.clean(columns.TEXT.render(types.cell([key]))))
        verdict = judge(Said(2, key="1", types=said), somebody, types)
        assert verdict == Verdict(State.CHANGE, (), (key,))


def test_only_what_could_be_mistaken_is_written_with_its_key() -> None:
    types = Types([("3", "Client"), ("4", "client"), ("5", "Prospect"), ("6", "")], False)
    assert types.written == {"3": "Client (3)", "4": "client (4)", "5": "Prospect", "6": "(6)"}


def test_texts_that_are_their_own_keys_are_written_as_they_are() -> None:
    types = Types([("Client", "Client"), ("client", "client")], False)
    assert types.written == {"Client": "Client", "client": "client"}
    assert types.read("client") == ("client",)


@pytest.mark.parametrize("kind", FORMATS)
def test_types_that_differ_only_in_capitals(dana: Any, kind: str, db: None) -> None:
    for name in ("Client", "client", "=1+1", "'=1+1", "007", "7"):
        kept, _made = ContactType.objects.get_or_create(name=name)
        Client.objects.create(name=f"’{name}’", phone="1", contact_type=kept)
    pks = [str(pk) for pk in Client.objects.values_list("pk", flat=True)]
    file = columns.export(get_adapter(), pks, kind)
    batch = imports.start(file, f"types.{kind}", dana)
    assert set(batch.rows.values_list("state", "why")) == {(State.SAME, "")}
    assert batch.rows.count() == len(pks)
