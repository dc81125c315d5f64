"""Contact Types by file (K15): the export and the import of the admin."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection, ImportBatch, ImportRow
from wagtail_qbo_sync.sync.types_file import columns, imports, slices
from wagtail_qbo_sync.sync.types_file.reading import Unreadable

from ._clients import clients_of
from ._terminal import quiet_queue

State = ImportBatch.State
Rows = ImportRow.State


class Command(BaseCommand):
    help = "Writes clients with their Contact Types to a file, or takes such a file in."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        out = acts.add_parser("export", help="write a file")
        out.add_argument("file", type=Path, help="its name ends in .csv or .xlsx")
        out.add_argument("--type", default="", help="only clients of this Contact Type")
        back = acts.add_parser("import", help="take a file in")
        back.add_argument("file", type=Path)
        back.add_argument("--dry-run", action="store_true", help="only say what it would do")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["act"] == "export":
            self._export(options["file"], options["type"])
            return
        with quiet_queue():
            self._import(options["file"], options["dry_run"])

    def _export(self, file: Path, kind: str) -> None:
        ending = file.suffix.lower().removeprefix(".")
        if ending not in columns.FORMATS:
            raise CommandError("The file's name has to end in .csv or .xlsx.")
        pks = [str(pk) for pk in clients_of(kind).values_list("pk", flat=True)]
        file.write_bytes(columns.export(get_adapter(), pks, ending))
        self.stdout.write(f"{len(pks)} clients written to {file}.")

    def _import(self, file: Path, dry_run: bool) -> None:
        try:
            batch = imports.start(file.read_bytes(), file.name, None)
        except (Unreadable, OSError) as error:
            raise CommandError(str(error)) from error
        self._to_the_end(batch)
        is_fit = imports.may_confirm(batch)
        self._say(batch)
        self._foretell(batch)
        if batch.state == State.REFUSED or dry_run or not is_fit:
            errors = batch.rows.filter(state=Rows.ERROR).count()
            told = batch.trouble
            batch.delete()
            if told:
                raise CommandError(told["why"] % told["about"])
            if errors:
                raise CommandError(f"{errors} rows cannot be used, so nothing was changed.")
            return
        imports.confirm(batch)
        self._to_the_end(batch)
        if imports.has_moved(batch):
            batch.delete()
            raise CommandError("QuickBooks has changed meanwhile; nothing was applied. Try again.")
        self._say(batch, Rows.HELD)
        done = batch.rows.filter(state=Rows.DONE).count()
        self.stdout.write(f"{done} clients changed. Import {batch.pk}; the admin can undo it.")

    def _to_the_end(self, batch: ImportBatch) -> None:
        slices.advance(batch.pk, batch.slice, math.inf)
        batch.refresh_from_db()

    def _foretell(self, batch: ImportBatch) -> None:
        for line in batch.forecast:
            company = Connection.objects.get(pk=line["company"])
            self.stdout.write(
                f"  {company}: {line['matched']} matched, {line['created']} created in QuickBooks,"
                f" {line['review']} sent to review."
            )

    def _say(self, batch: ImportBatch, *states: str) -> None:
        """The rows that change something, cannot be used, or were held back."""
        labels = dict(get_adapter().contact_type_choices())
        rows = batch.rows.filter(state__in=states or (Rows.CHANGE, Rows.ERROR)).order_by("number")
        for row in rows.iterator():
            who = row.said.get("name") or row.said.get("email") or row.said.get("key", "")
            what = row.why % row.about if row.why else ""
            if row.state == Rows.CHANGE:
                before, after = (columns.joined(keys, labels) for keys in (row.before, row.after))
                what = f"{before or '-'} -> {after}"
            self.stdout.write(f"  row {row.number}, {who}: {what}")
