"""The firm's clients, as many sites have them: written without a thought of QuickBooks."""

from django.db import models


class ContactType(models.Model):
    """What a contact is to the firm: a client, a prospect, the contact at a vendor."""

    name = models.CharField(max_length=60, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


def client_type() -> int:
    """The type of a new contact: "Client"."""
    return ContactType.objects.get_or_create(name="Client")[0].pk


class Client(models.Model):
    """Somebody whose books the firm keeps, or may keep one day."""

    name = models.CharField("display name", max_length=500, db_index=True)
    company_name = models.CharField(max_length=100, blank=True)
    contact_type = models.ForeignKey(
        ContactType, on_delete=models.PROTECT, default=client_type, related_name="clients"
    )
    email = models.EmailField("e-mail", max_length=100, blank=True)
    phone = models.CharField(max_length=30, blank=True)
    mobile = models.CharField(max_length=30, blank=True)

    address = models.CharField(max_length=500, blank=True)
    address_2 = models.CharField(max_length=2000, blank=True)
    city = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=255, blank=True)
    zip_code = models.CharField("ZIP code", max_length=30, blank=True)
    country = models.CharField(max_length=255, blank=True)

    physical_address = models.CharField("address", max_length=500, blank=True)
    physical_address_2 = models.CharField("address 2", max_length=2000, blank=True)
    physical_city = models.CharField("city", max_length=255, blank=True)
    physical_state = models.CharField("state", max_length=255, blank=True)
    physical_zip_code = models.CharField("ZIP code", max_length=30, blank=True)
    physical_country = models.CharField("country", max_length=255, blank=True)

    wagtail_reference_index_ignore = True  # refers to nothing but its type

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name
