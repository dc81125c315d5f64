"""`python -m wagtail_qbo_sync.sandbox`: see the docstring of the package for the flags."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from . import data
from .connect import App
from .sandbox import Sandbox
from .server import Server
from .store import Store


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m wagtail_qbo_sync.sandbox",
        description="A QuickBooks Online company on this machine. Not Intuit.",
    )
    app = App()
    environ = os.environ
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8010, help="0 takes a free one")
    parser.add_argument("--state", metavar="PATH", help="keep everything in this SQLite file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--client-id", default=environ.get("QBO_SANDBOX_CLIENT_ID", app.client_id))
    parser.add_argument(
        "--client-secret", default=environ.get("QBO_SANDBOX_CLIENT_SECRET", app.client_secret)
    )
    parser.add_argument(
        "--verifier-token",
        default=environ.get("QBO_SANDBOX_VERIFIER_TOKEN", app.verifier_token),
        help="signs the webhooks",
    )
    parser.add_argument("--webhook-url", metavar="URL", help="register it; default: as last time")
    parser.add_argument("--redirect-uri", action="append", default=[], metavar="URI")
    parser.add_argument("--no-throttle", action="store_true")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--dump-customers", metavar="REALM", help="print them as JSON and stop")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    chosen = arguments(argv)
    redirect_uris, token = tuple(chosen.redirect_uri), chosen.verifier_token
    app = App(chosen.client_id, chosen.client_secret, redirect_uris, token)
    if chosen.dump_customers:
        return dump(Sandbox(app, Store(), chosen.seed), chosen.dump_customers)
    store = Store(chosen.state)
    sandbox = Sandbox(app, store, chosen.seed, throttle=not chosen.no_throttle)
    if chosen.webhook_url:
        sandbox.webhooks.register(chosen.webhook_url)
    sandbox.webhooks.start()
    server = Server((chosen.host, chosen.port), sandbox, chosen.quiet)
    print(f"Listening on http://{chosen.host}:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
    finally:
        server.server_close()
        store.close()
    return 0


def dump(sandbox: Sandbox, named: str) -> int:
    company = sandbox.companies.get(data.REALMS.get(named, named))
    if company is None:
        known = ", ".join([*data.REALMS, *sandbox.companies])
        print(f"No company {named}. Known: {known}", file=sys.stderr)
        return 2
    rows = [company.reply(each, row=True) for each in company.customers.values()]
    print(json.dumps(rows, indent=1, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
