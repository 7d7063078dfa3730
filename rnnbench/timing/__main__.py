"""`python -m rnnbench.timing`: the tables of `make bench`."""

import argparse

import torch

from rnnbench.timing.bench import print_passes, print_whole_steps

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="numbers of threads, one table each")
    parser.add_argument("--repetitions", type=int, default=20, help="timed passes of each implementation")
    parser.add_argument("--steps", type=int, default=60, help="timed training steps of each contestant")
    parser.add_argument("--compile", action="store_true", help="torch.compile too, at 32 units; it takes minutes")
    parser.add_argument("--only", choices=["passes", "steps"], help="one table of the two")
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    if arguments.only != "passes":
        print_whole_steps(arguments.steps, arguments.compile)
    if arguments.only != "steps":
        print_passes(arguments.threads, arguments.repetitions)
