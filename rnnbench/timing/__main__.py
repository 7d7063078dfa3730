"""`python -m rnnbench.timing`: the tables of `make bench`."""

import argparse

import torch

from rnnbench.timing.bench import print_speed
from rnnbench.timing.overhead import print_overhead

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="numbers of threads, one table each")
    parser.add_argument("--repetitions", type=int, default=20, help="timed passes of each implementation")
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    print_speed(arguments.threads, arguments.repetitions)
    print()
    print_overhead()
