"""The same clients in listings of other kinds than the example's, at addresses of their own."""

from __future__ import annotations

from typing import Any

from crm.models import Client
from django.urls import include, path
from django_filters import CharFilter
from example.urls import urlpatterns as example_urls
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.views import generic
from wagtail.admin.viewsets.model import ModelViewSet
from wagtail.admin.widgets.button import Button, HeaderButton

from wagtail_qbo_sync.admin.mixins import QboClientViewSetMixin


class PlainViewSet(QboClientViewSetMixin, ModelViewSet):
    """With what Wagtail gives, and no more."""

    model = Client
    name = "plain"
    form_fields = ["name"]
    list_display = ["name", "email"]
    search_fields = ["name"]
    search_backend_name = None


class CityFilters(WagtailFilterSet):
    city = CharFilter(lookup_expr="iexact")

    class Meta:
        model = Client
        fields = ["contact_type"]


class OwnIndex(generic.IndexView):
    """A host that has made its own."""

    template_name = "wagtailadmin/generic/index.html"
    header_buttons = [HeaderButton("Theirs", url="/theirs/")]
    header_more_buttons = [Button("More of theirs", url="/more/")]

    def get_list_more_buttons(self, instance: Any) -> list[Any]:
        return [Button("Their row button", url="/row/")]


class OwnViewSet(QboClientViewSetMixin, ModelViewSet):
    """With a view, filters and an order of its own."""

    model = Client
    name = "own"
    form_fields = ["name"]
    list_display = ["name"]
    ordering = ["-name", "pk"]
    index_view_class = OwnIndex
    filterset_class = CityFilters


VIEWSETS: list[ModelViewSet] = [PlainViewSet(), OwnViewSet()]
urlpatterns = [
    *(
        path(f"admin/{viewset.name}/", include((viewset.get_urlpatterns(), viewset.name)))
        for viewset in VIEWSETS
    ),
    *example_urls,
]
