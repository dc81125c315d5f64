"""A client model for hosts that have none yet.

    # crm/models.py
    from wagtail_qbo_sync.host.abstract import AbstractClient

    class Client(AbstractClient):
        pass

    # settings.py
    WAGTAIL_QBO_SYNC_CLIENT_MODEL = "crm.Client"

Its fields have the usual names, so it needs no adapter, and each is as long as QuickBooks'
own, so that nothing is refused for its length (docs/quickbooks.md).
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AbstractClient(models.Model):
    """Name, company, e-mail, phones, two addresses, and a Contact Type to be given choices."""

    name = models.CharField(_("display name"), max_length=500)
    company_name = models.CharField(_("company name"), max_length=100, blank=True)
    contact_type = models.CharField(_("contact type"), max_length=60, blank=True, default="Client")
    email = models.CharField(_("e-mail"), max_length=100, blank=True)
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    mobile = models.CharField(_("mobile"), max_length=30, blank=True)

    address = models.CharField(_("address"), max_length=500, blank=True)
    address_2 = models.CharField(_("address 2"), max_length=2003, blank=True)
    city = models.CharField(_("city"), max_length=255, blank=True)
    state = models.CharField(_("state"), max_length=255, blank=True)
    zip_code = models.CharField(_("ZIP code"), max_length=30, blank=True)
    country = models.CharField(_("country"), max_length=255, blank=True)

    physical_address = models.CharField(_("physical address"), max_length=500, blank=True)
    physical_address_2 = models.CharField(_("physical address 2"), max_length=2003, blank=True)
    physical_city = models.CharField(_("physical city"), max_length=255, blank=True)
    physical_state = models.CharField(_("physical state"), max_length=255, blank=True)
    physical_zip_code = models.CharField(_("physical ZIP code"), max_length=30, blank=True)
    physical_country = models.CharField(_("physical country"), max_length=255, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name or self.company_name or self.email
