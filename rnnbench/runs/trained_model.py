"""The trained model of a run, from its folder."""

import importlib
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from rnnbench.cells import Cell
from rnnbench.errors import SettingError, printable
from rnnbench.model import Model
from rnnbench.process_settings import standard_settings
from rnnbench.recorders import RunFolder
from rnnbench.runs.components import with_arguments
from rnnbench.schema import ExperimentFiles
from rnnbench.store.atomic import DamagedFileError
from rnnbench.store.reader import read_run


@standard_settings("load_model: the cell")
def load_model(
    run: str | Path,
    weights: Literal["selected", "last", "best"] = "selected",
    backend: str | None = None,
    components: Sequence[type | str] = (),
) -> Model:
    """The model that a run trained, in evaluation mode, on the CPU.

    `run` is the run's folder. `weights`: those that the run evaluated on test data (`selected`), those after the last
    training step, or those at the lowest validation loss. `backend` runs it, by default the run's own; on the run's own
    and with its threads (`torch.set_num_threads`, `torch.set_flush_denormal`) outputs are the run's to the last bit.
    A custom cell is handed over, `components=[MyCell]`, or its package is named, `components=["my_package"]`: nothing
    is imported because a file of the run names it. Raises SettingError.
    """
    folder = RunFolder(Path(run).expanduser())
    if (of_experiment := ExperimentFiles(folder.path)).runs.is_dir():
        named = [f"{of_experiment.runs}/{each.name}" for each in of_experiment.begun_runs()[:3]]
        raise SettingError(f"{run}: is an experiment, not a run; choose one of its runs, such as {', '.join(named)}")
    kept = folder.load_weights()
    of_name: Mapping[str, Mapping[str, torch.Tensor]] = kept["weights"]
    if weights not in (names := ("selected", *of_name)):
        raise SettingError(f"weights={weights}: must be one of {', '.join(names)}")
    config = read_run(folder.files).config
    cell, shape = dict(config["cell"]), config["model"]
    model = Model(
        with_arguments(_stored_cell(cell.pop("_target_", None), components), cell, "cell"),
        input_size=kept["input_size"],
        output_size=kept["output_size"],
        hidden_size=shape["hidden_size"],
        layers=shape["layers"],
        embedding=shape.get("embedding"),
        backend=backend or shape["backend"],
        threads=config["threads"],
        generator=torch.Generator(),
    )
    try:
        selected = of_name.get(kept["selection"], of_name["last"])
        model.load_state_dict(selected if weights == "selected" else of_name[weights])
    except RuntimeError as error:  # the cell's code has changed
        raise DamagedFileError(folder.files.weights, f"does not fit the cell as it is now ({error})") from None
    return model.eval()


def _stored_cell(path: Any, components: Sequence[type | str]) -> type[Cell]:
    """The cell that a stored `_target_` names: one of rnnbench, among `components`, or of a module named there."""
    text = str(path)
    module, _, name = text.rpartition(".")
    for each in components:
        if isinstance(each, type) and each.__name__ == name and issubclass(each, Cell):
            return each
    trusted = ("rnnbench", *(each for each in components if isinstance(each, str)))
    found: Any = None
    if any(f"{module}.".startswith(f"{package}.") for package in trusted) and not module.endswith("__main__"):
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise SettingError(f"{printable(text)}: cannot be imported ({error})") from None
    if inspect.isclass(found) and issubclass(found, Cell):
        return found
    raise SettingError(
        f"{printable(text)}: is no cell of rnnbench, and no code is run because a results folder "
        f"names it; hand the class over, components=[{printable(name)}], or name its package"
    )
