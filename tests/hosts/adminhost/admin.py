from django.contrib import admin

from tests.hosts.adminhost.models import Patron
from wagtail_qbo_sync.admin.django_admin import QboSyncAdmin


@admin.register(Patron)
class PatronAdmin(QboSyncAdmin, admin.ModelAdmin):
    list_display = ["name", "email"]
