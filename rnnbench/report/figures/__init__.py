"""Figures: each is one file here and one YAML file in conf/figure, drawn from the results alone.

- `figure`: what a figure is.
- `learning_curves`: loss on validation data against training steps.
- `horizon`: success rate against the task's length, and the longest solvable length.
- `equal_budget`: scores of cells of equal width, and of cells with equally many parameters.
- `paired_differences`: differences of scores between two cells on the same seeds.
- `performance_profiles`: fraction of runs above each score, over all tasks.
- `learning_rate_sensitivity`: score on validation data against the learning rate, or another tuned setting.
- `gradient_norms`: gradient norm against the time step, before and after training.
- `gradient_heat_map`: gradient norm against time step and training step.
- `decay_by_gain`: decay of the gradient through time against the recurrent gain.
- `cost`: time of a training step and number of parameters.
- `speed`: time of a forward and backward pass by each implementation, as ratios.
"""
