"""Systems that rnnbench does not run on."""

import sys
from collections.abc import Callable

import pytest

from rnnbench.cli import explain, main, report


@pytest.mark.parametrize("command", [main.main, report.main, explain.main], ids=["rnnbench", "report", "explain"])
def test_windows_is_refused_in_one_line(
    command: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "Windows Subsystem for Linux" in line
