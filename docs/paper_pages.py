"""Published results made again: a page for each paper, their index and README's scorecard.

What a person wrote is in PAPERS and in the head of each experiment's YAML; the rest is read from `results/`, so that a
paper has its page as soon as its table `published` is committed. `python docs/paper_pages.py` puts the scorecard into
README.
"""

import csv
import html
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
BEGIN, END = "<!-- scorecard: docs/paper_pages.py -->\n", "<!-- end of the scorecard -->\n"


class Paper(NamedTuple):
    """One paper, or one of its figures, and what is said of it by hand."""

    title: str
    found: str
    """What the paper found."""
    differs: str = ""
    """Where ours differs and the likely reason, once there are results."""
    figure: str = "learning_curves"
    key: int = 0
    """The row of its table that the scorecard shows."""
    options: str = ""
    """What the command needs in addition."""


PAPERS = {
    "hochreiter1997": Paper(
        "Hochreiter & Schmidhuber (1997): adding and temporal order",
        "The LSTM, then without a forget gate, bridges 100 steps: it solves the adding problem after 74,000 "
        "sequences, temporal order with two markers after 31,390 and with three after 571,100.",
        "Temporal order takes half of the paper's sequences with two markers and a twenty-fifth with three; adding "
        "takes three to four times as many, and one run of ten is not through after 300,000. Two explanations were "
        "looked at. The criterion: in temporal order ours asks for the right answer, the paper for every output "
        "within 0.3 of its target; with three markers our runs stop at a mean loss of 0.28 nats, a probability of "
        "0.76 for the right answer, where many sequences miss that. In adding the mean squared error, half of the "
        "paper's criterion, is below 0.01 after 55,500 sequences (41,000 to 93,000 over seeds); that 99% of fresh "
        "sequences are within 0.04 takes 177,500, and the rest goes into the last in a hundred. The rate: with a "
        "linear output 0.1 did not leave the baseline in a trial run; at 0.03, held constant, the error falls "
        "slowly to the end.",
        key=1,
    ),
    "pascanu2013_temporal_order": Paper(
        "Pascanu et al. (2013): clipping the gradient",
        "As sequences get longer, plain gradient descent stops solving temporal order, whatever the start; with the "
        "gradient clipped it solves longer ones.",
        "In a fiftieth of the paper's updates clipping shows its effect with the smart tanh start alone: at length 50 "
        "three of five runs solve the task with it and none without, though all five of those leave the best constant "
        "for a time. Over the lengths together the test cannot tell, for at length 20 both solve it, with clipping "
        "later, and at 100 neither does. Two explanations for the other starts were looked at in the runs. Whether "
        "there is anything to clip: with the sigmoid start the norms recorded have a median of 0.6 and never pass "
        "1.8, and basic tanh at length 100 never reaches 1, so that its runs with and without clipping are the same. "
        "The budget: those runs, and every run with the sigmoid start, have not left the best constant after 100,000 "
        "updates; the paper gives 5,000,000.",
        figure="horizon",
        key=2,
    ),
    "chung2014_music": Paper(
        "Chung et al. (2014): polyphonic music",
        "At 20,000 recurrent parameters the GRU predicts JSB Chorales best, then the LSTM, then tanh units.",
        "Tanh units and LSTM end lower than the paper's one run, and the LSTM lower than the GRU. Two explanations "
        "were tried. The LSTM's forget bias of 1, of which the paper says nothing: starting it at random changes "
        "nothing. The program: a bare PyTorch script of the same protocol gives the same losses "
        "([results](../results.md#jsb-chorales-as-in-chung-et-al-2014)). What is left is the choice of the rate: the "
        "paper takes the best of ten random ones and does not say which, and shows one run.",
        key=4,
        options=" task.path=JSB_Chorales.mat",
    ),
    "jozefowicz2015_bias": Paper(
        "Jozefowicz et al. (2015): the forget bias",
        "A GRU does better than an LSTM on most of their tasks; a forget bias that starts at 1 closes the gap.",
        "The gap is there on adding and copy memory, but a bias of 1 does not close it on copy memory, and shows no "
        "effect on adding or temporal order. Two explanations were tried. The size of the bias: with 2 every run "
        "solves temporal order, which none does with 1, and copy memory is halved in 2,100 steps, where the GRU "
        "takes 1,400. The budget: no cell solves copy memory within 6,000 steps, so that there the steps are those "
        "to half of the best constant's loss. The paper's tasks are others, and it compares the best of many "
        "settings.",
        key=8,
    ),
    "le2015_irnn": Paper(
        "Le et al. (2015): the IRNN",
        "Rectified linear units that start with the identity as their recurrent matrix learn the adding problem as "
        "well as an LSTM.",
        "At length 150 every run of both learns: the IRNN comes to half of the best constant's loss in fewer steps "
        "(4,500 against 7,500), the LSTM to the strict criterion of the task (14,000 against 19,000), so that they "
        "are comparable, and not alike in either count. At 200 one of five IRNNs diverges, at 300 three do and "
        "none learns, and of the LSTMs one does, at step 17,500 of 20,000. Two explanations were looked at. The "
        "optimiser: ours is Adam at 1e-3 for every length; the paper's is gradient descent with rate and clipping "
        "from a grid for each cell and length, and with its mostly used rate (recalled), clipped at 1, an IRNN of "
        "ours had not left the baseline at length 150 after 60,000 steps. The budget: that the only LSTM to learn "
        "at 300 does so close to the end says that 20,000 steps are few there; the diverged IRNNs say that more of "
        "them at this rate would not help. A smaller rate with more steps was not tried.",
        key=2,
    ),
    "arjovsky2016_copy": Paper(
        "Arjovsky et al. (2016): copy memory",
        "Tanh units do not get below the loss of the best constant at delays from 100 to 500; the LSTM does at 100 "
        "alone, and slowly: from 0.173 to about 0.16 after 20,000 training steps and 0.14 after 50,000.",
        "At 200 three LSTMs of five come below nine tenths of the best constant's loss, where the draft's has not "
        "left it after 50,000 training steps. Two explanations were looked at. The budget does not explain it: ours "
        "had fewer steps. The criterion does in part: the lowest of ours ends at 0.082 of 0.095, which is little in a"
        " figure of whole curves. What else differs, the start of the matrices, learned first states and the matrix "
        "from the cells to the output gate, was not tried.",
        key=1,
    ),
    "arjovsky2016_adding": Paper(
        "Arjovsky et al. (2016): the adding problem",
        "The LSTM learns it up to length 400, later as sequences get longer, and at 750 comes to half of the best "
        "constant's loss; tanh units do not.",
    ),
    "arjovsky2016_gradients": Paper(
        "Arjovsky et al. (2016): gradients through time",
        "Over 1000 steps the gradient vanishes in tanh units and LSTM: before training less in tanh units, after 100 "
        "training steps less in the LSTM.",
        "It agrees in both orders. The start decides the first: with `model.initialisation=default task.length=100` "
        "the same command gives 22 decades lost in tanh units and 6.6 in the LSTM before training. So does the bias: "
        "an LSTM whose forget bias starts at 0 loses 125 decades before training, one whose bias starts at 1 loses "
        "20.",
        figure="gradient_norms",
    ),
    "greff2017_variants": Paper(
        "Greff et al. (2017): variants of the LSTM",
        "The forget gate and the output activation are what an LSTM needs most; the learning rate explains over two "
        "thirds of the variance of the loss.",
        figure="random_search",
    ),
    "bai2018_rnns": Paper(
        "Bai et al. (2018): recurrent networks on synthetic tasks",
        "At 70,000 parameters only the GRU learns adding at length 600; at 16,000 no recurrent network learns copy "
        "memory at delay 1000.",
        key=1,
    ),
    "tallec2018_chrono": Paper(
        "Tallec & Ollivier (2018): chrono initialisation",
        "Gate biases that start spread over the time scales of a task let an LSTM leave the baseline of copy memory, "
        "where a forget bias of 1 does not, and make it learn adding in fewer steps.",
        key=1,
    ),
    "deletang2023_regular": Paper(
        "Delétang et al. (2023): regular tasks at longer lengths",
        "RNN and LSTM, at their best, follow parity, even pairs, cycle navigation and modular arithmetic to over ten "
        "times the trained lengths.",
        figure="other_lengths",
        key=3,
    ),
}


