"""Contact Types by file (K15): the export and the import of the admin, and what takes one back."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from wagtail_qbo_sync.compat import chunks
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection, ImportBatch, ImportRow
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.types_file import columns, forecast, imports, slices, vocabulary
from wagtail_qbo_sync.sync.types_file.reading import Unreadable

from ._clients import clients_of
from ._terminal import quiet_queue
from ._walking import finish

Rows = ImportRow.State
LOOKED_UP = 500
"""Clients that are looked up at a time."""
NOT_OURS = "Somebody else has confirmed it, or thrown it away, meanwhile."


class Command(BaseCommand):
    help = (
        "Writes clients with their Contact Types to a file, takes such a file in, takes back what "
        "a file has changed, or throws away what nobody has confirmed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        out = acts.add_parser("export", help="write a file")
        out.add_argument("file", type=Path, help="its name ends in .csv or .xlsx")
        out.add_argument("--type", default="", help="only clients of this Contact Type")
        take = acts.add_parser("import", help="take a file in")
        take.add_argument("file", type=Path)
        back = acts.add_parser("undo", help="give the clients of an import back what they had")
        drop = acts.add_parser("discard", help="throw away an import, or an undo, that waits")
        for act in (back, drop):
            act.add_argument("number", type=int, metavar="IMPORT", help="the number of an import")
        back.add_argument("--client", default="", help="the key of one client of it")
        for act in (take, back):
            act.add_argument("--dry-run", action="store_true", help="only say what it would do")

    def handle(self, *args: Any, **options: Any) -> None:
        act = options["act"]
        if act == "export":
            self._export(options["file"], options["type"])
        elif act == "discard":
            self._discard(_import(options["number"]))
        else:
            begin = self._begun if act == "import" else self._undoing
            with quiet_queue():
                self._carry_out(begin(options), options["dry_run"])

    def _export(self, file: Path, kind: str) -> None:
        ending = file.suffix.lower().removeprefix(".")
        if ending not in columns.FORMATS:
            raise CommandError("The file's name has to end in .csv or .xlsx.")
        pks = [str(pk) for pk in clients_of(kind).values_list("pk", flat=True)]
        file.write_bytes(columns.export(get_adapter(), pks, ending))
        self.stdout.write(f"{len(pks)} clients written to {file}.")

    def _begun(self, options: dict[str, Any]) -> ImportBatch:
        file = options["file"]
        try:
            return imports.start(file.read_bytes(), file.name, None)
        except (Unreadable, Refusal, OSError) as error:
            raise CommandError(str(error)) from error

    def _undoing(self, options: dict[str, Any]) -> ImportBatch:
        batch, client_pk = _import(options["number"]), options["client"]
        if waits := imports.open_undo(batch):
            raise CommandError(_in_the_way(waits))
        try:
            back = imports.undo(batch, None, client_pk)
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        if back is None:
            raise CommandError("There is nothing to take back.")
        if back.state in ImportBatch.WRITES:
            raise CommandError(f"It has been undone already, by import {back.pk}.")
        if not back.by_command:  # somebody has just asked for it, too
            raise CommandError(_in_the_way(back))
        return back

    def _carry_out(self, batch: ImportBatch, dry_run: bool) -> None:
        """Say what it would do, and do it, if that is wanted and can be."""
        self._to_the_end(batch)
        is_fit = imports.may_confirm(batch)
        self._say(batch, Rows.CHANGE, Rows.ERROR, Rows.HELD)
        self._foretell(batch)
        if dry_run or not is_fit:
            errors = batch.rows.filter(state=Rows.ERROR).count()
            self._throw_away(batch)
            if errors:
                raise CommandError(f"{errors} rows cannot be used, so nothing was changed.")
            if not is_fit:
                self.stdout.write("No client would change.")
            return
        if not imports.confirm(batch, None):
            raise CommandError(NOT_OURS)
        self._to_the_end(batch)
        if imports.has_moved(batch):
            self._throw_away(batch)
            raise CommandError("QuickBooks has changed meanwhile; nothing was applied. Try again.")
        if batch.trouble:
            self._throw_away(batch)
        self._say(batch, Rows.HELD)
        done = batch.rows.filter(state=Rows.DONE).count()
        self.stdout.write(
            f"{done} clients changed, by import {batch.pk}. "
            f"To take that back: manage.py qbo_types undo {batch.pk}"
        )

    def _throw_away(self, batch: ImportBatch) -> None:
        """Unless somebody has confirmed it meanwhile: what was done stays in the journal. Raises
        CommandError then, and with what is wrong with it as a whole."""
        if not imports.discard(batch):
            raise CommandError(NOT_OURS)
        if told := batch.trouble:
            raise CommandError(told["why"] % told["about"])

    def _discard(self, batch: ImportBatch) -> None:
        if not imports.discard(batch):
            raise CommandError("It is being applied, or has been.")
        self.stdout.write("Thrown away. Nothing was changed.")

    def _to_the_end(self, batch: ImportBatch) -> None:
        finish(
            batch,
            lambda each: each.state not in slices.UNDER_WAY,
            lambda each: slices.advance(each.pk, each.slice, math.inf),
        )

    def _foretell(self, batch: ImportBatch) -> None:
        for line in batch.forecast:
            company = Connection.objects.get(pk=line["company"])
            self.stdout.write(
                f"  {company}: {line['matched']} matched, {line['created']} created in QuickBooks,"
                f" {line['review']} sent to review."
            )
        clients = batch.rows.values_list("client_pk", flat=True) if batch.undoes_id else ()
        for some in chunks(clients, LOOKED_UP):
            for step in forecast.creations(batch, some):
                self.stdout.write(
                    f"  {step.run.connection}: customer {step.qbo_id}, created since, stays. To "
                    f"make it inactive: manage.py qbo_undo {step.run_id} --customer {step.qbo_id}"
                )

    def _say(self, batch: ImportBatch, *states: str) -> None:
        """Its rows in these states, each with what becomes of its client, or why nothing does."""
        labels = dict(get_adapter().contact_type_choices())
        for row in batch.rows.filter(state__in=states).order_by("number").iterator():
            who = row.said.get("name") or row.said.get("email") or row.said.get("key", "")
            what = row.why % row.about if row.why else ""
            if row.state == Rows.CHANGE:
                before, after = (
                    vocabulary.joined(keys, labels) for keys in (row.before, row.after)
                )
                what = f"{before or '-'} -> {after or '-'}"
            self.stdout.write(f"  row {row.number}, {who}: {what}")


def _import(number: int) -> ImportBatch:
    batch = ImportBatch.objects.filter(pk=number).defer("file").first()
    if batch is None:
        raise CommandError(f"There is no import {number}.")
    return batch


def _in_the_way(undo: ImportBatch) -> str:
    """Why nothing else is undone before this undo is over."""
    if undo.state in ImportBatch.WRITES:
        return f"It is being undone just now, by import {undo.pk}."
    return (
        f"An undo of it waits to be confirmed in the admin, import {undo.pk}. To throw that away: "
        f"manage.py qbo_types discard {undo.pk}"
    )
