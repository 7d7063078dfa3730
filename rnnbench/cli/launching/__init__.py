"""Where the jobs of a sweep run: launchers for Hydra, and what the launching process shows meanwhile.

- `launcher`: the base of the launchers; whatever happens to a worker becomes the outcome of its job.
- `job_call`: one job as it is called in a worker process.
- `workers`: worker processes on this machine, of a Dask cluster and of a Ray cluster.
- `slurm`: Slurm jobs; `packing`: which runs go into which of them; `queue`: what Slurm says about them.
- `status_line`: done, running, failed, waiting and time left.

Hydra takes launchers from the namespace package `hydra_plugins` alone, which only names these.
"""
