"""The firm's groups and staff: who may do what, in the group editor's own terms."""

from django.contrib.auth.models import Group, Permission, User
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

CLIENTS = ["add_client", "change_client", "delete_client", "view_client", "view_contacttype"]
QUICKBOOKS = ["view_customer", "map_customer", "sync_connection"]
CONNECT = ["connect_connection", "change_connection", "add_contacttype", "change_contacttype"]

GROUPS = {
    "Partner": CLIENTS + QUICKBOOKS + CONNECT,
    "Admin": CLIENTS + QUICKBOOKS + CONNECT,
    "Staff": CLIENTS + QUICKBOOKS,
}
"""Only Partner and Admin may connect a company (C5)."""
PEOPLE = {
    "partner": ("Partner", "Paula", "Harbor"),
    "admin": ("Admin", "Adam", "Finch"),
    "staff": ("Staff", "Stella", "Moore"),
}
APPS = ["crm", "wagtail_qbo_sync"]


class Command(BaseCommand):
    help = "Make the groups Partner, Admin and Staff and one person in each. Can be repeated."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--password",
            default="demo",
            help="of the three people, where they are made now (default: %(default)s)",
        )

    @transaction.atomic
    def handle(self, *, password: str, **options: object) -> None:
        for name, codenames in GROUPS.items():
            group = Group.objects.get_or_create(name=name)[0]
            ours = Permission.objects.filter(
                content_type__app_label__in=APPS, codename__in=codenames
            )
            group.permissions.add(
                *ours,
                Permission.objects.get(
                    content_type__app_label="wagtailadmin", codename="access_admin"
                ),
            )
        for username, (group_name, first_name, last_name) in PEOPLE.items():
            person, made = User.objects.get_or_create(
                username=username,
                defaults={
                    "first_name": first_name,
                    "last_name": last_name,
                    "email": f"{username}@harborpine.example",
                },
            )
            if made:
                person.set_password(password)
                person.save()
            person.groups.add(Group.objects.get(name=group_name))
        self.stdout.write(f"Groups {', '.join(GROUPS)}; people {', '.join(PEOPLE)}.")
