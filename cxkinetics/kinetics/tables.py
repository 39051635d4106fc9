"""What rooms still take from here until they use `cxkinetics.document` themselves."""

from typing import Any

from cxkinetics.document.html import table_html as _table_html
from cxkinetics.report.result_workbook import Rows

__all__ = ["Rows", "table_html"]

table_html: Any = _table_html
