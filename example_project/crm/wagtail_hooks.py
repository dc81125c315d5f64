"""Clients and contact types in the Wagtail admin."""

from django.db.models import QuerySet
from django.http import HttpRequest
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel
from wagtail.snippets.models import register_snippet
from wagtail.snippets.views.snippets import SnippetViewSet

from crm.models import Client, ContactType
from wagtail_qbo_sync.admin.mixins import QboClientViewSetMixin
from wagtail_qbo_sync.admin.panels import QboSyncPanel


def _address(heading: str, prefix: str = "") -> MultiFieldPanel:
    return MultiFieldPanel(
        [
            FieldPanel(f"{prefix}address"),
            FieldPanel(f"{prefix}address_2"),
            FieldRowPanel([FieldPanel(f"{prefix}city"), FieldPanel(f"{prefix}state")]),
            FieldRowPanel([FieldPanel(f"{prefix}zip_code"), FieldPanel(f"{prefix}country")]),
        ],
        heading=heading,
    )


class ClientViewSet(QboClientViewSetMixin, SnippetViewSet):
    model = Client
    icon = "group"
    menu_label = "Clients"
    menu_order = 150
    add_to_admin_menu = True
    list_display = ["name", "company_name", "email", "phone", "city", "contact_type"]
    list_filter = ["contact_type"]
    list_export = ["name", "company_name", "contact_type", "email", "phone", "mobile"]
    list_per_page = 50
    search_fields = ["name", "company_name", "email"]
    search_backend_name = None
    ordering = ["name", "pk"]
    panels = [
        MultiFieldPanel(
            [FieldPanel("name"), FieldPanel("company_name"), FieldPanel("contact_type")],
            heading="Client",
        ),
        MultiFieldPanel(
            [
                FieldPanel("email"),
                FieldRowPanel([FieldPanel("phone"), FieldPanel("mobile")]),
            ],
            heading="Contact",
        ),
        _address("Mailing address"),
        _address("Physical address", "physical_"),
        QboSyncPanel(),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Client]:
        return Client.objects.select_related("contact_type")


class ContactTypeViewSet(SnippetViewSet):
    model = ContactType
    icon = "tag"
    menu_label = "Contact types"
    panels = [FieldPanel("name")]


register_snippet(ClientViewSet)
register_snippet(ContactTypeViewSet)
