"""Hooks of `make docs`: pages that are generated, links to the rest of the repository and to papers, and diagrams.

The pages are read on the repository's own pages, too, so a link is written as it holds there.
"""

import hashlib
import html
import inspect
import posixpath
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import cell_pages
import paper_pages
from gallery import QUESTIONS
from hydra.utils import get_class
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from omegaconf import OmegaConf

import rnnbench
from rnnbench.cli.columns import results_readme
from rnnbench.cli.menu import menu
from rnnbench.report.cell_names import cell_name

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


CITED = re.compile(r"^\| (.+?) (\d{4}) \| \[.*?\]\((\S+?)\)", re.MULTILINE)
"""A row of papers.md: authors, year, address."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The version, and an entry for each cell and each paper whose results are made again."""
    config.site_name = f"rnnbench {rnnbench.__version__}"
    config.copyright = "MIT licence. Made from the code, its settings and its results."
    (section,) = [entry["Cells"] for entry in config.nav if "Cells" in entry]
    section += [{cell_name(name): f"cells/{name}.md"} for name in cell_pages.names()]
    (section,) = [entry["Papers"] for entry in config.nav if "Papers" in entry]
    section += [{paper_pages.PAPERS[name].title: f"made-again/{name}.md"} for name in paper_pages.names()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and the results' pages, tables and pictures."""
    generated = {page: (ROOT / source).read_text() for source, page in ELSEWHERE.items()}
    generated |= {"columns.md": results_readme(), "settings.md": settings(), "gallery.md": gallery()}
    generated |= {f"cells/{name}.md": cell_pages.page(name) for name in cell_pages.names()}
    generated |= {f"made-again/{name}.md": paper_pages.page(name) for name in paper_pages.names()}
    generated |= {"made-again.md": paper_pages.index()}
    generated |= {"cells.md": cell_pages.overview(), "reference.md": reference()}
    for page, text in generated.items():
        files.append(File.generated(config, page, content=text))
    for path in sorted(ROOT.glob("results/*/**/*")):
        if path.is_file() and path.suffix not in (".gz", ".npz"):
            name = path.relative_to(ROOT).as_posix()
            files.append(File(name, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Links as they are on the site, and diagrams drawn; a link to a file of code becomes its path."""
    if page.file.src_uri.startswith("results/"):
        page.meta["search"] = {"exclude": True}
        return markdown
    if page.file.src_uri.startswith(("cells/", "made-again/")):
        return markdown
    weights = {"settings.md": 3, "columns.md": 0.2, "changelog.md": 0.2}
    page.meta["search"] = {"boost": weights.get(page.file.src_uri, 1)}

    def on_the_site(match: re.Match[str]) -> str:
        text, link = match.groups()
        target = _target(link, page.file.src_uri)
        if target.startswith(CODE):
            return f"{text} (`{target}`)"
        return f"[{_title(ROOT / 'docs' / target) or text if text.endswith('.md') else text}]({target})"

    markdown = LINK.sub(on_the_site, markdown).replace('src="docs/', 'src="')
    return re.sub(r"^```mermaid\n(.*?)^```$", _drawn, markdown, flags=re.MULTILINE | re.DOTALL)


def _drawn(match: re.Match[str]) -> str:
    """The picture of a mermaid diagram; CONTRIBUTING.md says how it is made."""
    name = hashlib.sha256(match[1].encode()).hexdigest()[:8]
    return f"![Diagram](pictures/diagram-{name}.svg)" + "{ .diagram }"


def on_page_content(content: str, page: Page, **_: Any) -> str:
    """Papers that are cited become links, outside of code, headings and other links."""
    inside, parts = 0, []
    for part in re.split(r"(<[^>]+>)", content):
        if tag := re.match(r"<(/?)(?:a|code|pre|svg|math|h\d)\b", part):
            inside = max(0, inside + (-1 if tag[1] else 1))  # a closing tag in an alternative text counts for nothing
        elif not inside and not part.startswith("<") and page.file.src_uri != "papers.md":
            part = _cited(part)
        parts.append(part)
    return "".join(parts)


def _cited(text: str) -> str:
    for pattern, address in PAPERS:
        text = pattern.sub(lambda match, to=address: f'<a href="{to}">{match[0]}</a>', text)
    return text


def _papers() -> list[tuple[re.Pattern[str], str]]:
    """For each paper with an address how it is cited: with all its authors, or the first of them and "et al."."""
    found = []
    for authors, year, address in CITED.findall((ROOT / "docs" / "papers.md").read_text()):
        first, _, rest = html.escape(authors).partition(" ")
        others = re.escape(rest).replace(r"et\ al\.", r"(?:et\s+al\.|&amp;\s\w+)").replace(r"\ ", r"\s+")
        listed = r"(?:, \w+)+ &amp;\s+\w+|" if rest == "et al." else ""
        names = rf"{first}(?:{listed}\s*{others})" if rest else first
        found.append((re.compile(rf"\b{names}(?:'s)?,?\s+(?:{year}|\({year}\))"), address))
    return found


PAPERS = _papers()


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """The script that lets a page that is opened as a file search comes from here, not from the network; what
    screen readers miss in the theme is put in."""
    changes = {
        "https://unpkg.com/iframe-worker/shim": "../" * page.file.dest_uri.count("/") + "iframe-worker.js",
        'data-md-component="search" role="dialog"': 'data-md-component="search" role="dialog" aria-label="Search"',
        '<div class="highlight-ipynb': '<div tabindex="0" class="highlight-ipynb',
        "<th></th>": "<td></td>",
    }
    for old, new in changes.items():
        output = output.replace(old, new)
    return output


def on_post_build(config: MkDocsConfig) -> None:
    """In the reports, links to files that are not kept in the repository become text."""
    for page in Path(config.site_dir).glob("results/*/report.html"):

        def kept(match: re.Match[str], folder: Path = page.parent) -> str:
            return match[0] if (folder / unquote(match[1])).is_file() else match[2]

        text = page.read_text(encoding="utf-8")
        page.write_text(re.sub(r'<a href="([^"#:]+)">(.*?)</a>', kept, text), encoding="utf-8")


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
    target = posixpath.normpath(home / path)
    if target == "CITATION.cff":
        return "papers.md"
    return ELSEWHERE.get(target, target.removeprefix("docs/")) + mark + anchor


def settings() -> str:
    """The text of `rnnbench --help all`, a section for each group; what it is also searched by."""
    groups = re.findall(r"^(\S.*)\n((?:[ \n].*\n|\n)*)", menu(["all"]) + "\n", re.MULTILINE)
    parts = [f"## {heading}\n\n```text\n{body.strip(chr(10))}\n```" for heading, body in groups]
    return "\n\n".join(["---\ntags: [clipping]\n---\n# Settings\n\nThe text of `rnnbench --help all`.", *parts]) + "\n"


def gallery() -> str:
    """The committed figures by question: a thumbnail, what it shows, and the command that makes it."""
    parts = ["# Gallery\n\nWhat the figures in `results/` answer. Each picture opens in full; each command makes it "
             "again from the committed data, without training."]  # fmt: skip
    shown = {(experiment, name) for _, experiment, name, _ in QUESTIONS}
    for question, experiment, name, finding in QUESTIONS:
        parts.append(f"## {question}\n\n{_thumbnail(experiment, name, 440)}\n\n{finding} [{experiment}]"
                     f"(../results/{experiment}/report.html)\n\n```\nrnnbench-report experiment={experiment} "
                     f"figure=[{name}]\n```")  # fmt: skip
    others = [(path.parents[1].name, path.stem) for path in sorted(ROOT.glob("results/*/figures/*.json"))]
    small = "".join(_thumbnail(*each, 210) for each in others if each not in shown)
    return "\n\n".join([*parts, f"## More figures\n\n{small}"]) + "\n"


def _thumbnail(experiment: str, name: str, width: int) -> str:
    picture = f"results/{experiment}/figures/{name}.png"
    caption = " ".join((inspect.getdoc(figure(name)) or "").split())
    said = html.escape(f"{name.replace('_', ' ').capitalize()} of {experiment}: {caption}")
    return f'<a href="{picture}"><img src="{picture}" width="{width}" loading="lazy" alt="{said}"></a>'


REFERENCE = {
    "Training": ["rnnbench.run", "rnnbench.sweep", "rnnbench.load_model"],
    "Gradients": ["rnnbench.gradient_through_time", "rnnbench.probes.any_module.GradientThroughTime"],
    "Runs": ["rnnbench.load", "rnnbench.results_of", "rnnbench.analysis.results.Results"],
    "Statistics": ["rnnbench.comparison", "rnnbench.steps_comparison", "rnnbench.loss_comparison",
                   "rnnbench.analysis.intervals.Interval"],
    "Layers and components": ["rnnbench.Recurrent", "rnnbench.cells.Cell", "rnnbench.tasks.task.Task",
                              "rnnbench.probes.probe.Probe", "rnnbench.report.component.Table",
                              "rnnbench.report.component.Figure"],
}  # fmt: skip


def reference() -> str:
    """The Python interface and the classes to derive from, by docstring and signature, under the names one imports."""
    parts = ["# Reference\n\nWhat is not named here may change from one version to the next."]
    for heading, places in REFERENCE.items():
        parts.append(f"## {heading}")
        for place in places:
            name = place.rpartition(".")[2]
            parts.append(f"::: {_home(place)}\n    options: {{ heading: {place}, toc_label: {name} }}")
    missing = set(rnnbench.__all__) - {place.removeprefix("rnnbench.") for each in REFERENCE.values() for place in each}
    if missing:
        raise ValueError(f"docs/site.py: the reference lacks {sorted(missing)}")
    return "\n\n".join(parts) + "\n"


def _home(place: str) -> str:
    """Where it is defined."""
    module, _, name = place.rpartition(".")
    found = getattr(rnnbench, name) if module == "rnnbench" else get_class(place)
    return f"{found.__module__.replace('rnnbench.tasks', 'tasks')}.{found.__qualname__}"


def figure(name: str) -> type:
    """The class of a figure on the menu."""
    return get_class(str(OmegaConf.load(CONF / "figure" / f"{name}.yaml")["_target_"]))
