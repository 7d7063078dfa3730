"""The command line: the only code that sees Hydra's configuration.

Commands:
- `main`: `rnnbench`, for one run, a sweep or an experiment; `application`: the Hydra application that it starts.
- `report`, `sync`, `dashboard`, `explain`: the other commands; `columns`: prints results/README.md.
- `console`: what all share; `menu`: choices, settings, and the text of --help.

From arguments to runs:
- `arguments`: checks the arguments and composes the configuration.
- `sweeper`: the jobs of a sweep; `composer`, `planner`: their settings, and which of them have to be run.
- `launching`: where the jobs of a sweep run, and what the launching process shows meanwhile.
- `job`: executes one job.
- `launches`: records the jobs of a launch and their outcomes, and sets the exit code.
"""
