"""The Hypothesis profile of the engine's own stage: `-p tests.plugins.thorough`."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "thorough",
    max_examples=1000,
    deadline=None,
    derandomize=False,  # the stage names a seed
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
