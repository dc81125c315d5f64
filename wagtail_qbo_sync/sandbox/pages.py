"""The pages: plain server-rendered HTML that says everywhere that this is a sandbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from urllib.parse import urlencode

from .company import Company
from .style import CSS
from .wire import Json

PHONE_FIELDS = {"PrimaryPhone": "Phone", "Mobile": "Mobile", "Fax": "Fax"}
# Form field -> label, in the order of the form. A dot means a key inside an object.
FIELDS = {
    "DisplayName": "Customer display name",
    "CompanyName": "Company name",
    "Title": "Title",
    "GivenName": "First name",
    "MiddleName": "Middle name",
    "FamilyName": "Last name",
    "Suffix": "Suffix",
    "PrintOnCheckName": "Name to print on checks",
    "PrimaryEmailAddr.Address": "E-mail",
    **{f"{name}.FreeFormNumber": label for name, label in PHONE_FIELDS.items()},
    "WebAddr.URI": "Website",
    "BillAddr.Line1": "Billing address, line 1",
    "BillAddr.Line2": "Line 2",
    "BillAddr.Line3": "Line 3",
    "BillAddr.City": "City",
    "BillAddr.CountrySubDivisionCode": "State",
    "BillAddr.PostalCode": "ZIP code",
    "BillAddr.Country": "Country",
    "Notes": "Notes",
}
GROUPS = (
    ("Name", tuple(FIELDS)[:8]),
    ("Contact", tuple(FIELDS)[8:13]),
    ("Billing address", tuple(FIELDS)[13:20]),
    ("Notes", tuple(FIELDS)[20:]),
)
REQUIRED = "DisplayName"


def page(title: str, body: str, company: Company | None = None) -> str:
    where = f"<span class='where'>{escape(company.name)}</span>" if company else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · QBO sandbox</title>
<style>{CSS}</style>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header>
<p class="notice">Sandbox on this machine. Not QuickBooks, not Intuit; nobody here is real.</p>
<p class="top"><a class="brand" href="/"><span aria-hidden="true">▤</span> QBO sandbox</a>
{where}<a class="aside" href="/webhooks">Webhooks</a></p>
</header>
<main id="main">{body}</main>
</body>
</html>"""


def _hidden(values: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in values.items()
    )


def alert(text: str) -> str:
    return f'<p class="alert" role="alert">{escape(text)}</p>'


# Consent


def consent_problem(problem: str) -> str:
    body = (
        f"<h1>This app cannot be connected</h1>{alert(problem)}"
        "<p>QuickBooks shows such errors on its own page and never sends the person back.</p>"
    )
    return page("Cannot connect", body)


def consent(
    asked: Mapping[str, str], companies: Mapping[str, Company], nothing_chosen: bool = False
) -> str:
    """The company picker as an accountant sees it, and the question."""
    kept = {key: value for key, value in asked.items() if key not in ("realm", "deny", "find")}
    find = asked.get("find", "")
    firm = [company for company in companies.values() if company.role == "firm"]
    clients = [
        company
        for company in companies.values()
        if company.role == "client" and find.casefold() in company.name.casefold()
    ]
    shown_clients = "".join(_choice(company) for company in clients) or "<p>No client found.</p>"
    problem = alert("Choose a company first.") if nothing_chosen else ""
    app = escape(asked["client_id"])
    body = f"""
<div class="narrow">
<h1>Connect an app to a company</h1>
<p><strong>{app}</strong> wants to read and change the accounting data of one company.</p>
{problem}
<form method="get" action="/connect/oauth2" role="search" class="search">
{_hidden(kept)}
<label for="find">Search for a client</label>
<div class="row"><input id="find" name="find" type="search" value="{escape(find)}">
<button class="plain">Search</button></div>
</form>
<form method="post" action="/connect/oauth2">
{_hidden(kept)}
<fieldset><legend>Your clients</legend>{shown_clients}</fieldset>
<fieldset><legend>Install for your firm</legend>
{"".join(_choice(company) for company in firm)}</fieldset>
<div class="row end">
<button class="plain" name="deny" value="1" formnovalidate>No, thanks</button>
<button>Connect</button>
</div>
</form>
</div>"""
    return page("Connect an app", body)


def _choice(company: Company) -> str:
    realm = company.realm
    note = "Your firm's own books" if company.role == "firm" else "Client"
    return f"""<label class="choice" for="realm-{realm}">
<input type="radio" name="realm" id="realm-{realm}" value="{realm}" required>
<span><strong>{escape(company.name)}</strong><small>{note} · {realm}</small></span></label>"""


# The QBO user's own screens


def home(companies: Iterable[Company]) -> str:
    cards = "".join(
        f"""<li class="card"><h2><a href="/company/{company.realm}">{escape(company.name)}</a></h2>
<p>{"The firm's own books" if company.role == "firm" else "A client of the firm"}</p>
<p class="quiet">{len(company.customers)} customers · realm {company.realm}</p></li>"""
        for company in companies
    )
    body = f"""<h1>Choose a company</h1>
<p>You are the person who works in QuickBooks. What you change here, a connected app will find.</p>
<ul class="cards">{cards}</ul>"""
    return page("Companies", body)


