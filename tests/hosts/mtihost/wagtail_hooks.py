"""Clients as a snippet with our mixin, found by Wagtail's search."""

from wagtail.snippets.models import register_snippet
from wagtail.snippets.views.snippets import SnippetViewSet

from tests.hosts.mtihost.models import Firm
from wagtail_qbo_sync.admin.mixins import QboClientViewSetMixin


class FirmViewSet(QboClientViewSetMixin, SnippetViewSet):
    model = Firm
    list_display = ["title", "standing"]


register_snippet(FirmViewSet)
