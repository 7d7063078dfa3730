"""What a launch has to do, known before anything of it is started.

- `composer`: the configuration of each job, composed once for each set of choices.
- `identity`: the name of the run that a job is, without building the run.
- `planner`: which jobs are done already, by their runs' folders.
"""
