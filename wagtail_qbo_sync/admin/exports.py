"""Downloads of our listings: what stands in a cell is a text, and no spreadsheet calculates it."""

from __future__ import annotations

from typing import Any

from wagtail.admin.views.mixins import SpreadsheetExportMixin

from wagtail_qbo_sync.sync.types_file.columns import MARKED
from wagtail_qbo_sync.sync.types_file.vocabulary import printable


class SafeExportMixin(SpreadsheetExportMixin):
    """Wagtail sees to it in XLSX; in CSV a formula gets an apostrophe. A sign that a workbook
    cannot hold is left out: it would end the download in the middle. What can be brought back
    (K15) comes back as it went, so that a text with an apostrophe of its own gets another one."""

    def preprocess_field_value(self, field: str, value: Any, export_format: str) -> Any:
        value = super().preprocess_field_value(field, value, export_format)
        if not isinstance(value, str):
            return value
        text = printable(value)
        if export_format == self.FORMAT_CSV or text.lstrip().startswith("'"):
            return f"'{text}" if MARKED.match(text) else text
        return text
