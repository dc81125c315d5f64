from django.db import migrations, models


class Migration(migrations.Migration):
    """A plan is applied as it was shown: who has changed its ticks how often."""

    dependencies = [("wagtail_qbo_sync", "0005_import_undo_parts")]

    operations = [
        migrations.AddField("run", "ticks", models.JSONField(default=dict)),
    ]
