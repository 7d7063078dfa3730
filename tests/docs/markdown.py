"""The project's pages taken apart: links, headings, code blocks, commands and named files."""

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

OWN = sorted((ROOT / "docs").glob("own-*.md"))
"""The pages on custom components."""

COMMANDS = ("rnnbench", "rnnbench-report", "rnnbench-explain", "rnnbench-sync", "rnnbench-dashboard")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    """The targets of the page's links and pictures that point into the repository."""
    text = FENCE.sub("", page.read_text())
    found = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    return [target for target in found if not re.match(r"https?://", target)]


def anchors(page: Path) -> set[str]:
    """What a link to one of the page's headings may end in, as GitHub makes it from the heading."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page: Path) -> list[list[str]]:
    """The words of each rnnbench command on the page, in code blocks and in running text; none with a prompt.

    A word in capitals, such as NAME, stands for something of the reader's; commands with one are left out.
    """
    text = page.read_text()
    lines = [line for language, body in FENCE.findall(text) if not language for line in body.splitlines()]
    lines += [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", FENCE.sub("", text))]
    found = [shlex.split(line, comments=True) for line in lines if line.split(" ")[0] in COMMANDS]
    return [words for words in found if len(words) > 1 and not re.search(r"\b[A-Z]{3,}\b", " ".join(words))]


def answers(page: Path) -> list[tuple[list[str], str]]:
    """Each command that is shown with a prompt, `$ rnnbench ...`, and the line below it."""
    lines = [line for _, body in FENCE.findall(page.read_text()) for line in body.splitlines()]
    return [(shlex.split(line[2:]), answer) for line, answer in pairwise(lines) if line.startswith("$ ")]


def named_files(page: Path) -> Iterator[tuple[str, str]]:
    """Path and content of each file that the page shows: a path in backquotes and a colon, then a code block."""
    for match in re.finditer(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        yield match[1], match[2]
