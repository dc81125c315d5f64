"""The example project's settings as our tests use them.

SQLite in memory, or with DATABASE_URL (postgres://..., mysql://...) that server.
"""

import os

import django
from example.settings import *  # noqa: F403
from example.settings import DATABASES, INSTALLED_APPS, Q_CLUSTER, WAGTAIL_QBO_SYNC

DEBUG = False
SECRET_KEY = "tests"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [*INSTALLED_APPS, "tests.host.samples"]

if not os.environ.get("DATABASE_URL"):
    DATABASES["default"]["NAME"] = ":memory:"

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
else:
    EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

WAGTAIL_QBO_SYNC = {
    **WAGTAIL_QBO_SYNC,
    "ENVIRONMENT": "sandbox",
    "API_URL": "http://127.0.0.1:8010",
    "DISCOVERY_URL": "http://127.0.0.1:8010/.well-known/openid_sandbox_configuration/",
    "CLIENT_ID": "test-client-id",
    "CLIENT_SECRET": "test-client-secret",
    "REDIRECT_URI": "http://127.0.0.1:8000/admin/qbo/callback/",
    "WEBHOOK_VERIFIER_TOKEN": "test-verifier-token",
    "ENCRYPTION_KEYS": ["dGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtMDE="],
    "INSTALLATION": "tests",
    "PAUSED": False,
}

Q_CLUSTER = {**Q_CLUSTER, "name": "tests", "sync": False, "orm": "default"}
Q_CLUSTER.pop("redis", None)
