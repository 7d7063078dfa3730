"""Writes the folders of many runs, as large as real ones: `python tests/report/many_runs.py FOLDER COUNT`."""

import itertools
import json
import sys
from pathlib import Path

import numpy as np

from rnnbench.schema import run_name

CELLS = ("rnn", "lstm", "gru", "gru_torch", "min_gru")
LENGTHS = (25, 50, 100, 200)
EVALUATIONS, PROBED, STEPS = 60, 15, 100


def write_runs(root: Path, count: int) -> None:
    """`count` folders below root/runs: cells x lengths x seeds, with histories and gradient profiles."""
    generator = np.random.default_rng(0)
    seeds = -(-count // (len(CELLS) * len(LENGTHS)))
    grid = itertools.islice(itertools.product(CELLS, LENGTHS, range(seeds)), count)
    for cell, length, seed in grid:
        losses = np.geomspace(1, generator.uniform(1e-4, 0.2), EVALUATIONS)
        config = {
            "seed": seed, "device": "cpu", "threads": 1, "flush_denormals": True,
            "cell": {"_target_": f"rnnbench.cells.{cell}"},
            "task": {"_target_": "rnnbench.tasks.adding.Adding", "length": length},
            "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.001},
            "model": {"hidden_size": 64, "layers": 1, "backend": "fused", "initialisation": "default",
                      "recurrent_gain": 1.0},
            "train": {"steps": 6000, "batch_size": 50},
        }  # fmt: skip
        name = run_name(cell, "adding", seed, config)
        folder = root / "runs" / name
        folder.mkdir(parents=True)
        summary = {
            "status": "done", "run": name, "cell": cell, "task": "adding", "seed": seed, "backend": "fused",
            "difficulty_setting": "length", "difficulty": length, "solved": bool(losses[-1] < 0.01),
            "diverged_at_step": None,
            "steps_to_solve": 3000 if losses[-1] < 0.01 else None, "steps_trained": 6000, "baseline_loss": 1 / 6,
            "validation_loss": losses[-1], "test_loss": losses[-1] * 1.1, "step_time_s": 0.002, "parameters": 12_000,
            "parameters_recurrent_layers": 11_900, "gradient_half_life": 9.0, "gradient_half_life_initial": 2.0,
        }  # fmt: skip
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "summary.json").write_text(json.dumps(summary))
        rows = [f"{100 * step},{loss},{loss * 1.1},0.5" for step, loss in enumerate(losses)]
        (folder / "history.csv").write_text("\n".join(["step,validation_loss,train_loss,gradient_norm", *rows]) + "\n")
        norm = 10 ** -(generator.uniform(0.01, 0.3, (PROBED, 1, 1)) * np.arange(STEPS)[::-1])
        np.savez_compressed(folder / "gradient_profile.npz", step=np.arange(PROBED), norm=norm)


if __name__ == "__main__":
    write_runs(Path(sys.argv[1]), int(sys.argv[2]))
