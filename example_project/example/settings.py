"""An accounting firm's site. What differs from place to place comes from the environment."""

import os
from pathlib import Path
from typing import Any

import django

from example.database import database

BASE_DIR = Path(__file__).resolve().parent.parent
env = os.environ.get

DEBUG = env("DJANGO_DEBUG", "1") == "1"
SECRET_KEY = env(
    "DJANGO_SECRET_KEY", "for-the-demo-on-this-machine-only-never-in-production-0123456789"
)
ALLOWED_HOSTS = env("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

DATABASES = {"default": database(env("DATABASE_URL", ""), BASE_DIR / "db.sqlite3")}
ON_POSTGRES = DATABASES["default"]["ENGINE"].endswith("postgresql")

INSTALLED_APPS = [
    "crm",
    "wagtail_qbo_sync",
    "django_q",
    "wagtail.users",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "django_filters",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
if ON_POSTGRES:
    INSTALLED_APPS.append("django.contrib.postgres")

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "example.urls"
WSGI_APPLICATION = "example.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-us"
TIME_ZONE = env("DJANGO_TIME_ZONE", "America/New_York")
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static_root"
MEDIA_URL = "/media/"
MEDIA_ROOT = BASE_DIR / "media"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "django.core.mail.backends.console.EmailBackend"}}
else:
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

WAGTAIL_SITE_NAME = "Harbor & Pine Accounting"
WAGTAILADMIN_BASE_URL = env("WAGTAILADMIN_BASE_URL", "http://127.0.0.1:8000")
WAGTAIL_GRAVATAR_PROVIDER_URL = None  # the demo needs no network
WAGTAIL_ENABLE_UPDATE_CHECK = False
WAGTAIL_ENABLE_WHATS_NEW_BANNER = False

# QuickBooks ---------------------------------------------------------------------------------

WAGTAIL_QBO_SYNC_CLIENT_MODEL = "crm.Client"
WAGTAIL_QBO_SYNC: dict[str, Any] = {
    "ENVIRONMENT": env("QBO_ENVIRONMENT", "production"),
    "API_URL": env("QBO_API_URL", ""),
    "DISCOVERY_URL": env("QBO_DISCOVERY_URL", ""),
    "CLIENT_ID": env("QBO_CLIENT_ID", ""),
    "CLIENT_SECRET": env("QBO_CLIENT_SECRET", ""),
    "REDIRECT_URI": env("QBO_REDIRECT_URI", ""),
    "WEBHOOK_VERIFIER_TOKEN": env("QBO_WEBHOOK_VERIFIER_TOKEN", ""),
    "ENCRYPTION_KEYS": [key for key in env("QBO_ENCRYPTION_KEYS", "").split(",") if key],
    "INSTALLATION": env("QBO_INSTALLATION", ""),
}
# The client model's fields have the usual names; what was guessed has been read and is right.
SILENCED_SYSTEM_CHECKS = ["wagtail_qbo_sync.I001"]

# retry is longer than a queue full of tasks that all run into their timeout.
Q_CLUSTER = {
    "name": "example",
    "workers": 2,
    "queue_limit": 2,
    "bulk": 1,
    "timeout": 300,
    "retry": 1200,
    "max_attempts": 3,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": 250,
    "save_limit_per": "func",
}
if redis_url := env("REDIS_URL", ""):
    Q_CLUSTER["redis"] = redis_url
else:
    Q_CLUSTER["orm"] = "default"

# django-debug-toolbar: the queries and templates of each page, DJANGO_DEBUG_TOOLBAR=1 make demo
DEBUG_TOOLBAR = DEBUG and env("DJANGO_DEBUG_TOOLBAR", "") == "1"
if DEBUG_TOOLBAR:
    INSTALLED_APPS.append("debug_toolbar")
    MIDDLEWARE.insert(0, "debug_toolbar.middleware.DebugToolbarMiddleware")
    INTERNAL_IPS = ["127.0.0.1", "::1"]
