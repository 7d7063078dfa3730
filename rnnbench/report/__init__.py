"""The report: tables, figures and a page of an experiment's results.

- `report`: writes everything.
- `tables`, `figures`: the components that a report can hold, one file each.
- `component`: what tables and figures have in common.
- `labels`: text for values; `values`: tables of values as columns of numbers and text; `incomplete`: what is missing.
- `page`, `templates/`: the HTML page.
- `settings`: what can be set of a report.
- `sidecar`: the provenance of each table and figure, a JSON file alongside it; by it, what an earlier report wrote.
- `runs_table`: the page's table of runs.
- `style`: how every figure looks: paper sizes, colours and line styles of the cells, legends.
"""

from rnnbench.report.figures.figure import Figure
from rnnbench.report.report import write_report
from rnnbench.report.settings import ReportSettings
from rnnbench.report.tables.table import Table

__all__ = ["Figure", "ReportSettings", "Table", "write_report"]
