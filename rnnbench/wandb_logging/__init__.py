"""The copy of runs in Weights & Biases, made by a process of its own, so that no run waits for W&B or fails with it.

Without torch and Hydra, so that the process starts quickly.

- `settings`: where and how runs are logged.
- `content`: what W&B gets of a run.
- `messages`: how a run begins and ends, told to the process.
- `process`: starts the process, passes messages to it, and ends it in a bounded time.
- `worker`: the process itself; the only code that logs with wandb.
- `uploading`: uploads runs from their folders.
- `dashboard`: the workspace of an experiment.
"""
