"""The trained model of a run, from its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch

from rnnbench.errors import SettingError
from rnnbench.model import Model
from rnnbench.process_settings import standard_settings
from rnnbench.recorders import RunFolder
from rnnbench.runs.components import component
from rnnbench.storage import DamagedFileError, read_json_object
from rnnbench.training.weights import digest_of


@standard_settings("load_model: the cell")
def load_model(
    run: str | Path, weights: Literal["selected", "last", "best"] = "selected", backend: str | None = None
) -> Model:
    """The model that a run trained, in evaluation mode, on the CPU.

    `run` is the run's folder. `weights`: those that the run evaluated on test data (`selected`), those after the last
    training step, or those at the lowest validation loss. `backend` runs it, by default the run's own; on the run's own
    and with its threads (`torch.set_num_threads`, `torch.set_flush_denormal`) outputs are the run's to the last bit.
    A cell of your own is imported as in the run, so its file has to be importable.

    Raises SettingError, in one line, when the run has kept no weights, or its files are missing or damaged.
    """
    folder = RunFolder(Path(run))
    config = read_json_object(folder.files.config, {"cell": dict, "model": dict, "threads": int})
    kept = folder.load_weights()
    state = _chosen(folder, kept, weights)
    shape = config["model"]
    model = Model(
        component(config["cell"], "cell"),
        input_size=kept["input_size"],
        output_size=kept["output_size"],
        hidden_size=shape["hidden_size"],
        layers=shape["layers"],
        embedding=shape.get("embedding"),
        backend=shape["backend"] if backend is None else backend,
        threads=config["threads"],
        generator=torch.Generator(),
    )
    try:
        model.load_state_dict(state)
    except RuntimeError as error:  # the cell's code has changed
        raise DamagedFileError(folder.files.weights, f"does not fit the cell as it is now ({error})") from None
    return model.eval()


def _chosen(folder: RunFolder, kept: Mapping[str, Any], which: str) -> Mapping[str, torch.Tensor]:
    """The weights asked for, after a check of those that the run's summary has the digest of."""
    of_name = kept["weights"]
    names = ("selected", *of_name)
    if which not in names:
        raise SettingError(f"weights={which}: must be one of {', '.join(names)}")
    selected: Mapping[str, torch.Tensor] = of_name.get(kept["selection"], of_name["last"])
    recorded = folder.summary().get("weights_sha256")
    if recorded is not None and digest_of(selected) != recorded:
        raise DamagedFileError(folder.files.weights, "does not hold the weights that the run's test was done with")
    return selected if which == "selected" else of_name[which]
