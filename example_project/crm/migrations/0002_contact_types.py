from django.db import migrations

NAMES = ["Client", "Prospect", "Vendor contact"]


def make(apps, schema_editor):
    types = apps.get_model("crm", "ContactType").objects.using(schema_editor.connection.alias)
    for name in NAMES:
        types.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("crm", "0001_initial")]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
