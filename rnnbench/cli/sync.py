"""`rnnbench-sync`: uploads the runs of a sweep to Weights & Biases."""

from pathlib import Path
from typing import Any

from rnnbench.cli.console import answer
from rnnbench.cli.systems import check_system
from rnnbench.interruption import listening

USAGE = """rnnbench-sync uploads the finished runs of a sweep, and its report if there is one, to Weights & Biases.

  rnnbench-sync name=NAME                of a sweep launched with name=NAME
  rnnbench-sync experiment=NAME          of a named experiment
  rnnbench-sync ... results_dir=DIR      below another folder than ./results
  rnnbench-sync ... wandb.project=P      to this project; wandb.entity, group, tags and notes likewise

Runs go one by one from their folders, however they were logged before, and each is checked on the server: one that is
there already is not sent again. A run that has not ended or is damaged is named and skipped. The exit code is 0 when
the server has every run, 1 when it does not, 2 for a wrong setting. WANDB_API_KEY or `wandb login` gives the key."""

USED = ("name", "experiment", "results_dir", "wandb.")


def main() -> None:
    """The console command."""
    check_system()
    with listening("rnnbench-sync", "run again, it sends what is missing"):
        answer(USAGE, USED, sync)


def sync(arguments: list[str]) -> None:
    """Upload the runs. Raises SettingError when there are none, SystemExit(1) when the server does not have all."""
    from rnnbench.cli.arguments import composed
    from rnnbench.errors import SettingError
    from rnnbench.runs.stored_components import stored_axes
    from rnnbench.schema import ExperimentFiles
    from rnnbench.wandb_logging.process import WandbProcess
    from rnnbench.wandb_logging.uploading import Uploader

    config = composed(arguments, "rnnbench-sync", USED)
    files = ExperimentFiles(Path(config.results_dir) / config.name)
    total = len(files.begun_runs())
    if not total:
        raise SettingError(f"name={config.name}: there are no runs in {files.runs}")
    wandb_process = WandbProcess(quiet=True)
    try:
        counts = Uploader(wandb_process, wandb_settings(config), stored_axes).upload(
            files, lambda line: print(line, flush=True)
        )
    finally:
        wandb_process.close()
    print(f"{total} runs: {', '.join(f'{number} {outcome}' for outcome, number in counts.items())}")
    if set(counts) - {"uploaded", "there already"}:
        raise SystemExit(1)


def wandb_settings(config: Any) -> Any:
    """The settings below `wandb`. Raises SettingError."""
    from omegaconf import OmegaConf
    from pydantic import ValidationError

    from rnnbench.errors import SettingError, validation_message
    from rnnbench.wandb_logging.settings import WandbSettings

    try:
        return WandbSettings.model_validate(OmegaConf.to_container(config.wandb))
    except ValidationError as error:
        raise SettingError(f"wandb.{validation_message(error)}") from error
