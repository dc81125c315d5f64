from django.db import migrations


class Migration(migrations.Migration):
    """Needs our tables, as a host's own data migration may."""

    dependencies = [("zhost", "0002_customer"), ("wagtail_qbo_sync", "0001_initial")]
    operations = []