def names() -> list[str]:
    """The experiments with committed results, by year."""
    return [name for name in PAPERS if (RESULTS / name / "published.csv").is_file()]


def _table(name: str, file: str = "published") -> list[dict[str, str]]:
    with (RESULTS / name / f"{file}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def agreement(name: str) -> str:
    """How many of a paper's numbers agree, such as: 4 of 8 agree, 2 in part, 2 do not."""
    found = Counter(row["agree"] for row in _table(name))
    words = {"in part": "in part", "not seen": "not seen", "no": "do not" if found["no"] > 1 else "does not"}
    verb = "agree" if found["yes"] != 1 else "agrees"
    said = [f"{found['yes']} of {found.total()} {verb}"]
    return ", ".join(said + [f"{found[kind]} {word}" for kind, word in words.items() if found[kind]])


def _rows(name: str) -> list[dict[str, str]]:
    """The rows of the table `published` as text, by heading: as the report has them in Markdown."""
    lines = [line for line in (RESULTS / name / "published.md").read_text().splitlines() if line.startswith("|")]
    heads, _, *rows = ([each.strip() for each in line.strip("|").split("|")] for line in lines)
    return [dict(zip(heads, row, strict=True)) for row in rows]


def scorecard(link: str = "results/{name}/published.md") -> str:
    """A row for each paper: one of its numbers, ours, whether they agree, and how many of all do."""
    lines = ["| paper | result | published | ours | agree | of all |", "| --- | --- | --- | --- | --- | --- |"]
    for name in names():
        row = _rows(name)[PAPERS[name].key]
        values = (f"{row['where']}: {row['what']}", row["published"], row["ours"], row["agree"], agreement(name))
        lines.append(f"| [{PAPERS[name].title}]({link.format(name=name)}) | " + " | ".join(values) + " |")
    return "\n".join(lines) + "\n"


def protocol(name: str) -> str:
    """The head of the experiment's YAML, without its first line, as running text."""
    head = (ROOT / "conf" / "experiment" / f"{name}.yaml").read_text().partition("\ndefaults:")[0]
    lines = [line.lstrip("# ") for line in head.splitlines() if line.startswith("# ") or line == "#"][1:]
    text = "\n".join(lines[1:]).strip()
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text)


