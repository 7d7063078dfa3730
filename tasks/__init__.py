"""Sequence tasks for recurrent cells: one file each, importable with torch alone.

A concrete task is imported from its own module (`tasks.adding.Adding`), which its YAML in conf/task names. The package
exports what all of them share.
"""

from tasks.finite_task import FiniteTask
from tasks.milestone import Milestone
from tasks.task import Batch, Split, Task

__all__ = ["Batch", "FiniteTask", "Milestone", "Split", "Task"]
