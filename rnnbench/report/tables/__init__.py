"""Tables: each is one file here and one YAML file in conf/table, made from the results alone.

- `comparison`: each cell on each task: success rate, steps to a milestone, loss, time, parameters, gradient.
- `scores`: normalised score of each cell over all tasks.
- `steps_ratio`: ratio of steps to a milestone between two cells.
- `paired_differences`: differences of log losses between two cells on the same seeds.
- `solvable_lengths`: longest length that each cell solves.
- `tuned_settings`: value chosen for a tuned setting, what the choice cost and how much it matters.
- `gradient_decay`: decades that the gradient loses through time, its decay and half-life where a line fits.
- `speed`: time of a forward and backward pass by each implementation.
- `narrow`: the columns that are shown where there is little room.
- `rendering`: tables as Markdown and plain text; `latex`: as LaTeX.
"""
