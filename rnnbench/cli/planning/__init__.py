"""What a launch has to do, known before anything of it is started.

- `composer`: the configuration of each job, composed once for each set of choices.
- `planner`: which jobs are done already, by their runs' folders.
"""
