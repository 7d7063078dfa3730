"""The copy of runs in Weights & Biases.

- `settings`: the settings of `wandb`.
- `content`: what W&B gets of a run.
- `dashboard`: the workspace of an experiment.
"""
