"""What QBO knows about a Customer: names, kinds, lengths, and the order of keys in a reply."""

from __future__ import annotations

from .faults import Fault, unknown_property, unreadable
from .wire import Json

TEXT = {
    "Title": 16,
    "GivenName": 100,
    "MiddleName": 100,
    "FamilyName": 100,
    "Suffix": 16,
    "CompanyName": 100,
    "DisplayName": 500,
    "PrintOnCheckName": 110,
    "Notes": 2000,
    "ResaleNum": 16,
    "PrimaryTaxIdentifier": 20,
    "SecondaryTaxIdentifier": 20,
    "TaxExemptionReasonId": 16,
    "BusinessNumber": 10,
    "GSTIN": 15,
    "GSTRegistrationType": 15,
}
FLAGS = {"Active": True, "Taxable": True, "Job": False, "BillWithParent": False}
DELIVERY = ("Print", "Email", "None")
PHONES = ("PrimaryPhone", "AlternatePhone", "Mobile", "Fax")
REFERENCES = ("ParentRef", "CustomerTypeRef", "SalesTermRef", "PaymentMethodRef")
ADDRESSES = ("BillAddr", "ShipAddr")

# Objects with one value in them: property -> (its class, the key inside, the longest value).
SINGLES = {
    **dict.fromkeys(PHONES, ("TelephoneNumber", "FreeFormNumber", 30)),
    **dict.fromkeys(REFERENCES, ("ReferenceType", "value", 100)),
    "PrimaryEmailAddr": ("EmailAddress", "Address", 100),
    "WebAddr": ("WebSiteAddress", "URI", 1000),
}
ADDRESS_PARTS = {
    **{f"Line{number}": 500 for number in range(1, 6)},
    "City": 255,
    "Country": 255,
    "CountrySubDivisionCode": 255,
    "PostalCode": 30,
}
# A colon, tab or newline is refused in these.
NAMES = (
    "DisplayName", "Title", "GivenName", "MiddleName", "FamilyName", "Suffix", "PrintOnCheckName"
)  # fmt: skip
NAME_PARTS = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")
# A sparse update cannot empty these.
KEPT = ("DisplayName", "PrintOnCheckName", "PreferredDeliveryMethod", *FLAGS)

# Own fields, then the entity's, then the names: the order of the published schema.
ORDER = (
    "Taxable", "TaxExemptionReasonId", "BillAddr", "ShipAddr", "Notes", "Job", "BillWithParent",
    "ParentRef", "Level", "CustomerTypeRef", "SalesTermRef", "PaymentMethodRef", "Balance",
    "OpenBalanceDate", "BalanceWithJobs", "CurrencyRef", "PreferredDeliveryMethod", "ResaleNum",
    "SecondaryTaxIdentifier", "PrimaryTaxIdentifier", "IsProject", "BusinessNumber", "GSTIN",
    "GSTRegistrationType", "ClientEntityId", "domain", "sparse", "Id", "SyncToken", "MetaData",
    "Title", "GivenName", "MiddleName", "FamilyName", "Suffix", "FullyQualifiedName",
    "CompanyName", "DisplayName", "PrintOnCheckName", "Active", "V4IDPseudonym", "PrimaryPhone",
    "AlternatePhone", "Mobile", "Fax", "PrimaryEmailAddr", "WebAddr", "DefaultTaxCodeRef",
)  # fmt: skip

# Known to the server besides those above: accepted in a body and ignored.
_IGNORED = (
    "IntuitId", "Organization", "UserId", "OtherContactInfo", "OtherAddr", "ContactName",
    "AltContactName", "RootCustomerRef", "SalesRepRef", "TaxGroupCodeRef", "TaxRateRef",
    "CCDetail", "PriceLevelRef", "CreditLimit", "AcctNum", "OverDueBalance", "TotalRevenue",
    "TotalExpense", "JobInfo", "TDSEnabled", "CustomerEx", "ARAccountRef", "IsCISContractor",
    "ClientCompanyId", "Source", "TaxRegime", "CustomField", "AttachableRef", "status",
)  # fmt: skip

KNOWN: dict[str, tuple[str, ...]] = {
    "Customer": ORDER + _IGNORED,
    "PhysicalAddress": (
        "Id", *ADDRESS_PARTS, "CountryCode", "County", "PostalCodeSuffix", "Lat", "Long", "Tag",
        "Note",
    ),
    "TelephoneNumber": (
        "Id", "DeviceType", "CountryCode", "AreaCode", "ExchangeCode", "Extension",
        "FreeFormNumber", "Default", "Tag",
    ),
    "EmailAddress": ("Id", "Address", "Default", "Tag"),
    "WebSiteAddress": ("Id", "URI", "Default", "Tag"),
    "ReferenceType": ("value", "name", "type"),
}  # fmt: skip
_CLASSES = {
    **{name: kind for name, (kind, _, _) in SINGLES.items()},
    **dict.fromkeys(ADDRESSES, "PhysicalAddress"),
    **dict.fromkeys(("CurrencyRef", "DefaultTaxCodeRef"), "ReferenceType"),
}
WRITABLE = (*TEXT, *FLAGS, "PreferredDeliveryMethod", *SINGLES, *ADDRESSES)


def check_known(body: Json) -> None:
    """Fault 2010 for any property that the server does not know, before anything is done."""
    _check(body, "Customer")
    for name, kind in _CLASSES.items():
        part = body.get(name)
        if isinstance(part, dict):
            _check(part, kind)
        elif part is not None:
            raise wrong_type(name, part)


def _check(part: Json, kind: str) -> None:
    for name in part:
        if name not in KNOWN[kind]:
            raise unknown_property(name, kind, KNOWN[kind])


def wrong_type(name: str, value: object) -> Fault:
    return unreadable(f"Property Name:{name} cannot be read from {value!r}")
