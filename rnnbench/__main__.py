"""`python -m rnnbench`: the same as `rnnbench`."""

from rnnbench.cli.main import command

command()
