import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from wagtail_qbo_sync.conf import client_model
from wagtail_qbo_sync.host.swappable import CreateForClient, client_migration


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        client_migration(),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Connection",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("realm_id", models.CharField(max_length=32, verbose_name="company ID")),
                ("environment", models.CharField(max_length=16, verbose_name="environment")),
                ("company_name", models.CharField(max_length=255, verbose_name="company")),
                ("api_url", models.CharField(max_length=255, verbose_name="API address")),
                ("installation", models.JSONField(default=dict, verbose_name="installation")),
                (
                    "contact_type",
                    models.CharField(
                        blank=True, max_length=255, verbose_name="Contact Type of new clients"
                    ),
                ),
                (
                    "pushed_types",
                    models.JSONField(
                        default=list, verbose_name="Contact Types pushed to QuickBooks"
                    ),
                ),
                (
                    "unmatched",
                    models.CharField(
                        choices=[
                            ("wait", "Wait for a person to decide"),
                            ("create", "Create a client"),
                            ("exclude", "Exclude it from syncing"),
                        ],
                        default="wait",
                        max_length=16,
                        verbose_name="customers that match no client",
                    ),
                ),
                (
                    "hierarchy",
                    models.CharField(
                        choices=[("top", "Top-level customers only"), ("sub", "Sub-customers too")],
                        default="top",
                        max_length=16,
                        verbose_name="which customers",
                    ),
                ),
                (
                    "visit_minutes",
                    models.PositiveSmallIntegerField(
                        default=2,
                        validators=[django.core.validators.MaxValueValidator(1440)],
                        verbose_name="minutes after which a visit asks for a sync",
                    ),
                ),
                (
                    "poll_minutes",
                    models.PositiveSmallIntegerField(
                        default=15,
                        validators=[django.core.validators.MaxValueValidator(1440)],
                        verbose_name="minutes after which a sync is asked for by itself",
                    ),
                ),
                (
                    "direction",
                    models.CharField(
                        choices=[
                            ("two_way", "Both ways"),
                            ("pull", "Only from QuickBooks to the site"),
                            ("push", "Only from the site to QuickBooks"),
                        ],
                        default="two_way",
                        max_length=8,
                        verbose_name="direction",
                    ),
                ),
                (
                    "field_directions",
                    models.JSONField(default=dict, verbose_name="direction by field"),
                ),
                (
                    "on_conflict",
                    models.CharField(
                        choices=[
                            ("ask", "Ask a person"),
                            ("qbo", "QuickBooks wins"),
                            ("site", "The site wins"),
                        ],
                        default="ask",
                        max_length=8,
                        verbose_name="changed on both sides",
                    ),
                ),
                (
                    "inactive_policy",
                    models.CharField(
                        choices=[
                            ("flag", "Show it as a problem"),
                            ("archive", "Archive the client"),
                            ("leave", "Leave the client as it is"),
                        ],
                        default="flag",
                        max_length=8,
                        verbose_name="customers that turn inactive",
                    ),
                ),
                ("connected_at", models.DateTimeField(verbose_name="connected at")),
                (
                    "disconnected_at",
                    models.DateTimeField(null=True, verbose_name="disconnected at"),
                ),
                (
                    "connected_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "QuickBooks connection",
                "verbose_name_plural": "QuickBooks connections",
                "permissions": [
                    ("connect_connection", "Can connect and disconnect QuickBooks companies"),
                    ("sync_connection", "Can start a QuickBooks sync and approve its plan"),
                ],
                "default_permissions": ("change",),
            },
        ),
        migrations.CreateModel(
            name="Footprint",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("client_pk", models.CharField(max_length=64, unique=True)),
                ("digest", models.CharField(max_length=32)),
                ("version", models.CharField(max_length=32)),
                ("replaced", models.JSONField(default=dict)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="SiteState",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("client_model", models.CharField(blank=True, max_length=120)),
                ("heartbeat_at", models.DateTimeField(null=True)),
                ("pruned_at", models.DateTimeField(null=True)),
                ("webhooks_refused", models.PositiveBigIntegerField(default=0)),
                ("lease_until", models.DateTimeField(null=True)),
                ("epoch", models.PositiveBigIntegerField(default=0)),
                ("slice", models.PositiveBigIntegerField(default=0)),
                ("crashes", models.PositiveSmallIntegerField(default=0)),
                (
                    "sweep",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Not sweeping"),
                            ("deleted", "Looking for deleted clients"),
                            ("clients", "Comparing clients"),
                        ],
                        max_length=8,
                    ),
                ),
                ("swept_to", models.CharField(blank=True, max_length=64)),
                ("wanted", models.PositiveBigIntegerField(default=0)),
                ("served", models.PositiveBigIntegerField(default=0)),
                ("swept_at", models.DateTimeField(null=True)),
                ("filled", models.CharField(blank=True, max_length=32)),
                ("field_maps", models.JSONField(default=dict)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Touched",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("client_pk", models.CharField(max_length=64)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="WebhookEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("body_hash", models.CharField(max_length=64, unique=True)),
                ("received_at", models.DateTimeField(db_index=True)),
                ("heard", models.PositiveIntegerField()),
                ("ignored", models.PositiveIntegerField()),
                ("merges", models.JSONField(null=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Token",
            fields=[
                (
                    "connection",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="wagtail_qbo_sync.connection",
                    ),
                ),
                ("sealed", models.TextField(editable=False)),
                ("version", models.PositiveBigIntegerField(default=1)),
                ("access_expires_at", models.DateTimeField()),
                ("refresh_expires_at", models.DateTimeField()),
                ("hard_expires_at", models.DateTimeField(null=True)),
                ("rejected", models.BooleanField(default=False)),
                ("lease_until", models.DateTimeField(null=True)),
                ("kept_alive_at", models.DateTimeField(null=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Comparison",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("started_at", models.DateTimeField(verbose_name="started at")),
                ("read_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("newest", models.PositiveBigIntegerField(default=0)),
                ("position", models.PositiveBigIntegerField(default=0)),
                ("equal", models.PositiveIntegerField(default=0)),
                ("different", models.PositiveIntegerField(default=0)),
                ("missing", models.PositiveIntegerField(default=0)),
                ("resting", models.PositiveIntegerField(default=0)),
                ("unnoticed", models.PositiveIntegerField(default=0)),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="comparisons",
                        to="wagtail_qbo_sync.connection",
                    ),
                ),
            ],
            options={
                "verbose_name": "full comparison",
                "verbose_name_plural": "full comparisons",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Case",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
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
                        ],
                        max_length=20,
                    ),
                ),
                ("qbo_id", models.CharField(blank=True, max_length=32)),
                ("client_pk", models.CharField(blank=True, max_length=64)),
                ("facts", models.JSONField(default=dict)),
                ("open_key", models.CharField(max_length=120, null=True, unique=True)),
                ("opened_at", models.DateTimeField()),
                ("told_at", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("outcome", models.CharField(blank=True, max_length=60)),
                ("set_aside_at", models.DateTimeField(null=True)),
                (
                    "closed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="cases",
                        to="wagtail_qbo_sync.connection",
                    ),
                ),
            ],
            options={
                "verbose_name": "case",
                "verbose_name_plural": "cases",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Customer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("qbo_id", models.CharField(max_length=32, verbose_name="QuickBooks ID")),
                (
                    "standing",
                    models.CharField(
                        choices=[
                            ("top", "Customer"),
                            ("sub", "Sub-customer"),
                            ("project", "Project"),
                            ("inactive", "Inactive"),
                            ("gone", "No longer in QuickBooks"),
                        ],
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                (
                    "display_name",
                    models.CharField(max_length=500, verbose_name="QuickBooks customer"),
                ),
                ("match_keys", models.TextField(editable=False)),
                ("record", models.JSONField()),
                ("seen_in", models.PositiveBigIntegerField(default=0)),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="customers",
                        to="wagtail_qbo_sync.connection",
                    ),
                ),
            ],
            options={
                "verbose_name": "QuickBooks customer",
                "verbose_name_plural": "QuickBooks customers",
                "permissions": [("map_customer", "Can map QuickBooks customers to clients")],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Decision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("exclude_customer", "Customer excluded"),
                            ("exclude_client", "Client excluded"),
                            ("removed_match", "Match removed"),
                            ("client_deleted", "Client deleted"),
                            ("included", "Customer included again"),
                            ("draft", "Chosen, not saved yet"),
                        ],
                        max_length=20,
                    ),
                ),
                ("qbo_id", models.CharField(blank=True, max_length=32)),
                ("client_pk", models.CharField(blank=True, max_length=64)),
                ("by_policy", models.BooleanField(default=False)),
                ("facts", models.JSONField(default=dict)),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="decisions",
                        to="wagtail_qbo_sync.connection",
                    ),
                ),
            ],
            options={
                "verbose_name": "decision",
                "verbose_name_plural": "decisions",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Difference",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("qbo_id", models.CharField(max_length=32)),
                ("client_pk", models.CharField(max_length=64)),
                (
                    "customer",
                    models.CharField(
                        blank=True, max_length=500, verbose_name="QuickBooks customer"
                    ),
                ),
                (
                    "why",
                    models.CharField(
                        choices=[
                            ("asked", "Waits for a person"),
                            ("planned", "Waits in a plan"),
                            ("sending", "On its way to QuickBooks"),
                            ("new", "Mapped, not linked yet"),
                            ("site", "Changed on the site; the next sync sees to it"),
                            ("qbo", "Changed in QuickBooks; the next sync sees to it"),
                            ("both", "Changed on both sides; the next sync sees to it"),
                            ("one_way", "Left as it is: this field travels the other way only"),
                            ("agreed", "Stands as agreed until somebody edits it"),
                            ("no_client", "Missing: the client is gone"),
                            (
                                "no_customer",
                                "Missing: QuickBooks does not list the customer any more",
                            ),
                        ],
                        max_length=12,
                        verbose_name="why",
                    ),
                ),
                ("asked", models.CharField(blank=True, max_length=20)),
                ("fields", models.JSONField(default=list)),
                (
                    "comparison",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="differences",
                        to="wagtail_qbo_sync.comparison",
                    ),
                ),
            ],
            options={
                "verbose_name": "difference",
                "verbose_name_plural": "differences",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ImportBatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("reading", "Being read"),
                            ("comparing", "Being compared"),
                            ("forecast", "Being compared with QuickBooks"),
                            ("ready", "Waits to be confirmed"),
                            ("applying", "Being applied"),
                            ("done", "Applied"),
                            ("refused", "Cannot be used"),
                        ],
                        default="reading",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("name", models.CharField(max_length=255, verbose_name="file")),
                ("file", models.BinaryField(default=bytes)),
                ("found", models.JSONField(default=dict)),
                ("trouble", models.JSONField(default=dict)),
                ("forecast", models.JSONField(default=list)),
                ("is_confirmed", models.BooleanField(default=False)),
                ("total", models.PositiveIntegerField(default=0)),
                ("done", models.PositiveIntegerField(default=0)),
                ("slice", models.PositiveIntegerField(default=0)),
                ("crashes", models.PositiveSmallIntegerField(default=0)),
                ("uploaded_at", models.DateTimeField(verbose_name="uploaded at")),
                ("moved_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished at")),
                (
                    "undoes",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="undone_by",
                        to="wagtail_qbo_sync.importbatch",
                        verbose_name="undoes",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "import of Contact Types",
                "verbose_name_plural": "imports of Contact Types",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ImportOutcome",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("client_pk", models.CharField(max_length=64)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("matched", "Matched to a customer"),
                            ("created", "Created as a customer"),
                            ("review", "Sent to review"),
                            ("nothing", "Nothing"),
                        ],
                        max_length=7,
                    ),
                ),
                (
                    "was",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("matched", "Matched to a customer"),
                            ("created", "Created as a customer"),
                            ("review", "Sent to review"),
                            ("nothing", "Nothing"),
                        ],
                        max_length=7,
                    ),
                ),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="outcomes",
                        to="wagtail_qbo_sync.importbatch",
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="wagtail_qbo_sync.connection",
                    ),
                ),
            ],
            options={
                "verbose_name": "what an import leads to",
                "verbose_name_plural": "what imports lead to",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ImportRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="row")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("unread", "Not compared yet"),
                            ("error", "Cannot be used"),
                            ("change", "Will change"),
                            ("same", "Stays as it is"),
                            ("done", "Changed"),
                            ("held", "Held back"),
                        ],
                        default="unread",
                        max_length=6,
                        verbose_name="what",
                    ),
                ),
                ("client_pk", models.CharField(blank=True, max_length=64)),
                ("said", models.JSONField(default=dict)),
                ("before", models.JSONField(default=list)),
                ("after", models.JSONField(default=list)),
                ("why", models.CharField(blank=True, max_length=255)),
                ("about", models.JSONField(default=dict)),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="wagtail_qbo_sync.importbatch",
                    ),
                ),
            ],
            options={
                "verbose_name": "row",
                "verbose_name_plural": "rows",
                "default_permissions": (),
            },
        ),
        CreateForClient(
            name="Mapping",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("qbo_id", models.CharField(max_length=32)),
                ("client_pk", models.CharField(max_length=64)),
                ("base", models.JSONField(default=dict)),
                (
                    "asleep",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "In sync"),
                            ("inactive", "Inactive in QuickBooks"),
                            ("disconnected", "Disconnected by a person"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=client_model(),
                        verbose_name="client",
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mappings",
                        to="wagtail_qbo_sync.connection",
                    ),
                ),
            ],
            options={
                "verbose_name": "mapping",
                "verbose_name_plural": "mappings",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="OAuthState",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("state_hash", models.CharField(max_length=64, unique=True)),
                ("session_hash", models.CharField(blank=True, max_length=64)),
                ("redirect_uri", models.CharField(max_length=500)),
                ("created_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "reconnects",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="wagtail_qbo_sync.connection",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("planning", "Comparing"),
                            ("waiting", "Waits for approval"),
                            ("proposed", "Waits to be saved"),
                            ("applying", "Applying"),
                            ("done", "Finished"),
                            ("failed", "Failed"),
                            ("discarded", "Discarded"),
                        ],
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("first", models.BooleanField(default=False)),
                ("by_person", models.BooleanField(default=False)),
                ("started_at", models.DateTimeField(verbose_name="started at")),
                ("approved_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished at")),
                ("counts", models.JSONField(default=dict)),
                ("stops", models.JSONField(default=list)),
                ("terms", models.CharField(blank=True, max_length=32)),
                ("trouble", models.JSONField(default=dict)),
                ("undo", models.JSONField(default=dict)),
                ("push", models.JSONField(default=dict)),
                (
                    "approved_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="runs",
                        to="wagtail_qbo_sync.connection",
                    ),
                ),
                (
                    "started_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "undoes",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="undone_by",
                        to="wagtail_qbo_sync.run",
                    ),
                ),
            ],
            options={
                "verbose_name": "sync run",
                "verbose_name_plural": "sync runs",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Change",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "side",
                    models.CharField(
                        choices=[("site", "Site"), ("qbo", "QuickBooks")], max_length=4
                    ),
                ),
                ("qbo_id", models.CharField(max_length=32)),
                ("client_pk", models.CharField(max_length=64)),
                ("values", models.JSONField()),
                ("intuit_tid", models.CharField(blank=True, max_length=100)),
                ("at", models.DateTimeField()),
                (
                    "actor",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="changes",
                        to="wagtail_qbo_sync.connection",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="changes",
                        to="wagtail_qbo_sync.run",
                    ),
                ),
            ],
            options={
                "verbose_name": "change",
                "verbose_name_plural": "changes",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="BulkDecision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "act",
                    models.CharField(
                        choices=[
                            ("map", "Map suggested"),
                            ("create", "Create clients"),
                            ("exclude", "Exclude"),
                            ("include", "Include"),
                            ("exclude_again", "Exclude again"),
                            ("remove_match", "Remove match"),
                            ("put_match_back", "Put match back"),
                            ("qbo_wins", "Settle: QuickBooks wins"),
                            ("site_wins", "Settle: the site wins"),
                            ("unsettle", "Ask about conflicts again"),
                            ("save", "Save all"),
                            ("undo", "Undo"),
                        ],
                        max_length=14,
                        verbose_name="what",
                    ),
                ),
                ("choices", models.JSONField()),
                ("done", models.PositiveIntegerField(default=0)),
                ("total", models.PositiveIntegerField()),
                ("counts", models.JSONField(default=dict)),
                ("skipped", models.JSONField(default=dict)),
                ("crashes", models.PositiveSmallIntegerField(default=0)),
                ("started_at", models.DateTimeField(verbose_name="started at")),
                ("moved_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished at")),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "undoes",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="undone_by",
                        to="wagtail_qbo_sync.bulkdecision",
                        verbose_name="takes back",
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="bulk_decisions",
                        to="wagtail_qbo_sync.connection",
                        verbose_name="company",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="wagtail_qbo_sync.run",
                    ),
                ),
            ],
            options={
                "verbose_name": "bulk decision",
                "verbose_name_plural": "bulk decisions",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Send",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("request_id", models.CharField(max_length=36, unique=True)),
                ("body", models.TextField()),
                ("is_open", models.BooleanField(default=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("first_tried_at", models.DateTimeField(null=True)),
                ("created_since", models.DateTimeField(null=True)),
                ("intuit_tid", models.CharField(blank=True, max_length=100)),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sends",
                        to="wagtail_qbo_sync.connection",
                    ),
                ),
            ],
            options={
                "verbose_name": "batch sent to QuickBooks",
                "verbose_name_plural": "batches sent to QuickBooks",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Outbox",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("client_pk", models.CharField(max_length=64)),
                ("qbo_id", models.CharField(blank=True, max_length=32)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("update", "Changes of a mapped client"),
                            ("create", "A customer for a client"),
                            ("activity", "A customer made inactive, or active again"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("wanted", "Waits"),
                            ("written", "About to be sent"),
                            ("sent", "Sent"),
                            ("done", "Done"),
                            ("parked", "Put aside"),
                        ],
                        default="wanted",
                        max_length=8,
                    ),
                ),
                ("open_key", models.CharField(max_length=120, null=True, unique=True)),
                ("wanted_at", models.DateTimeField()),
                ("body", models.TextField(blank=True)),
                ("values", models.JSONField(default=dict)),
                ("sync_token", models.PositiveBigIntegerField(default=0)),
                ("rounds", models.PositiveSmallIntegerField(default=0)),
                ("together", models.PositiveSmallIntegerField(null=True)),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="outbox",
                        to="wagtail_qbo_sync.connection",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="wagtail_qbo_sync.run",
                    ),
                ),
                (
                    "send",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="rows",
                        to="wagtail_qbo_sync.send",
                    ),
                ),
            ],
            options={
                "verbose_name": "change for QuickBooks",
                "verbose_name_plural": "changes for QuickBooks",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="SingleSync",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("qbo_id", models.CharField(max_length=32)),
                ("asked_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("trouble", models.JSONField(default=dict)),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="wagtail_qbo_sync.connection",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="wagtail_qbo_sync.run",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Step",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("link", "Mapped"),
                            ("create", "Client created"),
                            ("update", "Client updated"),
                            ("push", "Sent to QuickBooks"),
                            ("add", "Created in QuickBooks"),
                            ("stay", "Not created in QuickBooks"),
                            ("agree", "Found equal"),
                            ("exclude", "Excluded from mapping"),
                            ("review", "Possible duplicate"),
                            ("conflict", "Changed on both sides"),
                            ("sleep", "No longer active in QuickBooks"),
                            ("wake", "Active again in QuickBooks"),
                            ("follow", "Merged in QuickBooks: the mapping moved"),
                            ("wait", "Waits for a person"),
                            ("undo", "Put back"),
                            ("close", "No longer a duplicate or a conflict"),
                        ],
                        max_length=8,
                        verbose_name="what",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("planned", "Planned"),
                            ("unticked", "Unticked"),
                            ("done", "Done"),
                            ("held", "Held back"),
                            ("failed", "Failed"),
                            ("left", "Left as it is"),
                        ],
                        default="planned",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("qbo_id", models.CharField(max_length=32)),
                ("client_pk", models.CharField(blank=True, max_length=64)),
                ("data", models.JSONField(default=dict)),
                ("touches", models.CharField(blank=True, max_length=1000)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="steps",
                        to="wagtail_qbo_sync.run",
                    ),
                ),
            ],
            options={
                "verbose_name": "step",
                "verbose_name_plural": "steps",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="SyncState",
            fields=[
                (
                    "connection",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="state",
                        serialize=False,
                        to="wagtail_qbo_sync.connection",
                    ),
                ),
                ("lease_until", models.DateTimeField(null=True)),
                ("epoch", models.PositiveBigIntegerField(default=0)),
                ("slice", models.PositiveBigIntegerField(default=0)),
                (
                    "phase",
                    models.CharField(
                        choices=[
                            ("rest", "Not running"),
                            ("pull", "Reading customers"),
                            ("confirm", "Looking for customers that were not listed"),
                            ("plan", "Comparing"),
                            ("apply", "Applying"),
                            ("one", "Reading one customer"),
                            ("push", "Sending to QuickBooks"),
                            ("compare", "Comparing all pairs"),
                        ],
                        default="rest",
                        max_length=8,
                    ),
                ),
                ("position", models.PositiveIntegerField(default=0)),
                ("done", models.PositiveIntegerField(default=0)),
                ("total", models.PositiveIntegerField(default=0)),
                ("started_at", models.DateTimeField(null=True)),
                ("read_since", models.DateTimeField(null=True)),
                ("read_as_of", models.DateTimeField(null=True)),
                ("wanted", models.PositiveBigIntegerField(default=0)),
                ("served", models.PositiveBigIntegerField(default=0)),
                ("shows", models.PositiveBigIntegerField(default=0)),
                ("cursor", models.DateTimeField(null=True)),
                ("cursor_version", models.CharField(blank=True, max_length=32)),
                ("notified_at", models.DateTimeField(null=True)),
                ("planned_through", models.PositiveBigIntegerField(default=0)),
                ("first_synced_at", models.DateTimeField(null=True)),
                ("synced_at", models.DateTimeField(null=True)),
                ("pulled_at", models.DateTimeField(null=True)),
                ("pushed_at", models.DateTimeField(null=True)),
                (
                    "gap",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "None"),
                            ("read", "Everything is read first"),
                            ("plan", "Read; the next plan waits if it sends anything"),
                            ("asked", "A plan waits for approval"),
                        ],
                        max_length=8,
                    ),
                ),
                ("agreed_terms", models.CharField(blank=True, max_length=32)),
                ("compared_at", models.DateTimeField(null=True)),
                ("crashes", models.PositiveSmallIntegerField(default=0)),
                ("failures", models.PositiveSmallIntegerField(default=0)),
                ("blocked_until", models.DateTimeField(null=True)),
                ("trouble", models.JSONField(default=dict)),
                ("told", models.JSONField(default=dict)),
                ("tell_after", models.DateTimeField(null=True)),
                ("call_tat", models.FloatField(default=0)),
                ("batch_tat", models.FloatField(default=0)),
                ("reads", models.PositiveIntegerField(default=0)),
                ("reads_month", models.CharField(blank=True, max_length=7)),
                (
                    "comparing",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="wagtail_qbo_sync.comparison",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="wagtail_qbo_sync.run",
                    ),
                ),
                (
                    "wanted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddConstraint(
            model_name="connection",
            constraint=models.UniqueConstraint(
                fields=("realm_id", "environment"), name="wqs_connection_once"
            ),
        ),
        migrations.AddIndex(
            model_name="comparison",
            index=models.Index(fields=["connection", "finished_at"], name="wqs_comparison_last"),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(fields=["connection", "kind", "open_key"], name="wqs_case_open"),
        ),
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(fields=["connection", "standing"], name="wqs_customer_standing"),
        ),
        migrations.AddConstraint(
            model_name="customer",
            constraint=models.UniqueConstraint(
                fields=("connection", "qbo_id"), name="wqs_customer_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.UniqueConstraint(
                fields=("kind", "connection", "qbo_id", "client_pk"), name="wqs_decision_once"
            ),
        ),
        migrations.AddIndex(
            model_name="importbatch",
            index=models.Index(fields=["state", "moved_at"], name="wqs_import_state"),
        ),
        migrations.AddConstraint(
            model_name="importoutcome",
            constraint=models.UniqueConstraint(
                fields=("batch", "connection", "client_pk"), name="wqs_import_outcome"
            ),
        ),
        migrations.AddIndex(
            model_name="importrow",
            index=models.Index(fields=["batch", "state", "number"], name="wqs_import_row"),
        ),
        migrations.AddIndex(
            model_name="importrow",
            index=models.Index(fields=["client_pk"], name="wqs_import_client"),
        ),
        migrations.AddConstraint(
            model_name="mapping",
            constraint=models.UniqueConstraint(
                fields=("connection", "qbo_id"), name="wqs_mapping_customer"
            ),
        ),
        migrations.AddConstraint(
            model_name="mapping",
            constraint=models.UniqueConstraint(
                fields=("connection", "client"), name="wqs_mapping_client"
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["connection", "state"], name="wqs_run_state"),
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(fields=["client_pk"], name="wqs_change_client"),
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(fields=["connection", "qbo_id"], name="wqs_change_customer"),
        ),
        migrations.AddIndex(
            model_name="bulkdecision",
            index=models.Index(fields=["connection", "finished_at"], name="wqs_bulk_open"),
        ),
        migrations.AddIndex(
            model_name="send",
            index=models.Index(fields=["connection", "is_open"], name="wqs_send_open"),
        ),
        migrations.AddIndex(
            model_name="outbox",
            index=models.Index(fields=["connection", "state", "id"], name="wqs_outbox_next"),
        ),
        migrations.AddIndex(
            model_name="singlesync",
            index=models.Index(fields=["connection", "ended_at"], name="wqs_single_waiting"),
        ),
        migrations.AddConstraint(
            model_name="singlesync",
            constraint=models.UniqueConstraint(
                fields=("connection", "qbo_id"), name="wqs_single_once"
            ),
        ),
        migrations.AddIndex(
            model_name="step",
            index=models.Index(fields=["run", "state", "id"], name="wqs_step_next"),
        ),
        migrations.AddIndex(
            model_name="step",
            index=models.Index(fields=["qbo_id"], name="wqs_step_customer"),
        ),
    ]
