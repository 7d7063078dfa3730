"""The report: tables, figures and a page of an experiment's results.

- `report`: writes everything.
- `tables`, `figures`: the components that a report can hold, one file each.
- `component`: what tables and figures have in common.
- `labels`: text for values; `flat`: tables of values as columns of numbers and text; `incomplete`: what is missing.
- `page`, `templates/`: the HTML page.
- `sidecar`: the provenance of each table and figure, a JSON file beside it.
- `style`: how every figure looks: paper sizes, colours and line styles of the cells, legends.
"""

from rnnbench.report.figures.figure import Figure
from rnnbench.report.report import write_report
from rnnbench.report.tables.table import Table

__all__ = ["Figure", "Table", "write_report"]
