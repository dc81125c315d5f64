"""Every refusal of QBO, in its three envelopes (docs/quickbooks.md, "Faults").

Service faults are capitalised (`Fault`), gateway faults are lower case with the time in epoch
milliseconds, and some of either arrive as XML although JSON was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

from .clock import reply_time
from .wire import Json, Response, json_response

NAMESPACE = "http://schema.intuit.com/finance/v3"
XML_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'


@dataclass(eq=False)
class Fault(Exception):
    """One refusal. `form` fixes the envelope; "any" follows the client's Accept header."""

    status: int
    code: str
    message: str
    detail: str | None
    type: str = "ValidationFault"
    element: str | None = None
    gateway: bool = False
    form: Literal["any", "xml"] = "any"
    timed: bool = True

    def response(self, now: float, accepts_json: bool = True, retry_after: int = 0) -> Response:
        headers = {"Retry-After": str(retry_after)} if retry_after else {}
        if self.status == 401:
            headers["WWW-Authenticate"] = 'Bearer realm="Intuit", error="invalid_token"'
        if self.form == "xml" or not accepts_json:
            headers["Content-Type"] = "application/xml"
            return Response(self.status, self.xml(now).encode(), headers)
        document = self.gateway_json(now) if self.gateway else self.service_json(now)
        headers["Content-Type"] = "application/json"
        return json_response(document, self.status, headers)

    def service_json(self, now: float) -> Json:
        error = {"Message": self.message, "Detail": self.detail or "", "code": self.code}
        if self.element is not None:
            error["element"] = self.element
        document: Json = {"Fault": {"Error": [error], "type": self.type}}
        if self.timed:
            document["time"] = reply_time(now)
        return document

    def item_json(self) -> Json:
        """As an item of a batch is refused: always in capitals, always with an `element`."""
        error = {"Message": self.message, "Detail": self.detail or "", "code": self.code}
        return {"Fault": {"Error": [{**error, "element": self.element or ""}], "type": self.type}}

    def gateway_json(self, now: float) -> Json:
        error = {"message": self.message, "detail": self.detail, "code": self.code}
        return {
            "warnings": None,
            "intuitObject": None,
            "fault": {"error": [{**error, "element": None}], "type": self.type},
            "report": None,
            "queryResponse": None,
            "batchItemResponse": [],
            "attachableResponse": [],
            "syncErrorResponse": None,
            "requestId": None,
            "time": int(now * 1000),
            "status": None,
            "cdcresponse": [],
        }

    def xml(self, now: float) -> str:
        element = "" if self.element is None else f" element={quoteattr(self.element)}"
        return (
            f'{XML_HEAD}<IntuitResponse xmlns="{NAMESPACE}" time="{reply_time(now)}">'
            f'<Fault type="{self.type}"><Error code="{self.code}"{element}>'
            f"<Message>{escape(self.message)}</Message>"
            f"<Detail>{escape(self.detail or '')}</Detail></Error></Fault></IntuitResponse>"
        )


# The gateway


def _gateway(status: int, name: str, code: str, detail: str | None, kind: str) -> Fault:
    message = f"message={name}; errorCode={code.zfill(6)}; statusCode={status}"
    return Fault(status, code, message, detail, kind, gateway=True)


def unauthenticated(detail: str) -> Fault:
    return _gateway(401, "AuthenticationFailed", "3200", detail, "AUTHENTICATION")


def token_expired(token: str) -> Fault:
    """QBO repeats the token in the detail: clients must not log it."""
    return unauthenticated(f"Token expired: {token}")


def forbidden(detail: str | None = None) -> Fault:
    name = "AuthorizationFailed" if detail else "ApplicationAuthorizationFailed"
    return _gateway(403, name, "3100", detail, "SERVICE")


def throttled(form: str = "json") -> Fault:
    detail = "The request limit was reached.  Try again later"
    fault = _gateway(429, "ThrottleExceeded", "3001", detail, "SERVICE")
    fault.form = "xml" if form == "xml" else "any"
    return fault


def server_error() -> Fault:
    return _gateway(500, "InternalServerError", "3100", None, "SERVICE")


def wrong_cluster() -> Fault:
    detail = (
        "WrongClusterError: -11017-You have accessed the wrong server."
        "  You will now be redirected. , statusCode: 401"
    )
    return Fault(401, "130", "Accessing Wrong Cluster", detail, "AuthenticationFault", form="xml")


# The service


def unsupported(path: str) -> Fault:
    detail = (
        f"Operation Could not find resource for relative : {path} of full path: "
        f"https://sandbox.qbo.invalid{path} is not supported."
    )
    return Fault(400, "500", "Unsupported Operation", detail)


def too_long_ago(moment: str) -> Fault:
    detail = (
        f"Operation cdc with changedSince date {moment} which is older than fixed days"
        " is not supported."
    )
    return Fault(400, "500", "Unsupported Operation", detail)


def too_many_items(count: int) -> Fault:
    detail = f"A batch holds at most 30 items, this one {count}"
    return Fault(400, "1040", "Batch size exceeds allowed limit", detail)


