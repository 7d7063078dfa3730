"""Hooks of `make docs`: pages that are generated, and links from docs/ to the rest of the repository.

The pages are read on the repository's own pages, too, so a link is written as it holds there.
"""

import inspect
import re
from pathlib import Path
from typing import Any

from hydra.utils import get_class
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from omegaconf import OmegaConf

import rnnbench
from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.results import Results
from rnnbench.cli.columns import results_readme
from rnnbench.cli.menu import menu

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"

ELSEWHERE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "results/README.md": "columns.md",
}
"""Where pages from outside docs/ stand on the site."""

CODE = ("rnnbench/", "tests/", "tasks/", "conf/")

LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and the results' pages, tables and pictures."""
    generated = {page: (ROOT / source).read_text() for source, page in ELSEWHERE.items()}
    generated |= {"columns.md": results_readme(), "settings.md": settings(), "gallery.md": gallery()}
    generated["reference.md"] = reference()
    for page, text in generated.items():
        files.append(File.generated(config, page, content=text))
    for path in sorted(ROOT.glob("results/*/**/*")):
        if path.suffix in (".png", ".html", ".md"):
            name = path.relative_to(ROOT).as_posix()
            files.append(File(name, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Links as they are on the site; one to a file of code becomes its path."""
    if page.file.src_uri.startswith("results/"):
        return markdown

    def on_the_site(match: re.Match[str]) -> str:
        text, link = match.groups()
        target = _target(link, page.file.src_uri)
        if target.startswith(CODE):
            return f"{text} (`{target}`)"
        return f"[{_title(ROOT / 'docs' / target) or text if text.endswith('.md') else text}]({target})"

    return LINK.sub(on_the_site, markdown)


def _title(page: Path) -> str:
    """The first heading of a page; "" of one that is generated."""
    first = page.read_text(encoding="utf-8").partition("\n")[0] if page.is_file() else ""
    return first.removeprefix("# ")


def _target(link: str, page: str) -> str:
    """Where the link leads from a page of the site; it is written for the page's place in the repository."""
    path, mark, anchor = link.partition("#")
    if not path or ":" in path:
        return link
    home = {target: Path(source).parent for source, target in ELSEWHERE.items()}.get(page, Path("docs"))
    target = "/".join(_resolved((home / path).parts))
    return ELSEWHERE.get(target, target.removeprefix("docs/")) + mark + anchor


def _resolved(parts: tuple[str, ...]) -> list[str]:
    """A path's parts without `..`."""
    kept: list[str] = []
    for part in parts:
        kept = kept[:-1] if part == ".." else [*kept, part]
    return kept


def settings() -> str:
    """The text of `rnnbench --help`."""
    return f"# Settings\n\nThe text of `rnnbench --help`.\n\n```text\n{menu()}\n```\n"


def gallery() -> str:
    """Every figure of the committed results, with its caption."""
    parts = ["# Gallery\n\nEvery figure in `results/`; each experiment's name leads to its page."]
    for page in sorted(ROOT.glob("results/*/report.html")):
        name = page.parent.name
        parts.append(f"## {name}\n\n[Page with all tables](../results/{name}/report.html)")
        for sidecar in sorted(page.parent.glob("figures/*.json")):
            title = sidecar.stem.replace("_", " ").capitalize()
            caption = " ".join((inspect.getdoc(figure(sidecar.stem)) or "").split())
            picture = f"../results/{name}/figures/{sidecar.stem}.png"
            parts.append(f"### {title}\n\n![{title}]({picture})\n\n{caption}".strip())
    return "\n\n".join(parts) + "\n"


def reference() -> str:
    """Every name of the Python interface, by its docstring."""
    places = [getattr(rnnbench, name) for name in rnnbench.__all__]
    blocks = [f"::: {place.__module__}.{place.__qualname__}" for place in [*places, Results, Interval]]
    return "# Reference\n\n" + "\n\n".join(blocks) + "\n"


def figure(name: str) -> type:
    """The class of a figure on the menu."""
    return get_class(str(OmegaConf.load(CONF / "figure" / f"{name}.yaml")["_target_"]))
