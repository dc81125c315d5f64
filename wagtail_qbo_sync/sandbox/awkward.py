"""The customers that break naive software, in the order in which they were entered."""

from __future__ import annotations

from typing import Any

from .seeds import Seed


def _seed(
    name: str,
    email: str | None = None,
    *,
    phone: str | None = None,
    address: dict[str, str] | None = None,
    parent: str | None = None,
    active: bool = True,
    balance: float = 0,
    project: bool = False,
    **values: Any,
) -> Seed:
    written: dict[str, Any] = {"DisplayName": name, **values}
    if email:
        written["PrimaryEmailAddr"] = {"Address": email}
    if phone:
        written["PrimaryPhone"] = {"FreeFormNumber": phone}
    if address:
        written["BillAddr"] = address
    return Seed(written, parent, active, balance, project)


def _person(given: str, family: str) -> dict[str, Any]:
    return {"GivenName": given, "FamilyName": family}


def _at(street: str, town: str, postcode: str, **more: str) -> dict[str, str]:
    place = {"City": town, "CountrySubDivisionCode": "MA", "PostalCode": postcode}
    return {"Line1": street, **more, **place}


FIRM = [
    # The other company of this sandbox is a client of the firm.
    _seed(
        "Saltmarsh Boatworks Inc.", "yard@saltmarshboats.example", phone="(978) 555-0160",
        address=_at("3 Ferry Rd", "Newburyport", "01950"), balance=1850.0,
        CompanyName="Saltmarsh Boatworks Inc.", **_person("Ruth", "Tarbox"),
    ),
    _seed(
        "Berg, Anna & Tom", "anna.berg@postbox.example", phone="(978) 555-0111",
        address=_at("18 Lime St", "Newburyport", "01950"), **_person("Anna", "Berg"),
    ),
    # One e-mail address for two businesses of one owner.
    _seed(
        "Ridgeline Realty LLC", "owner@ridgeline.example", phone="(978) 555-0121",
        address=_at("40 Market St", "Amesbury", "01913"), CompanyName="Ridgeline Realty LLC",
        **_person("Nadia", "Ferreira"),
    ),
    _seed(
        "Ridgeline Self Storage LLC", "owner@ridgeline.example", phone="(978) 555-0121",
        address=_at("42 Market St", "Amesbury", "01913"), balance=320.5,
        CompanyName="Ridgeline Self Storage LLC", **_person("Nadia", "Ferreira"),
    ),
    # A couple with one e-mail address and two cards.
    _seed(
        "Lindqvist, Erik", "lindqvist.family@inbox.example", phone="978-555-0133",
        address=_at("7 Pond St", "Rowley", "01969"), **_person("Erik", "Lindqvist"),
    ),
    _seed(
        "Lindqvist, Maja", "lindqvist.family@inbox.example", phone="978-555-0133",
        address=_at("7 Pond St", "Rowley", "01969"), **_person("Maja", "Lindqvist"),
    ),
    # Apostrophes, also the curly one, ampersands, accents, percent and backslash.
    _seed("O'Brien, Siobhán & Pat", "siobhan@obrien.example", **_person("Siobhán", "O'Brien")),
    _seed(
        "Cap'n Ned's Chowder House", "ned@capnneds.example", CompanyName="Cap'n Ned's Chowder House"
    ),
    _seed("Mother’s Helper Home Care", "care@mothershelper.example"),
    _seed(
        "Harlow & Finch Interiors", "studio@harlowfinch.example", phone="(781) 555-0177",
        address=_at("9 Washington St", "Marblehead", "01945"),
        CompanyName="Harlow & Finch Interiors",
    ),
    _seed("100% Cotton Quilters' Guild", "guild@quilters.example", Taxable=False),
    _seed("Back\\Slash Web Design", "hello@backslash.example"),
    _seed('Eleanor "Nell" Osgood', "nell@northshore.example", **_person("Eleanor", "Osgood")),
    _seed("Sunny Side 🌻 Daycare", "play@sunnyside.example"),
    # Letters that are not Latin.
    _seed("山本 美咲", "misaki.yamamoto@inbox.example", **_person("美咲", "山本")),
    _seed("Παπαδόπουλος, Νίκος", "nikos@postbox.example", **_person("Νίκος", "Παπαδόπουλος")),
    _seed("Ковальчук, Олена", "olena@seacoastmail.example", **_person("Олена", "Ковальчук")),
    _seed("نور حداد", "nour.haddad@inbox.example", **_person("نور", "حداد")),
    _seed("Nguyễn, Thị Hồng", "hong.nguyen@postbox.example", **_person("Thị Hồng", "Nguyễn")),
    # Several addresses in one e-mail field.
    _seed(
        "Copley Street Dental PC", "tessa@copleydental.example, books@copleydental.example",
        CompanyName="Copley Street Dental PC", phone="(978) 555-0144 x12",
    ),
    # Sub-customers, two levels; the same leaf name under two parents, and at the top.
    _seed("Castellano Properties LLC", "rent@castellano.example", balance=240.0,
          CompanyName="Castellano Properties LLC"),
    _seed("14 Beacon St", parent="Castellano Properties LLC", balance=85.0, BillWithParent=True),
    _seed("22 Federal St", parent="Castellano Properties LLC", BillWithParent=True),
    _seed("Unit 3", parent="22 Federal St", balance=477.5),
    _seed("Payroll", parent="Castellano Properties LLC"),
    _seed("Whipple Hill Orchards", "apples@whipplehill.example"),
    _seed("Payroll", parent="Whipple Hill Orchards"),
    # Projects.
    _seed("Tidewater Community Theatre", "box@tidewatertheatre.example", Taxable=False),
    _seed("2025 audit", parent="Tidewater Community Theatre", project=True, balance=6200.0),
    _seed("Grant reporting", parent="Tidewater Community Theatre", project=True),
    # Inactive, two of them with the same name once; and the name in use again.
    _seed("Prentiss, Walter", "walter@prentiss.example", active=False,
          **_person("Walter", "Prentiss")),
    _seed("Moulton Feed & Grain", "feed@moulton.example", active=False),
    _seed("Moulton Feed & Grain", "new@moulton.example", active=False),
    _seed("Moulton Feed & Grain", "office@moultonfeed.example", phone="(978) 555-0190"),
    # Address lines packed as QBO's own screen does it, and one abroad.
    _seed(
        "Thurlow, Beatrice", "bea.thurlow@inbox.example",
        address={"Line1": "Beatrice Thurlow", "Line2": "12 High St", "Line3": "Ipswich, MA 01938"},
        **_person("Beatrice", "Thurlow"),
    ),
    _seed(
        "Dr. Amir Rahimi", "rahimi@northshore.example",
        address={"Line1": "55 Elm St", "Line2": "Salem, MA  01970"}, Title="Dr.",
        **_person("Amir", "Rahimi"),
    ),
    _seed(
        "MacLeod, Fiona", "fiona.macleod@postbox.example", phone="+44 131 496 0123",
        address={"Line1": "3 Thistle St", "City": "Edinburgh", "PostalCode": "EH2 1EN",
                 "Country": "United Kingdom"},
        **_person("Fiona", "MacLeod"),
    ),
    # No e-mail address; nothing but a name; father and son; one person twice; capitals.
    _seed("Peabody, Chester", phone="(978) 555-0102", **_person("Chester", "Peabody")),
    _seed("Cash customer"),
    _seed("Whitcomb, George Sr.", "gwhitcomb@northshore.example",
          **_person("George", "Whitcomb"), Suffix="Sr."),
    _seed("Whitcomb, George Jr.", "george.jr@inbox.example",
          **_person("George", "Whitcomb"), Suffix="Jr."),
    _seed("Hale, Robert", "bob.hale@postbox.example", phone="(978) 555-0155",
          **_person("Robert", "Hale")),
    _seed("Robert Hale", "bob.hale@postbox.example", phone="978.555.0155",
          **_person("Robert", "Hale")),
    _seed("MCALLISTER, JEAN", "JEAN@MCALLISTER.EXAMPLE", **_person("JEAN", "MCALLISTER")),
]  # fmt: skip

