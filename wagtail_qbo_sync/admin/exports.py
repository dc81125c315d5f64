"""Downloads of our listings: what stands in a cell is a text, and no spreadsheet calculates it."""

from __future__ import annotations

from typing import Any

from wagtail.admin.views.mixins import SpreadsheetExportMixin

from wagtail_qbo_sync.sync.types_file.columns import is_formula, printable


class SafeExportMixin(SpreadsheetExportMixin):
    """Wagtail sees to it in XLSX; in CSV a formula gets an apostrophe. A sign that a workbook
    cannot hold is left out: it would end the download in the middle."""

    def preprocess_field_value(self, field: str, value: Any, export_format: str) -> Any:
        value = super().preprocess_field_value(field, value, export_format)
        if isinstance(value, str):
            value = printable(value)
        if export_format == self.FORMAT_CSV and is_formula(value):
            return f"'{value}"
        return value
