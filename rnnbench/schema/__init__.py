"""The format of the results: what the side that runs writes and the side that analyses reads, stated once.

- `status`: how a run or a job stands, and what counts as ended and as measured
- `files`: the files and folders of a run, a launch and an experiment
- `columns`: what a column is, and the columns of every run; a probe declares its own in the same type
- `settings`: which settings can change a result, and so identify a run; which columns are settings
- `stored_text`: values of settings as text that keeps their types

It imports neither torch nor Hydra nor any other package of rnnbench.
"""

from rnnbench.schema.columns import (
    ARCHIVE_VERSION,
    DIFFICULTY,
    EMPTY,
    GROUP,
    IDENTITY,
    PROVENANCE,
    RESULTS,
    RUN_COLUMNS,
    STORED_GROUP,
    TASK_GROUP,
    VARIANT,
    Column,
    milestone_column,
)
from rnnbench.schema.files import ExperimentFiles, LaunchFiles, RunFiles
from rnnbench.schema.settings import (
    LARGEST_SEED,
    LONGEST_NAME,
    changes_what_is_run,
    checked_name,
    difficulty_value,
    is_name,
    is_setting,
    result_settings,
    run_name,
    setting_columns,
    settings_hash,
)
from rnnbench.schema.status import ENDED, MEASURED, JobStatus, Status
from rnnbench.schema.stored_text import from_stored_text, is_plain, override_text, stored_text

__all__ = [
    "ARCHIVE_VERSION",
    "DIFFICULTY",
    "EMPTY",
    "ENDED",
    "GROUP",
    "IDENTITY",
    "LARGEST_SEED",
    "LONGEST_NAME",
    "MEASURED",
    "PROVENANCE",
    "RESULTS",
    "RUN_COLUMNS",
    "STORED_GROUP",
    "TASK_GROUP",
    "VARIANT",
    "Column",
    "ExperimentFiles",
    "JobStatus",
    "LaunchFiles",
    "RunFiles",
    "Status",
    "changes_what_is_run",
    "checked_name",
    "difficulty_value",
    "from_stored_text",
    "is_name",
    "is_plain",
    "is_setting",
    "milestone_column",
    "override_text",
    "result_settings",
    "run_name",
    "setting_columns",
    "settings_hash",
    "stored_text",
]