CLIENT = [
    _seed("Berg, Tom", "tom.berg@postbox.example", phone="(978) 555-0112", **_person("Tom", "Berg"),
          address=_at("18 Lime St", "Newburyport", "01950"), balance=412.75),
    _seed("D'Amato, Enzo & Lucia", "damato@inbox.example", **_person("Enzo", "D'Amato")),
    _seed("Salt & Tar Marina LLC", "dock@saltandtar.example", balance=9800.0,
          CompanyName="Salt & Tar Marina LLC"),
    _seed("Slip 14", parent="Salt & Tar Marina LLC", BillWithParent=True),
    _seed("Refit of the Marguerite", parent="Salt & Tar Marina LLC", project=True, balance=5400.0),
    _seed("佐藤 健", "ken.sato@inbox.example", **_person("健", "佐藤")),
    _seed("Jørgensen, Søren", "soren@seacoastmail.example", **_person("Søren", "Jørgensen")),
    _seed("Ipswich Sea Scouts", "scouts@ipswichsea.example, skipper@ipswichsea.example",
          Taxable=False),
    _seed("Pickett, Harold", "harold@pickett.example", active=False,
          **_person("Harold", "Pickett")),
    _seed("Coffin, Esther", phone="(978) 555-0107", **_person("Esther", "Coffin"),
          address={"Line1": "Esther Coffin", "Line2": "Pier 4, Gloucester, MA 01930"}),
    _seed("Walk-in"),
]  # fmt: skip

FIRM_OTHERS = {
    "Vendor": ["Granite Paper & Toner", "Merrimac Valley Electric", "Tilton, Rosa"],
    "Employee": ["Dana Whitfield", "Priya Raman", "Luis Ocampo"],
}
CLIENT_OTHERS = {
    "Vendor": ["North Shore Fiberglass", "Anchor Chain Supply"],
    "Employee": ["Ruth Tarbox", "Miguel Teixeira"],
}
