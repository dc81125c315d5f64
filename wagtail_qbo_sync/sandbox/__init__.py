"""A QuickBooks Online company on this machine: its own process, HTTP only, standard library only.

Start it
    python -m wagtail_qbo_sync.sandbox --port 8010
    First line on stdout: `Listening on http://127.0.0.1:8010` (with `--port 0`: a free port).

    --host 127.0.0.1     where to listen
    --state PATH         keep everything in this SQLite file (default: in memory)
    --seed 1             another seed makes other people
    --client-id ID       default sandbox-client   (or env QBO_SANDBOX_CLIENT_ID)
    --client-secret S    default sandbox-secret   (or env QBO_SANDBOX_CLIENT_SECRET)
    --verifier-token T   signs the webhooks; default sandbox-verifier (or env
                         QBO_SANDBOX_VERIFIER_TOKEN)
    --webhook-url URL    where webhooks go; default: as registered last time, or nowhere
    --redirect-uri URI   may be repeated; default: any loopback one
    --no-throttle        no 429 for too many requests (default: 10/s and 500/min per company,
                         40 of them batches)
    --quiet              no line per request on stderr
    --dump-customers REALM   print the customers of a fresh company as JSON and stop

    Companies: the firm's own books, realm 9341452000000101 (also called `firm` in the control
    API and in --dump-customers), and one client's, realm 9341452000000202 (`client`).

What an app sees, under the printed address
    GET  /.well-known/openid_sandbox_configuration  and  /.well-known/openid_configuration
    GET  /connect/oauth2?client_id&redirect_uri&response_type=code&scope&state
         the consent page; POST the same parameters with `realm=…` or `deny=1` -> 302 to the app
    POST /oauth2/v1/tokens/bearer      POST /v2/oauth2/tokens/revoke
    GET  /v1/openid_connect/userinfo
    GET  /v3/company/{realm}/companyinfo/{realm}
    GET  /v3/company/{realm}/customer/{id}
    POST /v3/company/{realm}/customer[?requestid=…]
    GET  /v3/company/{realm}/query?query=…     POST /v3/company/{realm}/query (application/text)
    GET  /v3/company/{realm}/cdc?entities=Customer&changedSince=…
    POST /v3/company/{realm}/batch[?requestid=…]

What is sent to the app: webhooks about customers, signed with the verifier token, to the one
address that is registered, for all companies; within a moment, and after 20, 30 and 50 minutes
of the sandbox's clock again if the answer was not 200 within 3 s. Switches choose the format
and let them be lost, doubled, reordered or kept back. What is planted or seeded is not told.

What a person sees: `/`, the QBO user's own screen. Search, add, edit, deactivate, reactivate,
merge. `/webhooks`: where they go, and what went out with its answers.

The control API, for tests: JSON in, JSON out, 400 `{"error": …}` for what is not understood.
`realm` is a realm id, `firm` or `client`.
    GET    /_control/            clock, switches, faults, companies, grants
    POST   /_control/reset       {}                      everything as after a fresh start
    POST   /_control/clock       {"offset": s} or {"advance": s}   -> {"offset", "now"}
    GET    /_control/switches    POST {"name": value, …}           see switches.py for names
    GET    /_control/faults      DELETE (none any more)
    POST   /_control/faults      one rule, or a list of rules:
           {"kind": …, "path": regex, "method": "POST", "count": 1, "skip": 0,
            "when": "before"|"after", "seconds": 0, "status": 500, "body": "", "headers": {},
            "item": regex, "code": ""}
           `path` is searched in path?query of anything but /_control and the pages. Kinds:
           throttle (form by switch), throttle_json, throttle_xml, unavailable_html (503),
           server_error (500), system_fault (10000), token_expired (401), forbidden (403),
           wrong_cluster (401 code 130, XML), stale (5010), lapsed (6190), invalid_grant,
           invalid_client, fault (`code`, and `status` or 400), respond (status, headers, body as
           given), cut (the connection closes without a byte), half_json (complete HTTP, half a
           document), half_cut (the connection closes in the middle of the body), latency
           (`seconds`, then the real answer).
           `when: "after"` lets the request take effect first: {"kind": "cut", "when": "after"}.
           With `item`, only items of batches in whose JSON that is found are refused, by any
           kind that is a fault of the API; the rest of the batch goes on.
           `count: -1` never wears off.
    GET    /_control/requests[?since=n]  -> {"requests": [...], "next": n}; DELETE forgets them
           each: n, time, method, path, query, body, status, intuit_tid, requestid, injected,
           delivered. Control calls, pages and secrets are not in it.
    GET    /_control/counts      {realm: {"Core": n, "CorePlus": n}}, successful calls only
    POST   /_control/company     {"realm": "1234", "name": …}   one more company, without customers
    POST   /_control/seed        {"realm", "count": 10000}  -> {"planted": n}
    POST   /_control/plant       {"realm", "kind": "Customer"|"Vendor"|"Employee",
           "records": [...], "clear": false}   records as QBO shows them, Id and SyncToken kept
    GET    /_control/customers?realm=…   all customers, as query rows
    POST   /_control/customer    {"realm", "values": {"Id": "7", "DisplayName": …}}  an edit by
           a person in QBO: sparse, past the SyncToken; without Id a new customer -> the customer
    POST   /_control/invoice     {"realm", "id", "amount"}  Balance moves, SyncToken does not
    POST   /_control/merge       {"realm", "stays": "7", "goes": "8"} -> the one that stays
    GET    /_control/webhooks    -> {"url", "queued", "deliveries": [{"url", "headers", "body",
           "due", "attempts", "answer"}]}
    POST   /_control/webhooks    {"url": …} registers an address, "" none; forgets what waits
    POST   /_control/webhooks/test   the portal's test event, about a company nobody has
    POST   /_control/webhooks/take   what would be sent now: {"headers", "body"}; it is not sent
    POST   /_control/consent     {"url": authorize URL, "realm"} or {"url", "deny": true}
           -> {"redirect": where the browser would go}
    POST   /_control/tokens      {"realm", "scope"?} -> a token answer, without the consent dance
    POST   /_control/expire      {"realm"?}  all access tokens run out now -> {"expired": n}
    POST   /_control/revoke      {"realm"?}  the person disconnected the app -> {"revoked": n}
"""
