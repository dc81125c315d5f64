"""The example site with as many worker processes as QBO_BENCH_WORKERS says."""

from __future__ import annotations

import os

from example.settings import *  # noqa: F403

Q_CLUSTER = {
    **Q_CLUSTER,  # noqa: F405
    "workers": int(os.environ["QBO_BENCH_WORKERS"]),
    "queue_limit": 2 * int(os.environ["QBO_BENCH_WORKERS"]),
}
