from django.db import migrations, models

STATES = [
    ("unread", "Not compared yet"),
    ("error", "Cannot be used"),
    ("change", "Will change"),
    ("same", "Stays as it is"),
    ("done", "Changed"),
    ("held", "Held back"),
    ("back", "Changed, and taken back"),
]


def note_taken_back(apps, schema_editor):
    """Of undos that were made before this: what they put back, one after the other."""
    database = schema_editor.connection.alias
    batches = apps.get_model("wagtail_qbo_sync", "ImportBatch").objects.using(database)
    rows = apps.get_model("wagtail_qbo_sync", "ImportRow").objects.using(database)
    undos = batches.filter(undoes__isnull=False, state__in=["applying", "done"])
    for pk in undos.order_by("pk").values_list("pk", flat=True):
        clients = list(rows.filter(batch=pk, state="done").values_list("client_pk", flat=True))
        undone = batches.values_list("undoes", flat=True).get(pk=pk)
        was, becomes = "done", "back"
        while undone is not None:
            for start in range(0, len(clients), 500):
                there = clients[start : start + 500]
                rows.filter(batch=undone, client_pk__in=there, state=was).update(state=becomes)
            was, becomes = becomes, was
            undone = batches.values_list("undoes", flat=True).get(pk=undone)


def leave_one_undo(apps, schema_editor):
    """Before this an import had one undo at most, and rows did not say that they were taken back:
    its newest undo stays one, and the others stand by themselves. PostgreSQL alters no table that a
    foreign key is still to be checked of: one that is set to NULL is not."""
    database = schema_editor.connection.alias
    batches = apps.get_model("wagtail_qbo_sync", "ImportBatch").objects.using(database)
    rows = apps.get_model("wagtail_qbo_sync", "ImportRow").objects.using(database)
    rows.filter(state="back").update(state="done")
    undone_by = {}
    undos = batches.filter(undoes__isnull=False).order_by("-pk")
    for pk, undone in undos.values_list("pk", "undoes"):
        if undone_by.setdefault(undone, pk) != pk:
            batches.filter(pk=pk).update(undoes=None)


class Migration(migrations.Migration):
    """An import can be undone in parts, and again for what an undo has left."""

    dependencies = [("wagtail_qbo_sync", "0004_import_by_command")]

    operations = [
        migrations.AlterField(
            "importbatch",
            "undoes",
            models.ForeignKey(
                null=True,
                on_delete=models.deletion.CASCADE,
                related_name="undone_by",
                to="wagtail_qbo_sync.importbatch",
                verbose_name="undoes",
            ),
        ),
        migrations.AddField(
            "importbatch", "only", models.CharField(blank=True, max_length=64, default="")
        ),
        migrations.AlterField(
            "importrow",
            "state",
            models.CharField(choices=STATES, default="unread", max_length=6, verbose_name="what"),
        ),
        migrations.RunPython(note_taken_back, leave_one_undo),
    ]
