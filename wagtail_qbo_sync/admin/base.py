"""What every screen of ours shares: who may, where it stands, and the banner of a copy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.forms import Media
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.text import capfirst, get_text_list
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django.views.generic import View
from wagtail.admin.ui.components import Component
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.permission_policies.base import BasePermissionPolicy

from wagtail_qbo_sync.conf import settings
from wagtail_qbo_sync.models import Connection, Customer
from wagtail_qbo_sync.sync.access.installation import is_copy
from wagtail_qbo_sync.sync.noticing.visits import visited
from wagtail_qbo_sync.sync.records.status import TO_MAP

RIGHTS: Mapping[str, str] = {
    "view": "wagtail_qbo_sync.view_customer",
    "connect": "wagtail_qbo_sync.connect_connection",
    "sync": "wagtail_qbo_sync.sync_connection",
    "map": "wagtail_qbo_sync.map_customer",
    "change": "wagtail_qbo_sync.change_connection",
}
"""Right -> permission, as the group editor knows it (docs/reference/permissions.md)."""

CUSTOMERS = "wagtail_qbo_sync_customers"
"""URL namespace of the customers' listing, a ModelViewSet."""
ICON = "qbo-sync"
STYLES = Media(css={"all": ["wagtail_qbo_sync/css/tables.css"]})
"""What all our screens look like."""


def may(user: Any, *rights: str) -> bool:
    """Whether the user has one of these rights. Raises KeyError for one that is not ours."""
    return any(user.has_perm(RIGHTS[right]) for right in rights)


def url(name: str, *args: Any) -> str:
    """Address of one of our screens."""
    return reverse(f"wagtail_qbo_sync:{name}", args=args)


def as_pk(text: str) -> int:
    """A key of our rows from an address or a form, 0 for what is none."""
    return int(text) if text.isdecimal() and len(text) < 18 else 0


def typed(data: QueryDict, name: str) -> str:
    """A text from an address or a form, without NUL: PostgreSQL fails at it."""
    return str(data.get(name, "")).replace("\0", "")


def customers_url(connection: Connection | None, *statuses: str) -> str:
    """The customers of a company, or of all, narrowed to some statuses (CustomerStatus)."""
    company = [("connection", str(connection.pk))] if connection else []
    query = urlencode([*company, *(("status", status) for status in statuses)])
    address = reverse(f"{CUSTOMERS}:index")
    return f"{address}?{query}" if query else address


def to_map_url(user: Any, companies: Sequence[Connection]) -> str:
    """Where the customers to map of these companies are seen to, "" if not for this person.

    One company's have a page (C8); those of several are listed, and one is chosen there.
    """
    may_map = may(user, "map")
    if may_map and len(companies) == 1:
        return url("map", companies[0].pk)
    if may(user, "view"):
        return customers_url(companies[0] if len(companies) == 1 else None, *TO_MAP)
    return url("connections") if may_map else ""


def customer_url(customer: Customer) -> str:
    """A customer's page."""
    return reverse(f"{CUSTOMERS}:inspect", args=(customer.pk,))


def customers_crumb() -> dict[str, Any]:
    """The customers' listing, above what stands in it."""
    name = capfirst(Customer._meta.verbose_name_plural)
    return {"url": reverse(f"{CUSTOMERS}:index"), "label": name}


def clients_url(connection: Connection, *statuses: str) -> str:
    """The site's clients as a company sees them, narrowed to some statuses (ClientStatus)."""
    query = urlencode([("status", status) for status in statuses])
    address = url("clients", connection.pk)
    return f"{address}?{query}" if query else address


def problems_url(connection: Connection) -> str:
    """What went wrong with customers of a company."""
    return f"{url('problems')}?{urlencode({'connection': connection.pk})}"


def after_problem_url(user: Any, connection: Connection) -> str:
    """Where one goes on after seeing to one of them: their list, or what else one may see."""
    return problems_url(connection) if may(user, "view") else url("connections")


