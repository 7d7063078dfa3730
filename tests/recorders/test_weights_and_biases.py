"""What a logged run holds, read back with W&B's own reader, and what happens when W&B is away."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wandb

from rnnbench.recorders import WandbSettings, WeightsAndBiases

LONG_PROFILE = np.linspace(1, 2, 6).reshape(1, 6)


def logged_run(folder: Path, mode: str, past_rows: list[dict[str, float]] | None = None) -> WeightsAndBiases:
    folder.mkdir(exist_ok=True)
    return WeightsAndBiases(
        WandbSettings(mode=mode, project="rnnbench", entity=None, init_timeout_s=5),  # type: ignore[arg-type]
        folder=folder,
        identity=f"test-{folder.name}",
        group="experiment",
        tags=["gru", "adding"],
        config={"cell": {"_target_": "rnnbench.cells.gru.Gru"}, "seed": 3, "cell_name": "gru"},
        axes={"gradient_profile": {"norm": ("layer", "time_step")}},
        past_rows=past_rows or [],
        past_arrays={},
    )


def records(folder: Path) -> list[dict[str, Any]]:
    """The offline run's records, as `wandb leet inspect` prints them."""
    (offline,) = folder.glob("wandb/offline-run-*")
    command = [str(shutil.which("wandb", path=str(Path(sys.executable).parent))), "leet", "inspect", "--json"]
    printed = subprocess.run([*command, str(offline)], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in printed.splitlines()]


def test_offline_run_holds_everything(tmp_path: Path) -> None:
    folder = tmp_path / "gru-adding-3-00000000"
    recorder = logged_run(folder, "offline", past_rows=[{"step": 0, "validation_loss": 0.75}])
    recorder.record({"step": 10, "validation_loss": 0.25})
    recorder.store("gradient_profile", 10, {"norm": LONG_PROFILE})
    recorder.finish({"status": "done", "test_loss": 0.125, "steps_to_solve": None})
    found = records(folder)
    (run,) = [record["run"] for record in found if record["type"] == "run"]
    assert run["run_group"] == "experiment"
    assert set(run["tags"]) == {"gru", "adding"}
    assert run["config"]["update"]["cell_name"] == "gru"
    assert run["config"]["update"]["cell"] == {"_target_": "rnnbench.cells.gru.Gru"}
    text = "\n".join(map(json.dumps, found))
    for number in ("0.75", "0.25", "0.125"):  # the row before a resume, the row after, the summary
        assert number in text
    (table,) = folder.glob("wandb/offline-run-*/files/media/table/gradient_profile/norm_*.table.json")
    content = json.loads(table.read_text())
    assert content["columns"] == ["step", "layer", "time_step", "norm"]
    assert content["data"] == [[10, 1, time + 1, value] for time, value in enumerate(LONG_PROFILE.ravel().tolist())]
    assert len(list(folder.glob("wandb/offline-run-*/files/media/images/gradient_profile/norm_picture_*.png"))) == 1


@pytest.mark.parametrize("error", [wandb.errors.CommError("no network"), wandb.errors.UsageError("no key")])
def test_online_goes_on_offline_with_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    init = wandb.init

    def unreachable(mode: str, **arguments: Any) -> Any:
        if mode == "online":
            raise error
        return init(mode=mode, **arguments)

    monkeypatch.setattr(wandb, "init", unreachable)
    folder = tmp_path / "run"
    with pytest.warns(UserWarning, match=f"W&B cannot be reached .{error}.; this run is logged offline") as warned:
        recorder = logged_run(folder, "online")
    assert len(warned) == 1
    recorder.record({"step": 0, "validation_loss": 0.5})
    recorder.finish({"status": "done"})
    assert any(record["type"] == "run" for record in records(folder))
