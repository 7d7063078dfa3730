"""Analysis: the results of experiments as values, and statistics over runs as pure functions of arrays and tables.

Results:
- `results`: the results of one experiment, with its runs in order.
- `run_folders`, `archive`: read them from run folders, and from the few files that these are condensed into.
- `combined`: the results of several experiments as one.
- `external_runs`: results made of a table of runs that some other program trained.
- `identity`: what a run is in statistics, of which there is one.
- `loss_scale`: whether the losses of a task are compared by their logarithms.
- `variant`: the settings in which a run differs from the others of its cell and task.

Statistics of one group of runs:
- `samples`: checks of the arrays that statistics take.
- `intervals`: mean, median and paired difference over seeds, with 95% intervals.
- `solving`: success rate, steps to solve and longest solvable length.
- `median_steps`: median steps to solve, with exact bounds under censoring.
- `aggregates`: normalised scores over runs and tasks, with stratified bootstrap.
- `degenerate`: exact intervals for samples whose bootstrap interval has no width.
- `exponential_decay`: tests whether a gradient profile decays exponentially; its half-life.

Comparisons of two groups:
- `steps_to_solve`: their input: steps, censored at the budget, in strata.
- `milestones`: steps to the task's criterion or a weaker one, with its censoring.
- `log_rank`, `steps_ratio`: the stratified log-rank test, and the ratio of steps with an exact interval.
- `paired`: Student's and sign-flip tests of differences within seeds.
- `log_loss`: differences of log losses at equal budgets.
- `spread_change`: change of the spread of time constants in training.
- `equivalence`: tests whether a difference is within a margin.
- `power`: the smallest difference that a sample can detect.
- `multiplicity`: Holm's correction of p-values.
- `verdict`: verdicts on claims, from intervals.

Tables, one row per group of runs:
- `comparison`: each cell on each task.
- `baselines`: the memoryless baseline of each run, where its task has one.
- `cell_pairs`: the pairs of cells that can be compared on a task.
- `steps_comparison`, `loss_comparison`: pairs of cells by steps to a milestone, and by log loss.
- `scoring`: normalised scores, and their paired differences between cells.
- `horizon`: success rate by length, and the longest length solved.
- `tuning`: the choice of a setting on validation data.
- `gradient_profile`: the stored norms of the gradient through time, read in one way.
- `relative_gradient`: gradient profiles divided by their last norm, for figures.
- `gradient_decay`: decay of the gradient through time.
- `speed`: times of forward and backward passes.
- `matched_comparisons`: runs of equal width, and of equally many parameters.
"""
