"""The documentation site can be built, without a warning."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT


@pytest.mark.long
def test_the_site_builds_strictly(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    pages = {path.stem for path in tmp_path.glob("*.html")}
    assert {path.stem for path in ROOT.glob("docs/*.md")} < pages
    pictures = {path.relative_to(ROOT) for path in ROOT.glob("results/*/figures/*.png")}
    assert pictures
    assert all((tmp_path / path).exists() for path in pictures)
    assert not list(tmp_path.rglob("*.py"))
