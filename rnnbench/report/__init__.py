"""The report: tables, figures and a page of an experiment's results.

- `report`: what can be set of a report; writes everything, with the provenance of each table and figure.
- `tables`, `figures`: the components that a report can hold, one file each.
- `component`: what tables and figures are.
- `labels`: text for values and for what is missing.
- `cell_names`: what cells are called, and their families.
- `sentences`: what was found, in words.
- `page`, `templates/`: the HTML page.
- `style`: how every figure looks; `drawing`: its panels, legends and axes; `profiles`: gradients as figures draw them.
"""

from rnnbench.report.component import Figure, Table
from rnnbench.report.report import ReportSettings, write_report

__all__ = ["Figure", "ReportSettings", "Table", "write_report"]
