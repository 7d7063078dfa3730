"""A run on disk: whole files, one process for each run, one writer and one reader.

- `atomic`: files written whole or not at all, and read with a check.
- `lock`: one process for each run.
- `reader`: the one reader of run folders and launches.
- `archive`: the few files that an experiment is condensed into; needs pandas, and the others do not.
- `writer`: the folders that runs are written to; needs torch, and the others do not.

What the files are called is in `rnnbench.schema.files`.
"""
