from django.db import migrations, models

KINDS = [
    ("review", "Possible duplicate"),
    ("conflict", "Changed on both sides"),
    ("refused", "Refused by the site"),
    ("unsendable", "QuickBooks would not take it"),
    ("not_taken", "Refused by QuickBooks"),
    ("kept", "QuickBooks kept something else"),
    ("alike", "Like a customer in QuickBooks"),
    ("unreadable", "Unreadable in QuickBooks"),
    ("inactive", "Mapped customer is inactive"),
    ("gone", "Mapped customer is no longer in QuickBooks"),
    ("merged", "Mapped customer was merged into another"),
    ("client_deleted", "Client deleted on the site"),
    ("deletions", "Many clients deleted on the site"),
    ("reset", "Company reset in QuickBooks"),
    ("undo", "Not taken back"),
]


class Migration(migrations.Migration):
    """Another thing that waits for a person: what an undo left because it was edited since."""

    dependencies = [("wagtail_qbo_sync", "0002_import_confirmed_by")]

    operations = [
        migrations.AlterField("case", "kind", models.CharField(choices=KINDS, max_length=20)),
    ]
