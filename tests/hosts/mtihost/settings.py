from tests.hosts.base_settings import host_settings

_settings = host_settings("mtihost", "Firm", "FirmAdapter")
globals().update(_settings)
INSTALLED_APPS = [*_settings["INSTALLED_APPS"], "django.contrib.admin"]
ROOT_URLCONF = "tests.hosts.mtihost.urls"
