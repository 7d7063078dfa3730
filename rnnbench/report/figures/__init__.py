"""Figures: each is one file here and one YAML file in conf/figure, drawn from the results alone.

- `learning_curves`: loss on validation data against training steps or training time.
- `horizon`: success rate against the task's length, and the longest solvable length.
- `equal_budget`: loss over the baseline, or steps to solve, at equal width and at equally many parameters.
- `paired_differences`: two cells against each other, by the ratio of their losses or of their steps to a milestone.
- `performance_profiles`: fraction of runs at or below each loss over the baseline, or number of steps to solve.
- `learning_rate_sensitivity`: steps to the objective, or validation loss, against the learning rate or another setting.
- `gradient_norms`: gradient norm against the time step, before and after training.
- `gradient_heat_map`: gradient norm against time step and training step.
- `decay_by_gain`: decay of the gradient through time against the recurrent gain.
- `gates_over_time`, `gates_over_training`: fraction of closed and open values of each gate, against the time step and
  against the training step.
- `jacobian_spectrum`: Lyapunov exponents, and the norm of each step's Jacobian of the state.
- `cost`: time of a training step and number of parameters.
- `speed`: time of a forward and backward pass by each implementation, as ratios.
"""
