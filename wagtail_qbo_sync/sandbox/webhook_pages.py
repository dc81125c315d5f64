"""The page where webhooks are registered, and seen going out with their answers."""

from __future__ import annotations

import json
from html import escape

from .clock import reply_time
from .pages import alert, page
from .webhooks import Delivery, Webhooks


def webhooks(hooks: Webhooks, typed: str | None = None, problem: str = "") -> str:
    url = hooks.url if typed is None else typed
    rows = "".join(_row(each) for each in reversed(hooks.deliveries))
    body = f"""
<h1>Webhooks</h1>
<p>What happens to customers is told to one address, for all companies.</p>
{alert(problem) if problem else ""}
<form method="post" action="/webhooks">
<fieldset><legend>Endpoint</legend>
<p class="field"><label for="url">Address (empty: nobody is told)</label>
<input id="url" name="url" type="url" value="{escape(url)}"></p>
<p class="quiet">Verifier token: <code>{escape(hooks.token)}</code></p>
<div class="row end"><button class="plain" name="test" value="1">Send test event</button>
<button>Save</button></div>
</fieldset></form>
<div class="bar"><h2>What went out</h2><a href="/webhooks">Look again</a></div>
<div class="scroll"><table>
<thead><tr><th scope="col">Signed at</th><th scope="col">Tries</th><th scope="col">Answer</th>
<th scope="col">Body</th></tr></thead>
<tbody>{rows or '<tr><td colspan="4">Nothing yet.</td></tr>'}</tbody>
</table></div>"""
    return page("Webhooks", body)


def _row(delivery: Delivery) -> str:
    good = delivery.answer == "200"
    again = f" · again at {reply_time(delivery.due)}" if delivery.due and delivery.answer else ""
    answer = delivery.answer or "on its way"
    shown = json.dumps(json.loads(delivery.body), indent=1)
    return f"""<tr><td>{escape(delivery.headers["intuit-created-time"])}</td>
<td>{delivery.attempts}</td>
<td><span class="tag{"" if good else " off"}">{escape(answer)}</span>{escape(again)}</td>
<td><details><summary>{len(delivery.body)} bytes</summary>
<pre>{escape(shown)}</pre></details></td></tr>"""
