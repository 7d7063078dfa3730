"""The copy of runs in Weights & Biases: settings, what W&B gets of a run, and the workspace of an experiment."""
