"""A listing written without a thought of QuickBooks, whose code nobody may change."""

from typing import Any

from wagtail import hooks
from wagtail.admin.viewsets.model import ModelViewSet

from tests.hosts.uuidhost.models import Person


class PersonViewSet(ModelViewSet):
    model = Person
    icon = "user"
    list_display = ["last", "first"]


@hooks.register("register_admin_viewset")
def register_people() -> Any:
    return PersonViewSet("person")
