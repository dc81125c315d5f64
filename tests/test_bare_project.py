"""A project that starts for the first time is told in a sentence what it lacks (E001)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SETTINGS = """
SECRET_KEY = "for this test only"
STATIC_URL = "/static/"
ROOT_URLCONF = "bare_urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
Q_CLUSTER = {"timeout": 300, "retry": 100_000}
INSTALLED_APPS = [
    "wagtail_qbo_sync", "django_q", "wagtail.users", "wagtail.admin", "wagtail.documents",
    "wagtail.images", "wagtail.search", "wagtail", "modelcluster", "taggit",
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.messages",
]
"""
URLS = """
from django.urls import include, path

urlpatterns = [path("admin/", include("wagtail.admin.urls"))]
"""
UNSET = "ImproperlyConfigured: Set WAGTAIL_QBO_SYNC_CLIENT_MODEL to your client model"


def says(folder: Path, line: str, *command: str) -> str:
    """What a command of a project with these settings says when it fails."""
    (folder / "bare_settings.py").write_text(f"{SETTINGS}\n{line}\n")
    (folder / "bare_urls.py").write_text(URLS)
    about = {"DJANGO_SETTINGS_MODULE": "bare_settings", "PYTHONPATH": str(folder)}
    ended = subprocess.run(
        [sys.executable, "-m", "django", *command],
        cwd=folder,
        env=os.environ | about,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode != 0
    return ended.stderr


@pytest.mark.parametrize("line", ["", "WAGTAIL_QBO_SYNC_CLIENT_MODEL = 'crm'"])
def test_without_a_client_model_the_last_line_says_what_to_set(tmp_path: Path, line: str) -> None:
    last = says(tmp_path, line, "check").strip().splitlines()[-1]
    assert UNSET in last


@pytest.mark.parametrize("label", ["crm.Client", "auth.Nobody"])
@pytest.mark.parametrize("command", ["check", "migrate", "makemigrations"])
def test_a_client_model_that_is_not_there(tmp_path: Path, label: str, command: str) -> None:
    said = says(tmp_path, f"WAGTAIL_QBO_SYNC_CLIENT_MODEL = {label!r}", command)
    assert "Traceback" not in said, said[-2000:]
    assert "(wagtail_qbo_sync.E001)" in said and 'Set WAGTAIL_QBO_SYNC_CLIENT_MODEL = "' in said
