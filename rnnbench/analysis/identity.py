"""What a run is in statistics: a cell, task, difficulty, variant and seed, of which there is one run."""

import pandas as pd

from rnnbench.errors import SettingError
from rnnbench.schema import GROUP

RUN = [*GROUP, "seed"]


def check_once(runs: pd.DataFrame) -> None:
    """Raise SettingError, naming them, where two runs are of one cell, task, difficulty, variant and seed.

    They would count as two independent repetitions.
    """
    if not set(RUN) <= set(runs) or (doubled := runs[runs.duplicated(RUN, keep=False)]).empty:
        return
    first = doubled.iloc[0]
    same = (doubled[RUN] == first[RUN]).all(axis=1)
    names = f" ({', '.join(map(str, doubled.loc[same, 'run']))})" if "run" in doubled else ""
    run = f"cell={first['cell']} task={first['task']} seed={first['seed']}"
    raise SettingError(
        f"{run}: is there {same.sum()} times{names}; no setting tells these runs apart, and they would count as "
        "independent; keep one of them"
    )
