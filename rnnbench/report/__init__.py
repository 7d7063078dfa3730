"""The report: tables and figures of an experiment's results."""

from rnnbench.report.figures import Figure
from rnnbench.report.report import write_report

__all__ = ["Figure", "write_report"]