def not_found() -> Fault:
    detail = (
        "Object Not Found : Something you're trying to use has been made inactive."
        " Check the fields with accounts, customers, items, vendors or employees."
    )
    return Fault(400, "610", "Object Not Found", detail)


def unknown_property(name: str, kind: str, known: tuple[str, ...]) -> Fault:
    listed = ", ".join(f'"{each}"' for each in known)
    detail = (
        f'Property Name:Unrecognized field "{name}" (class com.intuit.schema.finance.v3.{kind}),'
        f" not marked as ignorable ({len(known)} known properties: {listed}])\n"
        " specified is unsupported or invalid"
    )
    return unreadable(detail)


def unreadable(detail: str) -> Fault:
    """The body is no JSON, or a property has the wrong type."""
    return Fault(400, "2010", "Request has invalid or unsupported property", detail)


def missing_parameter(name: str) -> Fault:
    message = "Required param missing, need to supply the required value for the API"
    detail = f"Required parameter {name} is missing in the request"
    return Fault(400, "2020", message, detail, element=name)


def invalid_number(name: str, value: object) -> Fault:
    detail = f"{name} should be a valid number. Supplied value:{value}"
    return Fault(400, "2030", f"Invalid {name.upper() if name == 'Id' else name}", detail,
                 element=name, timed=False)  # fmt: skip


def bad_characters(name: str, code: str) -> Fault:
    if code == "6000":
        return business(f"{name} must not contain a colon, a tab or a new line")
    return Fault(400, code, "Invalid character", f"{name} has an invalid character", element=name)


def too_long(name: str, longest: int, length: int) -> Fault:
    return Fault(
        400,
        "2050",
        "String length is either shorter or longer than supported by specification",
        "String length specified does not match the supported length. "
        f"Min:0 Max:{longest:,} supported. Supplied length:{length:,}",
        element=name,
    )


def bad_enumeration(name: str, value: object) -> Fault:
    return Fault(400, "2170", "Invalid Enumeration", f"{name} : {value}", element=name)


def bad_email(value: str) -> Fault:
    detail = f"Email address does not conform to RFC 822: {value}"
    return Fault(400, "2210", "Invalid Email Address format", detail, element="PrimaryEmailAddr")


def bad_reference(number: str, reason: str = "not found") -> Fault:
    detail = f"Invalid Reference Id : Names element id {number} {reason}"
    return Fault(400, "2500", "Invalid Reference Id", detail)


def bad_request_id(value: str) -> Fault:
    return Fault(400, "2130", "Invalid Request Id", f"Request id is not valid : {value}")


def duplicate_request_id(value: str) -> Fault:
    return Fault(400, "600", "Duplicate Request Id", f"Request id was used before : {value}")


def query_unparsed(detail: str) -> Fault:
    return Fault(400, "4000", "Error parsing query", f"QueryParserError: {detail}")


def query_invalid(detail: str) -> Fault:
    return Fault(400, "4001", "Invalid query", f"QueryValidationError: {detail}")


def stale(name: str) -> Fault:
    detail = (
        f"Stale Object Error : You and {name} were working on this at the same time."
        f" {name} finished before you did, so your work was not saved."
    )
    return Fault(400, "5010", "Stale Object Error", detail, element="")


def business(detail: str) -> Fault:
    message = "A business validation error has occurred while processing your request"
    return Fault(400, "6000", message, f"Business Validation Error: {detail}", element="")


def no_name() -> Fault:
    return Fault(400, "6080", "No name provided", "At least one name element is required")


def no_parent() -> Fault:
    detail = "ParentRef is required when Job is true"
    return Fault(400, "6150", "Parent reference is required", detail)


def bad_parent() -> Fault:
    return Fault(400, "700", "Invalid parent", "A customer cannot be its own parent or ancestor")


def too_deep() -> Fault:
    return Fault(400, "6180", "Too many levels", "Sub-customers go at most four levels down")


def lapsed(status: int) -> Fault:
    return Fault(
        status,
        "6190",
        "Invalid Company Status",
        "Subscription period has ended or canceled or there was a billing problem : You can't add"
        " data to QuickBooks Online Essentials because your trial or subscription period ended,"
        " you canceled your subscription, or there was a billing problem. To update your"
        " subscription, click the gear icon and view your account information.",
        element="",
    )


def has_balance() -> Fault:
    detail = (
        "The entity you are trying to delete has an open balance."
        " : This customer cannot be deleted because it has a non-zero balance"
    )
    return Fault(400, "6220", "Delete Entity Has Balance Error", detail)


def duplicate_name(tail: str) -> Fault:
    detail = f"The name supplied already exists. : {tail}"
    return Fault(400, "6240", "Duplicate Name Exists Error", detail)


def email_needed() -> Fault:
    detail = "An e-mail address is needed for the delivery method Email"
    return Fault(400, "6420", "Email address is required", detail)


def system_fault() -> Fault:
    message = "An application error has occurred while processing your request"
    return Fault(500, "10000", message, "System Failure Error: try again later", "SystemFault")
