"""The format of the results: what the side that runs writes and the side that analyses reads, stated once.

- `status`: how a run or a job stands, and what counts as ended and as measured
- `files`: the files and folders of a run, a launch and an experiment
- `columns`: what a column is, and the columns of every run; a probe declares its own in the same type
- `settings`: which settings can change a result, and so identify a run; which columns are settings; their values as
  text that keeps their types

It imports neither torch nor Hydra nor any other package of rnnbench.
"""

from rnnbench.schema.columns import ARCHIVE_VERSION as ARCHIVE_VERSION
from rnnbench.schema.columns import DIFFICULTY as DIFFICULTY
from rnnbench.schema.columns import EMPTY as EMPTY
from rnnbench.schema.columns import GROUP as GROUP
from rnnbench.schema.columns import IDENTITY as IDENTITY
from rnnbench.schema.columns import PROVENANCE as PROVENANCE
from rnnbench.schema.columns import RESULTS as RESULTS
from rnnbench.schema.columns import RUN_COLUMNS as RUN_COLUMNS
from rnnbench.schema.columns import STORED_GROUP as STORED_GROUP
from rnnbench.schema.columns import TASK_GROUP as TASK_GROUP
from rnnbench.schema.columns import VARIANT as VARIANT
from rnnbench.schema.columns import Column as Column
from rnnbench.schema.columns import length_column as length_column
from rnnbench.schema.columns import milestone_column as milestone_column
from rnnbench.schema.files import ExperimentFiles as ExperimentFiles
from rnnbench.schema.files import LaunchFiles as LaunchFiles
from rnnbench.schema.files import RunFiles as RunFiles
from rnnbench.schema.settings import LARGEST_SEED as LARGEST_SEED
from rnnbench.schema.settings import LONGEST_NAME as LONGEST_NAME
from rnnbench.schema.settings import changes_what_is_run as changes_what_is_run
from rnnbench.schema.settings import checked_name as checked_name
from rnnbench.schema.settings import difficulty_value as difficulty_value
from rnnbench.schema.settings import from_stored_text as from_stored_text
from rnnbench.schema.settings import is_name as is_name
from rnnbench.schema.settings import is_setting as is_setting
from rnnbench.schema.settings import override_text as override_text
from rnnbench.schema.settings import override_value as override_value
from rnnbench.schema.settings import result_settings as result_settings
from rnnbench.schema.settings import run_name as run_name
from rnnbench.schema.settings import settings_hash as settings_hash
from rnnbench.schema.settings import stored_text as stored_text
from rnnbench.schema.status import ENDED as ENDED
from rnnbench.schema.status import MEASURED as MEASURED
from rnnbench.schema.status import JobStatus as JobStatus
from rnnbench.schema.status import Status as Status
