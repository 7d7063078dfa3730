"""Sequence tasks for recurrent cells: one file each, importable with torch alone.

A concrete task is imported from its own module (`rnnbench.tasks.adding.Adding`), which its YAML in conf/task names. The
package exports what all of them share:

- `task`: the base class, and batches.
- `milestone`: criteria weaker than a task's own, to compare runs that do not solve it.
- `losses`: base classes for tasks whose targets are classes, and for those whose target is one number.
- `finite_task`: the base class for a finite data set, and a user's file that holds one.
- `marked_pairs`: the base class for the sequences of Hochreiter & Schmidhuber (1997); `answered_words`: that for the
  words of Delétang et al. (2023).
- `wrapped`: tasks that draw their batches in another way: a length anew for each batch, a training set once.
"""

from rnnbench.tasks.finite_task import FiniteTask
from rnnbench.tasks.milestone import Milestone
from rnnbench.tasks.task import Batch, Split, StepMeasure, Task

__all__ = ["Batch", "FiniteTask", "Milestone", "Split", "StepMeasure", "Task"]