def customers(
    company: Company, rows: list[Json], total: int, number: int, pages: int, asked: dict[str, str]
) -> str:
    base = f"/company/{company.realm}"
    find, inactive = asked.get("find", ""), asked.get("inactive") == "1"
    checked = " checked" if inactive else ""
    body = f"""
<div class="bar"><h1>Customers</h1><a class="button" href="{base}/new">New customer</a></div>
<form method="get" role="search" class="search">
<label for="find">Search by name, e-mail or phone</label>
<div class="row"><input id="find" name="find" type="search" value="{escape(find)}">
<button class="plain">Search</button>
<label class="tick"><input type="checkbox" name="inactive" value="1"{checked}>
Show inactive</label></div>
</form>
<p class="quiet" role="status">{total} found, page {number} of {pages}</p>
<div class="scroll"><table>
<thead><tr><th scope="col">Name</th><th scope="col">E-mail</th><th scope="col">Phone</th>
<th scope="col" class="money">Balance</th><th scope="col">State</th></tr></thead>
<tbody>{"".join(_line(base, row) for row in rows)}</tbody>
</table></div>
{_pager(number, pages, asked)}"""
    return page("Customers", body, company)


def _line(base: str, row: Json) -> str:
    email = row.get("PrimaryEmailAddr", {}).get("Address", "")
    phone = row.get("PrimaryPhone", {}).get("FreeFormNumber", "")
    tags = "" if row["Active"] else '<span class="tag off">Inactive</span>'
    tags += '<span class="tag">Project</span>' if row["IsProject"] else ""
    indent = row["FullyQualifiedName"].count(":")
    return f"""<tr><th scope="row" class="level{indent}">
<a href="{base}/customer/{row["Id"]}" dir="auto">{escape(row["DisplayName"])}</a></th>
<td>{escape(email)}</td><td>{escape(phone)}</td>
<td class="money">{row["Balance"]:,.2f}</td><td>{tags or "Active"}</td></tr>"""


def _pager(number: int, pages: int, asked: dict[str, str]) -> str:
    def link(to: int, label: str) -> str:
        if not 1 <= to <= pages:
            return ""
        return f'<a href="?{escape(urlencode({**asked, "page": to}))}">{label}</a>'

    return (
        '<nav class="row" aria-label="Pages">'
        f"{link(number - 1, 'Previous page')}{link(number + 1, 'Next page')}</nav>"
    )


def form(company: Company, record: Json, values: Mapping[str, str], problem: str = "") -> str:
    """Add or edit one customer. `record` is empty for a new one."""
    base = f"/company/{company.realm}"
    name = record.get("DisplayName", "New customer")
    action = f"{base}/customer/{record['Id']}" if record else f"{base}/new"
    groups = "".join(
        f"<fieldset><legend>{legend}</legend><div class='grid'>"
        + "".join(_field(each, values.get(each, "")) for each in names)
        + "</div></fieldset>"
        for legend, names in GROUPS
    )
    token = _hidden({"SyncToken": record["SyncToken"]}) if record else ""
    body = f"""
<p><a href="{base}">All customers</a></p>
<h1 dir="auto">{escape(name)}</h1>
{alert(problem) if problem else ""}
{_state(base, record) if record else ""}
<form method="post" action="{action}">{token}{groups}
<div class="row end"><a href="{base}">Cancel</a><button>Save</button></div>
</form>
{_merge(base, record) if record and record["Active"] else ""}"""
    return page(name, body, company)


def _field(name: str, value: str) -> str:
    ident, label = name.replace(".", "-"), FIELDS[name]
    common = f'id="{ident}" name="{name}" dir="auto"'
    if name == "Notes":
        box = f'<textarea {common} rows="4">{escape(value)}</textarea>'
    else:
        required = " required" if name == REQUIRED else ""
        box = f'<input {common} value="{escape(value)}"{required}>'
    return f'<p class="field"><label for="{ident}">{label}</label>{box}</p>'


def _state(base: str, record: Json) -> str:
    active = record["Active"]
    verb = "Make inactive" if active else "Make active"
    return f"""<form method="post" action="{base}/customer/{record["Id"]}/active" class="state">
<p><span class="tag{"" if active else " off"}">{"Active" if active else "Inactive"}</span>
Balance {record["Balance"]:,.2f} · Id {record["Id"]} · version {record["SyncToken"]}
· changed {escape(record["MetaData"]["LastUpdatedTime"])}</p>
<button class="plain" name="active" value="{"0" if active else "1"}">{verb}</button></form>"""


def _merge(base: str, record: Json) -> str:
    return f"""<form method="post" action="{base}/customer/{record["Id"]}/merge">
<fieldset><legend>Merge</legend>
<p class="field"><label for="into">This one is the same as (full name of the one that stays)</label>
<input id="into" name="into" dir="auto" required></p>
<p class="quiet">This one becomes inactive, the other one stays. There is no way back.</p>
<div class="row end"><button class="plain">Merge</button></div></fieldset></form>"""
