"""The report: tables, figures and a page of an experiment's results."""

from rnnbench.report.figures import Figure
from rnnbench.report.report import write_report
from rnnbench.report.tables import Table

__all__ = ["Figure", "Table", "write_report"]
