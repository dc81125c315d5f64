"""A host whose clients are snippets with drafts. It names our panel in its models.py."""

import uuid

from django.db import models
from wagtail.admin.panels import FieldPanel
from wagtail.models import DraftStateMixin, RevisionMixin
from wagtail.snippets.models import register_snippet

from wagtail_qbo_sync.admin.panels import QboSyncPanel


def new_key() -> str:
    """A key with what addresses, HTML and quoting stumble over."""
    return f"N/O \"<b>'&?#%_2F.{uuid.uuid4().hex[:8]} é"


@register_snippet
class Contact(DraftStateMixin, RevisionMixin, models.Model):
    key = models.CharField(max_length=40, primary_key=True, default=new_key, editable=False)
    name = models.CharField(max_length=100)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=30, blank=True)
    notes = models.TextField(blank=True)

    panels = [
        FieldPanel("name"),
        FieldPanel("email"),
        FieldPanel("phone"),
        FieldPanel("notes"),
        QboSyncPanel(),
    ]

    def __str__(self) -> str:
        return self.name
