"""`python -m rnnbench.timing`: the tables of `make bench`."""

from rnnbench.timing.bench import main

main()
