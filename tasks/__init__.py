"""Sequence tasks for recurrent cells: one file each, importable with torch alone."""

from tasks.adding import Adding
from tasks.copy_memory import CopyMemory
from tasks.task import Batch, Task

__all__ = ["Adding", "Batch", "CopyMemory", "Task"]
