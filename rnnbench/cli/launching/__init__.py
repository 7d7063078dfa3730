"""Where the jobs of a sweep run, and what the launching process shows meanwhile.

`launcher` has the loop over the futures of an executor, `engines` and `slurm` have the executors, `status_line` what is
shown. Hydra takes launchers from the namespace package `hydra_plugins` alone, which only names these.
"""
