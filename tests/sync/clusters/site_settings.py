"""The example site as the processes of this room run it: the tests' own installation and queue,
with times so short that what a dead worker leaves behind is taken over within seconds."""

import os

from example.settings import *  # noqa: F403
from example.settings import INSTALLED_APPS, Q_CLUSTER, SILENCED_SYSTEM_CHECKS, WAGTAIL_QBO_SYNC

DEBUG = False
SECRET_KEY = "tests"
ALLOWED_HOSTS = ["127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INSTALLED_APPS = [*INSTALLED_APPS, "tests.host.samples", "tests.sync.clusters.traps.TrapsConfig"]
WAGTAIL_QBO_SYNC = {
    **WAGTAIL_QBO_SYNC,
    "INSTALLATION": "tests",
    "LEASE_SECONDS": 5,
    "CALL_SECONDS": 4,
    "TICK_SECONDS": 2,
    "SILENCE_SECONDS": 90,
}
SILENCED_SYSTEM_CHECKS = [*SILENCED_SYSTEM_CHECKS, "wagtail_qbo_sync.W018"]
Q_CLUSTER = {**Q_CLUSTER, "name": os.environ.get("QBO_TEST_QUEUE", "tests")}
