"""From settings to runs; no Hydra.

- `api`: `rnnbench.run` and `rnnbench.sweep`.
- `execute`: executes a run, unless it is done already or another process is doing it.
- `settings`: a run's settings, typed and checked.
- `tuning`: the settings of tuning, and the stages of a sweep that tunes a setting.
- `components`: finds the class that a `_target_` names, and checks its arguments.
- `catalogue`: the settings from the YAML files in conf/, for calls from Python.
- `build`: builds the objects that the settings name.
- `swept`: what a sweep varies, as a label of each run.
- `identity`: the name of the run that settings describe, without building it; code, versions and machine of a run.
- `trained_model`: the trained model of a run.
"""
