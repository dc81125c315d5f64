"""Clients as a snippet, without our mixin."""

from wagtail.snippets.models import register_snippet

from tests.hosts.zhost.models import Customer

register_snippet(Customer)
