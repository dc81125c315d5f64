"""Two customers that are one: what a person does in QBO, and no app can."""

from __future__ import annotations

from . import faults
from .company import Company
from .wire import Json


def merge(company: Company, stays: str, goes: str) -> Json:
    """`goes` becomes inactive, its money and its events are those of `stays` from now on.

    Neither may have sub-customers or be a project. Returns the one that stays.
    """
    survivor, loser = company.read(stays), company.read(goes)
    if stays == goes:
        raise faults.business("A customer cannot be merged with itself")
    for record in (survivor, loser):
        if not record["Active"]:
            raise faults.business(f"{record['DisplayName']} is inactive")
        if record["IsProject"] or company.has_below(record["Id"]):
            raise faults.business(f"{record['DisplayName']} is a project or has sub-customers")
    if loser["Balance"]:
        company.invoice(stays, loser["Balance"])
        company.invoice(goes, -loser["Balance"])
    company.edit({"Id": goes, "Active": False})
    company.tell("Merge", stays, gone=goes)
    return company.read(stays)
