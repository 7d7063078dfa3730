"""The helpers of tests/backends/fused are used here too."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "backends" / "fused"))

from interpreted import interpret as interpret
