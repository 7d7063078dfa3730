"""The command line: the only code that sees Hydra's configuration.

Commands:
- `main`: `rnnbench`, for one run, a sweep or an experiment; `application`: the Hydra application that it starts.
- `report`: `rnnbench-report`.
- `sync`: `rnnbench-sync`; `dashboard`: `rnnbench-dashboard`.
- `explain`: `rnnbench-explain`.
- `columns`: prints results/README.md.
- `menu`: the text of --help.
- `console`: --help, --version and errors of the commands that are no Hydra application; `completion`: completes their
  arguments in the shell.
- `systems`: what a command needs of the system: no Windows, a working directory, text that the terminal can show.

From arguments to runs:
- `arguments`: checks the arguments and composes the configuration; `search_path`: where choices are looked for.
- `configuration`: Hydra's configuration as settings.
- `sweep`: the jobs of a sweep; `sweeper`: Hydra's sweeper for unions of products.
- `planning`: which jobs have to be run, found before anything is started.
- `tuning_stages`: the stages of a sweep that tunes a setting.
- `launching`: where the jobs of a sweep run, and what the launching process shows meanwhile.
- `job`: executes one job.
- `launches`: records the jobs of a launch and their outcomes, and sets the exit code.
- `tidying`: removes what earlier launches have left behind.
"""