def comparisons_url(connection: Connection) -> str:
    """The full comparisons of a company."""
    return f"{url('comparisons')}?{urlencode({'connection': connection.pk})}"


def conflicts_url(connection: Connection | None = None) -> str:
    """What both sides changed, of a company or of all."""
    address = url("conflicts")
    return f"{address}?{urlencode({'connection': connection.pk})}" if connection else address


def taken_name_url(case_pk: int, next_url: str) -> str:
    """Where a person says what is to become of a name that is taken; leads back to `next_url`."""
    return f"{url('taken_name', case_pk)}?{urlencode({'next': next_url})}"


def conflict_url(customer_pk: int, next_url: str = "") -> str:
    """Where the conflict of a customer is settled; the page leads back to `next_url`."""
    address = url("conflict", customer_pk)
    return f"{address}?{urlencode({'next': next_url})}" if next_url else address


class Rights(BasePermissionPolicy):
    """Our rights as Wagtail's views ask for them: they stand on two models."""

    def user_has_permission(self, user: Any, action: str) -> bool:
        return may(user, action)

    def user_has_any_permission(self, user: Any, actions: Iterable[str]) -> bool:
        return may(user, *actions)


class ParkedBanner(Component):
    """Says on every screen of ours that nothing is synced, and why (U18); else it is empty."""

    template_name = "wagtail_qbo_sync/shared/banner.html"

    def __init__(self, user: Any) -> None:
        self.may_connect = may(user, "connect")
        self.is_paused = settings.is_paused
        elsewhere = connected_elsewhere()
        self.is_copy = bool(elsewhere)
        self.copies = [connection for connection in elsewhere if connection.is_connected]

    @property
    def warns(self) -> bool:
        """Whether connecting a company here needs a word of warning (U18)."""
        return self.is_paused or self.is_copy

    def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
        return {
            "banner": self,
            "companies": get_text_list([item.company_name for item in self.copies], _("and")),
            "live_url": url("live_site"),
            "copy_url": url("copy"),
        }


def connected_elsewhere() -> list[Connection]:
    """Companies that another installation than this one connected, disconnected ones too."""
    companies = Connection.objects.order_by("company_name", "pk")
    return [connection for connection in companies if is_copy(connection)]


class QboAdminView(PermissionCheckedMixin, WagtailAdminTemplateMixin, View):
    """A screen of ours; it must say which right it takes.

    The policy is named here because a view without one is open to everybody on Wagtail 7.4.
    """

    permission_policy = Rights(Connection)
    header_icon = ICON
    is_visit = False
    """Whether to look at it asks for a sync (C3)."""

    @method_decorator(sensitive_variables())
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """No report of an error shows variables of ours: there are people among them."""
        if self.permission_required is None and self.any_permission_required is None:
            raise ImproperlyConfigured(f"{type(self).__name__} does not say who may see it.")
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        here = {"url": "", "label": self.get_page_title(), "sublabel": self.get_page_subtitle()}
        return [*self.breadcrumbs_items, *self.parents(), here]

    def parents(self) -> list[dict[str, Any]]:
        """Breadcrumbs between home and this screen."""
        return [{"url": url("connections"), "label": _("Connected Apps")}]

    @cached_property
    def banner(self) -> ParkedBanner:
        """What stands on top while nothing is synced."""
        return ParkedBanner(self.request.user)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Adds `banner`, to be shown by `{% component banner %}` on top of the content, and to
        `media` our styles."""
        if self.is_visit and not getattr(self, "results_only", False):
            visited()
        context: dict[str, Any] = super().get_context_data(**{"banner": self.banner, **kwargs})
        return context | {"media": context.get("media", Media()) + STYLES}


class PostOnly(QboAdminView):
    """An act rather than a screen: a POST does it, anything else is refused with 405."""

    http_method_names = ["post", "options"]
