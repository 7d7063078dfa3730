"""Analysis: the results of experiments as values, and statistics over runs as pure functions of arrays and tables.

Results:
- `results`: the results of one experiment, with its runs in order.
- `run_folders`, `archive`: read them from run folders, and from the few files that these are condensed into.
- `variant`: the settings in which a run differs from the others of its cell and task.

Statistics of one group of runs:
- `samples`: checks of the arrays that statistics take.
- `intervals`: mean, median and paired difference over seeds, with 95% intervals.
- `solving`: success rate, steps to solve and longest solvable length.
- `aggregates`: normalised scores over runs and tasks, with stratified bootstrap.

Comparisons of two groups:
- `steps_to_solve`: what they take: steps, censored where the budget ended, in strata.
- `log_rank`, `steps_ratio`: the stratified log-rank test, and the ratio of steps with an exact interval.

Tables, one row per group of runs:
- `comparison`: each cell on each task.
- `scoring`: normalised scores, and their paired differences between cells.
- `horizon`: success rate by length, and the longest length solved.
- `tuning`: the choice of a setting on validation data.
- `gradient_profile`: the stored norms of the gradient through time, read in one way.
- `gradient_decay`: decay of the gradient through time.
- `speed`: times of forward and backward passes.
- `matched_comparisons`: runs of equal width, and of equally many parameters.
- `claims`: verdicts on the claims of the study notes.
"""
