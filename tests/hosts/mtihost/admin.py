from django.contrib import admin

from tests.hosts.mtihost.models import Address, Firm, Phone
from wagtail_qbo_sync.admin.django_admin import QboSyncAdmin


class AddressInline(admin.TabularInline):
    model = Address
    extra = 0


class PhoneInline(admin.TabularInline):
    model = Phone
    extra = 0


@admin.register(Firm)
class FirmAdmin(QboSyncAdmin, admin.ModelAdmin):
    list_display = ["__str__", "title", "trading_as", "vat_number"]
    list_editable = ["title", "trading_as", "vat_number"]
    fields = ["title", "trading_as", "standing", "vat_number"]
    inlines = [AddressInline, PhoneInline]
