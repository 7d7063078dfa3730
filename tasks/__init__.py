"""Sequence tasks for recurrent cells: one file each, importable with torch alone."""

from tasks.adding import Adding
from tasks.copy_memory import CopyMemory
from tasks.finite_task import FiniteTask
from tasks.hochreiter_adding import HochreiterAdding
from tasks.multiplication import Multiplication
from tasks.noiseless_memorization import NoiselessMemorization
from tasks.polyphonic_music import PolyphonicMusic
from tasks.random_permutation import RandomPermutation
from tasks.selective_copying import SelectiveCopying
from tasks.sequential_digits import SequentialDigits
from tasks.task import Batch, Split, Task
from tasks.temporal_order import TemporalOrder
from tasks.xor import Xor

__all__ = [
    "Adding",
    "Batch",
    "CopyMemory",
    "FiniteTask",
    "HochreiterAdding",
    "Multiplication",
    "NoiselessMemorization",
    "PolyphonicMusic",
    "RandomPermutation",
    "SelectiveCopying",
    "SequentialDigits",
    "Split",
    "Task",
    "TemporalOrder",
    "Xor",
]
