"""Analysis: the results of experiments as values, and statistics over runs as pure functions of arrays and tables.

Results:
- `archive`: reads and condenses the results of one or several experiments; `results`: what these are, runs in order,
  and those of a table that some other program made.
- `variant`: the settings in which a run differs from the others of its cell and task.

Statistics:
- `intervals`: mean, median, rate and probability of improvement, with 95% intervals; tests of differences within seeds.
- `milestones`: steps to the task's criterion, censored, and their median.
- `log_rank`, `steps_ratio`: the stratified log-rank test, and the ratio of steps with an exact interval.
- `gradient_profile`: norms of the gradient through time, whether they are exponential, and the table of their decay.
- `power`: the smallest difference that a sample can detect.
- `verdict`: verdicts on claims, from intervals, with Holm's correction.

Tables, one row per group of runs: `comparison`, `steps_comparison`, `loss_comparison`, `scoring`, `lengths`, `tuning`,
`speed`, `published`; `cell_pairs` says which cells can be compared.
"""
