"""Hypothesis: the same examples on every run of CI, fresh ones on a developer's machine."""

import os

from hypothesis import settings

settings.register_profile("wagtail_qbo_sync", deadline=None)
settings.register_profile("wagtail_qbo_sync_ci", derandomize=True, deadline=None)
settings.load_profile("wagtail_qbo_sync_ci" if os.environ.get("CI") else "wagtail_qbo_sync")