def cost(name: str) -> str:
    """Runs and time, from runs.csv."""
    hours = sum(float(row["wall_time_s"] or 0) for row in _table(name, "runs")) / 3600
    time = f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} minutes"
    return f"{len(_table(name, 'runs'))} runs, {time} of one core on the machine that made the committed results."


def page(name: str) -> str:
    """The text of one paper's page."""
    paper, here = PAPERS[name], f"../results/{name}"
    rows = (RESULTS / name / "published.md").read_text().partition("\n|")
    table = (rows[1] + rows[2]).strip()
    source = rows[0].rpartition("\n\n")[2].strip() or rows[0].strip().splitlines()[-1]
    picture = f'<a href="{here}/figures/{paper.figure}.png"><img src="{here}/figures/{paper.figure}.png" width="640"'
    parts = [
        f"# {paper.title}",
        f"**What it found.** {paper.found}",
        f"**What comes out here.** Of the numbers below, {agreement(name)}. [The whole report]({here}/report.html)",
        table,
        source,
        f"**Where it differs.** {paper.differs or 'Not looked into yet.'}",
        f'{picture} alt="{html.escape(paper.figure.replace("_", " "))} of {name}"></a>',
        f"## Protocol\n\n{protocol(name)}",
        f"## Again\n\nCost: {cost(name)} The second command makes tables and figures from the committed data.\n\n"
        f"```\nrnnbench experiment={name}{paper.options}\nrnnbench-report experiment={name}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def index() -> str:
    """All papers with a picture each, and all their numbers."""
    cards = "".join(
        f'<a class="card" href="made-again/{name}.html"><strong>{html.escape(PAPERS[name].title)}</strong>'
        f'<img src="results/{name}/figures/{PAPERS[name].figure}.png" alt="" loading="lazy" width="210">'
        f"<small>{html.escape(PAPERS[name].found)} <em>{agreement(name)}</em></small></a>"
        for name in names()
    )
    return (
        "# Published results made again\n\nEach is an experiment named after its paper, which follows its protocol; "
        "what differs is said on its page. Verdicts are made by code from the paper's numbers and our runs: *yes* and "
        "*no* are decided by our spread over seeds, *in part* where some runs do what all or none do in the paper, "
        "*not seen* where our runs cannot tell. A number is marked *recalled*, and what its paper found is from memory "
        "too, where the paper itself was not at hand.\n\n"
        f'<div class="cards">{cards}</div>\n\n{scorecard("made-again/{name}.md")}'
    )


def main() -> None:
    """Put the scorecard into README."""
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    readme.write_text(before + BEGIN + scorecard() + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
