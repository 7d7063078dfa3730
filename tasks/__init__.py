"""Sequence tasks for recurrent cells: one file each, importable with torch alone.

A concrete task is imported from its own module (`rnnbench.tasks.adding.Adding`), which its YAML in conf/task names. The
package exports what all of them share:

- `task`: the base class, and batches.
- `milestone`: criteria weaker than a task's own, to compare runs that do not solve it.
- `classification`, `finite_task`, `marked_pairs`: base classes for tasks with classes as targets, on a finite data set,
  and on the sequences of Hochreiter & Schmidhuber (1997).
- `data_file`: the file that a task on a user's own data reads; `piano_roll`: those of `polyphonic_music`.
"""

from rnnbench.tasks.finite_task import FiniteTask
from rnnbench.tasks.milestone import Milestone
from rnnbench.tasks.task import Batch, Split, StepMeasure, Task

__all__ = ["Batch", "FiniteTask", "Milestone", "Split", "StepMeasure", "Task"]
