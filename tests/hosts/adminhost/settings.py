from tests.hosts.base_settings import host_settings

_settings = host_settings("adminhost", "Patron", "PatronAdapter")
globals().update(_settings)
INSTALLED_APPS = [*_settings["INSTALLED_APPS"], "django.contrib.admin"]
ROOT_URLCONF = "tests.hosts.mtihost.urls"
WAGTAIL_QBO_SYNC = {**_settings["WAGTAIL_QBO_SYNC"], "PATCH_CLIENT_VIEWS": True}
