"""The documentation site can be built without a warning, holds a page for every cell, and no link in it is dead."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from rnnbench.cli.menu import choices
from rnnbench.runs.catalogue import configuration_directory
from tests.docs.markdown import ROOT


class Page(HTMLParser):
    """The links and pictures of a page, and the anchors that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = {"", "top", "__skip"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links |= {value for key in ("href", "src") if (value := given.get(key)) and not re.match(r"\w+:", value)}
        self.anchors |= {value for key in ("id", "name") if (value := given.get(key))}


def dead_links(site: Path) -> set[tuple[str, str]]:
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html") if path.name != "404.html"}
    dead = set()
    for path, page in pages.items():
        for link in page.links:
            place, _, anchor = link.partition("#")
            target = (path.parent / unquote(place)).resolve() if place else path
            known = pages[target].anchors if target in pages else {""}
            if not target.is_file() or unquote(anchor) not in known:
                dead.add((path.relative_to(site.resolve()).as_posix(), link))
    return dead


@pytest.mark.long
def test_the_site_builds_strictly(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    pages = {path.stem for path in tmp_path.glob("*.html")}
    assert {path.stem for path in ROOT.glob("docs/*.md")} < pages
    assert {path.stem for path in tmp_path.glob("cells/*.html")} == {*choices("cell", [configuration_directory()])}
    assert all("<math" in path.read_text() for path in tmp_path.glob("cells/*.html"))
    assert dead_links(tmp_path) == set()
    assert not list(tmp_path.rglob("*.py"))
    found = json.loads((tmp_path / "search/search_index.json").read_text())["docs"]
    assert found
    assert not [each["location"] for each in found if each["location"].startswith("results/")]
