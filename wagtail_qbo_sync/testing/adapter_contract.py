"""What every adapter has to hold. A host subclasses one class and knows its adapter is right:

    from django.test import TestCase
    from wagtail_qbo_sync.testing import AdapterContract

    class TestFirmAdapter(AdapterContract, TestCase):
        pass

It works with `manage.py test` and with pytest, on the adapter and the client model that the
settings name.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.checks import ERROR
from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.test.utils import CaptureQueriesContext

from wagtail_qbo_sync.contact import (
    ADDRESSES,
    FIELDS,
    Address,
    Contact,
    Value,
    content_digest,
    fields_of,
    project,
    same,
)
from wagtail_qbo_sync.host.adapter import ClientAdapter, ClientRecord, Refused, get_adapter

if TYPE_CHECKING:
    from django.test import TestCase as _Base
else:
    _Base = object

_WRITES = ("INSERT", "UPDATE", "DELETE")


class AdapterContract(_Base):
    """Mix into a TestCase. Override `contact` if your model takes only certain values."""

    volatile: ClassVar[Collection[str]] = ()
    """Fields of your model that save() changes by itself, such as `modified_at`."""

    @property
    def adapter(self) -> ClientAdapter:
        """The adapter under test."""
        return get_adapter()

    def contact(self, number: int) -> Contact:
        """A contact that your model takes; another number gives another name and e-mail."""
        return Contact(
            name=f"Sample {chr(65 + number % 26)}{number}",
            company_name=f"Sample Company {number}",
            email=f"sample{number}@example.org",
            phone=f"+1 555 010 {number:04d}",
            mobile=f"+1 555 011 {number:04d}",
            mailing_address=self.address(number),
            physical_address=self.address(number + 1),
            alternate_phone=f"+1 555 012 {number:04d}",
            fax=f"+1 555 013 {number:04d}",
            given_name="Sam",
            family_name=f"Ple{number}",
        )

    def address(self, number: int) -> Address:
        """An address that your model takes."""
        return Address(f"{number} Main St", f"Unit {number}", "Salem", "MA", "01970", "USA")

    # -------------------------------------------------------------------------------------

    def test_the_system_check_finds_no_error(self) -> None:
        self.assertEqual([one for one in self.adapter.check() if one.level >= ERROR], [])

    def test_a_new_client_holds_what_was_given(self) -> None:
        record = self.new(1)
        self.assert_says(record.contact, self.held(self.contact(1)))
        self.assertEqual(record.label, self.adapter.label(record.pk, record.contact))

    def test_a_contact_with_a_name_alone_is_taken_or_refused(self) -> None:
        try:
            with transaction.atomic():
                record = self.adapter.new(Contact(name="Sample Only"), self.a_type())
        except Refused as refusal:
            self.assertTrue(refusal.message)
        else:
            self.assert_says(record.contact, Contact(name="Sample Only"))

    def test_reading_one_and_reading_all_say_the_same(self) -> None:
        records = {record.pk: record for record in (self.new(n) for n in range(3))}
        self.assertEqual({one.pk: one for one in self.adapter.records()}, records)
        self.assertEqual({one.pk: one for one in self.adapter.records(list(records))}, records)
        with transaction.atomic():
            locked = self.adapter.lock([*records, "no such key"])
            self.assertEqual({pk: self.adapter.read(one) for pk, one in locked.items()}, records)

    def test_each_field_is_written_alone(self) -> None:
        neighbour = self.new(1)
        other = self.contact(2)
        for name in sorted(fields_of(self.adapter.paths)):
            with self.subTest(field=name):
                pk = self.new(3).pk
                written = self.write(pk, {name: getattr(other, name)})
                expected = self.held(self.contact(3).changed({name: getattr(other, name)}))
                self.assert_says(written.contact, expected)
                self.delete(pk)
        self.assertEqual(self.reread(neighbour.pk), neighbour)

    def test_each_field_can_be_emptied_or_is_refused(self) -> None:
        for name in sorted(fields_of(self.adapter.paths)):
            with self.subTest(field=name):
                record = self.new(1)
                empty: Value = Address() if name in ADDRESSES else ""
                try:
                    with transaction.atomic():
                        after = self.write(record.pk, {name: empty}).contact
                except Refused as refusal:
                    self.assertEqual(refusal.field.partition(".")[0], name)
                    after = self.reread(record.pk).contact
                    self.assertEqual(after, record.contact)
                else:
                    self.assertFalse(getattr(after, name))
                self.delete(record.pk)

    def test_writing_what_is_there_saves_nothing(self) -> None:
        record = self.new(1)
        with CaptureQueriesContext(connection) as queries:
            again = self.write(record.pk, record.contact.values())
        self.assertEqual(again, record)
        self.assertEqual(self.writes(queries), [])

    def test_what_the_host_does_not_hold_is_ignored(self) -> None:
        record = self.new(1)
        others = set(FIELDS) - fields_of(self.adapter.paths)
        with CaptureQueriesContext(connection) as queries:
            after = self.write(record.pk, self.contact(2).values(others))
        self.assertEqual(after, record)
        self.assertEqual(self.writes(queries), [])

    def test_nothing_else_of_the_row_changes(self) -> None:
        record = self.new(1)
        before = self.row(record.pk)
        self.write(record.pk, self.contact(2).values())
        after = self.row(record.pk)
        ours = {f for f in self.adapter.field_names if self.adapter.path_of(f)}
        for name in before.keys() - ours - set(self.volatile):
            self.assertEqual(after[name], before[name], name)

    def test_a_long_text_is_kept_whole_or_refused(self) -> None:
        for name in sorted(fields_of(self.adapter.paths)):
            with self.subTest(field=name):
                record = self.new(1)
                text = "x" * 6000
                value: Value = Address(line1=text) if name in ADDRESSES else text
                try:
                    with transaction.atomic():
                        after = self.write(record.pk, {name: value})
                except Refused as refusal:
                    self.assertEqual(refusal.field.partition(".")[0], name)
                    self.assertEqual(self.reread(record.pk), record)
                else:
                    kept = self.held(record.contact.changed({name: value}))
                    self.assertEqual(getattr(after.contact, name), getattr(kept, name))
                self.delete(record.pk)

    def test_no_manager_hides_a_client(self) -> None:
        self.new(1)
        everybody: QuerySet[Model] = QuerySet(self.adapter.model)
        self.assertEqual(self.adapter.queryset().count(), everybody.count())

    def test_search_finds_by_words_of_the_name(self) -> None:
        records = [self.new(n) for n in range(3)]
        found = self.adapter.search(records[1].contact.name)
        self.assertEqual([str(client.pk) for client in found], [records[1].pk])
        self.assertEqual(len(self.adapter.search("sample", limit=2)), 2)
        nobody = self.adapter.queryset().none()
        self.assertEqual(list(self.adapter.search("sample", within=nobody)), [])

    def test_clients_are_seen_only_with_rights(self) -> None:
        self.new(1)
        users = get_user_model()._default_manager
        superuser = users.create_superuser(**self.credentials())
        clients = self.adapter.queryset()
        self.assertEqual(self.adapter.visible_to(superuser, clients).count(), clients.count())
        self.assertEqual(self.adapter.visible_to(AnonymousUser(), clients).count(), 0)

    def test_reading_and_locking_take_as_many_queries_for_many_as_for_few(self) -> None:
        self.new(0)
        few = self.count_queries()
        for number in range(1, 8):
            self.new(number)
        self.assertEqual(self.count_queries(), few)

    def test_many_are_written_as_one_by_one(self) -> None:
        pks = [self.new(n).pk for n in range(4)]
        with transaction.atomic():
            locked = self.adapter.lock(pks)
            items = [(locked[pk], self.contact(n + 10).values()) for n, pk in enumerate(pks)]
            outcomes = self.adapter.write_many(items)
        for number, (pk, outcome) in enumerate(zip(pks, outcomes, strict=True)):
            assert isinstance(outcome, ClientRecord), outcome
            self.assertEqual(outcome, self.reread(pk))
            self.assert_says(outcome.contact, self.held(self.contact(number + 10)))

    def test_many_are_made_as_one_by_one_and_a_bad_one_stops_only_itself(self) -> None:
        contacts = [self.contact(n) for n in range(4)]
        bad = Contact(name="x" * 100_000, email="no address at all " * 50)
        with transaction.atomic():
            outcomes = self.adapter.new_many(
                [(one, self.a_type()) for one in (*contacts[:2], bad, *contacts[2:])]
            )
        good = [outcome for outcome in outcomes if isinstance(outcome, ClientRecord)]
        self.assertGreaterEqual(len(good), 4)
        for contact, outcome in zip(contacts, (*outcomes[:2], *outcomes[3:]), strict=True):
            assert isinstance(outcome, ClientRecord), outcome
            self.assert_says(outcome.contact, self.held(contact))

    def test_contact_types_are_kept(self) -> None:
        choices = dict(self.adapter.contact_type_choices())
        default = self.adapter.default_contact_type()
        self.assertTrue(not default or default in choices)
        for number, key in enumerate(choices):
            with self.subTest(contact_type=key):
                record = self.adapter.new(self.contact(number), key)
                self.assertIn(key, record.contact_types)
                self.assertEqual(self.reread(record.pk).contact_types, record.contact_types)

    def test_only_the_contact_type_is_written(self) -> None:
        choices = dict(self.adapter.contact_type_choices())
        record = self.new(1)
        before = self.row(record.pk)
        columns = self.adapter.model._meta.concrete_fields
        own = {one.name for one in columns if one.attname == self.adapter.contact_types.column}
        for key in choices:
            with self.subTest(contact_type=key), transaction.atomic():
                self.adapter.write_contact_types(self.adapter.lock([record.pk])[record.pk], [key])
                written = self.reread(record.pk)
                self.assertEqual(written.contact_types, (key,))
                self.assert_says(written.contact, record.contact)
        after = self.row(record.pk)
        for name in before.keys() - own - set(self.volatile):
            self.assertEqual(after[name], before[name], name)

    def test_a_contact_type_that_is_not_there_is_refused(self) -> None:
        unknown = "no such type"
        if not self.adapter.contact_types.unknown([unknown]):
            self.skipTest("This site takes any text for a Contact Type.")
        record = self.new(1)
        with self.assertRaises(Refused), transaction.atomic():
            client = self.adapter.lock([record.pk])[record.pk]
            self.adapter.write_contact_types(client, [unknown])
        self.assertEqual(self.reread(record.pk), record)

    def test_archiving_changes_nothing_that_is_synced_and_is_taken_back(self) -> None:
        adapter = self.adapter
        if not adapter.can_archive:
            self.skipTest("This adapter does not say how clients are archived.")
        record = self.new(1)
        before = self.row(record.pk)
        for act in (adapter.archive, adapter.unarchive):
            for changed in (True, False):
                with transaction.atomic():
                    self.assertIs(act(adapter.lock([record.pk])[record.pk]), changed)
                self.assertEqual(self.reread(record.pk), record)
        after = self.row(record.pk)
        for name in before.keys() - set(self.volatile):
            self.assertEqual(after[name], before[name], name)

    def test_the_digest_is_stable(self) -> None:
        record = self.new(1)
        digest = content_digest(record.contact.values(), *record.contact_types)
        again = self.reread(record.pk)
        self.assertEqual(content_digest(again.contact.values(), *again.contact_types), digest)
        self.assertEqual(type(self.adapter)().version, self.adapter.version)

    # -------------------------------------------------------------------------------------

    def credentials(self) -> dict[str, Any]:
        """What your user model needs to make a superuser."""
        name = get_user_model().USERNAME_FIELD
        return {name: "contract@example.org", "email": "contract@example.org", "password": None}

    def a_type(self) -> str:
        """The Contact Type of the clients that are made here."""
        return self.adapter.default_contact_type()

    def new(self, number: int) -> ClientRecord:
        """A new client, of `contact(number)`."""
        return self.adapter.new(self.contact(number), self.a_type())

    def write(self, pk: str, values: dict[str, Value]) -> ClientRecord:
        """Write to a client that is locked first."""
        with transaction.atomic():
            return self.adapter.write(self.adapter.lock([pk])[pk], values)

    def reread(self, pk: str) -> ClientRecord:
        """The client as the database has it."""
        return next(self.adapter.records([pk]))

    def delete(self, pk: str) -> None:
        """Remove a client again."""
        self.adapter.queryset().filter(pk=pk).delete()

    def row(self, pk: str) -> dict[str, Any]:
        """Every field of the client's own row."""
        names = self.adapter.field_names
        return self.adapter.queryset().filter(pk=pk).values(*names).get()

    def held(self, contact: Contact) -> Contact:
        """The contact without what this host does not hold."""
        return project(contact, self.adapter.paths)

    def assert_says(self, contact: Contact, expected: Contact) -> None:
        """The two say the same in every field (rule 9)."""
        for name in FIELDS:
            one, other = getattr(contact, name), getattr(expected, name)
            self.assertTrue(same(name, one, other), f"{name}: {one!r} instead of {other!r}")

    def count_queries(self) -> tuple[int, int]:
        """Queries for reading all, and for locking and reading all."""
        pks = [str(pk) for pk in self.adapter.queryset().values_list("pk", flat=True)]
        with CaptureQueriesContext(connection) as reading:
            list(self.adapter.records())
        with transaction.atomic(), CaptureQueriesContext(connection) as locking:
            for client in self.adapter.lock(pks).values():
                self.adapter.read(client)
        return len(reading), len(locking)

    def writes(self, queries: CaptureQueriesContext) -> list[str]:
        """Those of the queries that change something."""
        return [q["sql"] for q in queries.captured_queries if q["sql"].startswith(_WRITES)]
