"""Every number of README.md and docs/results.md is that of results/, recomputed with NumPy, pandas and SciPy alone.

Tables with a header known here must be the recomputed lines. Every other number must round to a value of a fact whose
context, a pattern, is found in its sentence or table row: a number that is neither computed nor a known setting fails.
"""

import functools
import json
import re
from collections.abc import Callable, Iterator
from math import comb, inf, log10
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

ROOT = Path(__file__).parents[2]
NAMES = ("rnn", "lstm", "gru")
Fact = tuple[str, list[float | Callable[[float], bool]]]


@functools.cache
def table(experiment: str, file: str = "runs") -> pd.DataFrame:
    return pd.read_csv(ROOT / "results" / experiment / f"{file}.csv")


def reported(experiment: str) -> pd.DataFrame:
    """The runs of the seeds that did not choose the learning rate."""
    runs = table(experiment)
    return runs[runs["seed"] >= 10]


# Tables: the lines below a header


def adding(length: int, cell: str) -> str:
    """Runs that solved it, median steps with the range, geometric mean of the test loss with Student's interval.

    Losses of runs that solved it and of runs that did not have their median and range.
    """
    runs = reported("adding_medium").query("difficulty == @length and cell == @cell")
    (rate,), solved = runs["optimizer.lr"].unique(), int(runs["solved"].sum())
    steps = sorted(runs["steps_to_solve"].where(runs["solved"], inf))
    logs = np.log10(runs["test_loss"])
    low, high = stats.t.interval(0.95, len(logs) - 1, logs.mean(), stats.sem(logs))
    loss = f"{10 ** logs.mean():.3g} [{10**low:.3g}, {10**high:.3g}]"
    if 0 < solved < len(runs):
        losses = runs["test_loss"]
        spread = f"{losses.min():.3g} to {losses.max():.3g}"
        loss = f"median {losses.median():.3g}, {spread} ({solved} at stop, {len(runs) - solved} not solved)"
    shown = f"{np.median(steps):,.0f} [{steps[0]:,.0f}, {steps[-1]:,.0f}]".replace("inf", "∞")
    shown = shown if solved else f"not within {runs['train.steps'].max():,}"
    stop = " at stop" if solved == len(runs) else ""
    return f"| {length} | `{cell}` | {rate:g} | {solved}/{len(runs)} | {shown} | {loss}{stop} |"


def jsb(cell: str) -> list[float]:
    """Mean, smallest and largest test loss, in nats per step."""
    losses = reported("chung2014_music").query("cell == @cell")["test_loss"]
    return [float(each) for each in (losses.mean(), losses.min(), losses.max())]


@functools.cache
def decades() -> dict[tuple[str, float, str, str], list[list[float]]]:
    """By cell, gain, start and tensor of the state: of each run log10(g_T / g_1) before and after training.

    The start is the initialisation or the memory bias; the tensor "all" or one alone, T then being its own last step
    with a gradient.
    """
    found: dict[tuple[str, float, str, str], list[list[float]]] = {}
    with np.load(ROOT / "results/gradient_flow_medium/data/gradient_profile.npz") as profiles:
        for run in table("gradient_flow_medium").to_dict("records"):
            bias, start = run["model.memory_bias"], run["model.initialisation"]
            norms = {"all": profiles[f"{run['run']}/norm"][[0, -1], 0]}
            by_state = profiles.get(f"{run['run']}/norm_by_state", norms["all"][:, None, None])[[0, -1], 0]
            norms |= dict(zip("hc", by_state.swapaxes(0, 1), strict=False))
            for tensor, both in norms.items():
                key = (run["cell"], run["model.recurrent_gain"], start if np.isnan(bias) else f"bias {bias:g}", tensor)
                lost = [log10(of[of > 0][-1] / of[0]) for of in both.astype(float)]
                found.setdefault(key, []).append(lost)
    return found


def by_rate(rate: float, start: str) -> str:
    """Steps by which half of the runs had solved it, smallest and largest, of LSTM and GRU; and their ratio."""
    runs = table("rate_and_initialisation").query("`model.initialisation` == @start and `optimizer.lr` == @rate")
    cells = [sorted(runs.query("cell == @cell")["steps_to_solve"].fillna(inf)) for cell in ("lstm", "gru")]
    shown = [f"{of[(len(of) - 1) // 2]:,.0f} [{of[0]:,.0f}, {of[-1]:,.0f}]" for of in cells]
    ratios = table("rate_and_initialisation", "steps_ratio").set_index("variant")
    ratio = ratios.loc[f"model.initialisation={start} optimizer.lr={rate:g}"]
    assert ratio["fewer_steps"] == "fails", "the GRU takes fewer in all of them"
    bounds = f"{ratio['ratio']:.1f} [{ratio['ratio_low']:.1f}, {ratio['ratio_high']:.1f}]"
    return f"| {start} | {rate:g} | {shown[0]} | {shown[1]} | {bounds} | {ratio['equivalent']} |"


def lost(gain: float, *columns: tuple[str, str, str, int]) -> str:
    """A row: by cell, start, tensor and moment the median of the decades lost, the smallest and the largest."""
    cells = []
    for cell, start, tensor, moment in columns:
        values = [of_run[moment] for of_run in decades()[cell, gain, start, tensor]]
        low, middle, high = (f"{value:#.3g}" for value in (min(values), float(np.median(values)), max(values)))
        cells.append(f"{middle} [{low}, {high}]")
    return f"| {gain:g} | {' | '.join(cells)} |"


GAINS = (0.5, 1, 1.5, 2)


@functools.cache
def passes() -> pd.DataFrame:
    """Of runs on one thread: times over that of the compiled loops, and theirs over those of LSTMs."""
    runs = table("speed").query("threads == 1").copy()
    assert not (runs["pass_cpu_load"] > 0.5).any(), "other work ran"
    fused = runs["pass_fused_s"]
    times = {name: runs[f"pass_{name}_s"] / fused for name in ("torch_nn", "torch_mm", "torch_compile")}
    times |= {name: fused / runs[f"pass_{name}_fused_s"] for name in ("lstm", "equal_lstm")}
    return runs.assign(ms=1e3 * fused, **times)


PARAMETERS = "parameters_recurrent_layers"


def speed() -> list[str]:
    """Rows by width and cell, at 100 steps."""
    rows = passes().query("difficulty == 100").sort_values("model.hidden_size", kind="stable")
    return [
        f"| {row['model.hidden_size']} | `{row['cell']}` | {row[PARAMETERS]:,.0f} | {row['ms']:.3g} | "
        f"{1 / row['torch_mm']:.2f} | {row['torch_nn']:.1f} | {row['lstm']:.2f} | {row['equal_lstm']:.2f} |".replace(
            "nan", ""
        )
        for row in rows.to_dict("records")
    ]


def extremes(cell: str, column: str, sizes: tuple[int, ...] = (32, 64, 128, 256)) -> list[float]:
    """Smallest and largest of a cell's rows at these widths."""
    values = passes().query("cell == @cell and `model.hidden_size` in @sizes and difficulty == 100")[column]
    return [float(values.min()), float(values.max())]


ADDING = [(length, cell) for length in (20, 50, 100, 200) for cell in NAMES]
TABLES = {
    "| length | cell | learning rate | solved | median steps to solve | test loss |": [adding(*of) for of in ADDING],
    "| initialisation | learning rate | steps: LSTM | steps: GRU | LSTM / GRU | within a factor of 1.5 |": [
        by_rate(rate, start) for start in ("default", "chrono") for rate in (0.005, 0.01, 0.02, 0.04)
    ],
    "| gain | `rnn`: before | after training | `lstm`: before | after | `gru`: before | after |": [
        lost(gain, *((cell, "orthogonal", "all", moment) for cell in NAMES for moment in (0, 1))) for gain in GAINS
    ],
    "| gain | `lstm`, bias 0 | `gru`, bias 0 | `lstm`, bias 1 | `gru`, bias 1 |": [
        lost(gain, *((cell, f"bias {bias}", "all", 0) for bias in (0, 1) for cell in ("lstm", "gru"))) for gain in GAINS
    ],
    "| gain | h: before | after training | c: before | after |": [
        lost(gain, *(("lstm", "orthogonal", tensor, moment) for tensor in "hc" for moment in (0, 1))) for gain in GAINS
    ],
    "| H | cell | parameters | ms | / torch.mm loop | speed-up over torch.nn | / LSTM | / equal LSTM |": speed(),
}
"""The rows under each header."""


# Facts: what the other numbers round to


def gradients(cell: str, start: str, moment: int, gains: tuple[float, ...] = GAINS, tensor: str = "all") -> list[float]:
    """By gain the median of the decades lost."""
    return [float(np.median([of[moment] for of in decades()[cell, gain, start, tensor]])) for gain in gains]


def student(values: "np.ndarray | pd.Series") -> list[float]:
    """Mean, Student's 95% interval, and the p-value of its being 0."""
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    return [float(np.mean(values)), float(low), float(high), float(stats.ttest_1samp(values, 0).pvalue)]


def before(cell: str, start: str, gain: float) -> np.ndarray:
    """By seed the decades lost before training."""
    return np.array([of[0] for of in decades()[cell, gain, start, "all"]])


def more_lost(gain: float) -> list[float]:
    """LSTM's over GRU's at bias 0; how much more a bias of 1 helps the LSTM; the RNN's over the LSTM's as started."""
    lstm, gru = ([before(cell, f"bias {bias}", gain) for bias in (0, 1)] for cell in ("lstm", "gru"))
    as_started = before("rnn", "orthogonal", gain) - before("lstm", "orthogonal", gain)
    return [*student(lstm[0] - gru[0]), *student(lstm[0] - lstm[1] - gru[0] + gru[1]), *student(as_started)]


def of_rates() -> list[float]:
    """Growth of LSTM / GRU with each doubling of the rate by start; gain from chrono by cell; and that of the ratio."""
    by = ["cell", "model.initialisation", "optimizer.lr", "seed"]
    steps = table("rate_and_initialisation").pivot_table("steps_to_solve", by[:-1], by[-1])
    logs = np.log(steps)
    ratio = logs.loc["lstm"] - logs.loc["gru"]
    slopes = [np.array([-1.5, -0.5, 0.5, 1.5]) @ ratio.loc[start].to_numpy() / 5 for start in ("default", "chrono")]
    lstm, gru = ((logs.loc[cell].loc["default"] - logs.loc[cell].loc["chrono"]).mean() for cell in ("lstm", "gru"))
    tests = [student(each) for each in (*slopes, lstm, gru, lstm - gru)]
    return [value for *bounds, p_value in tests for value in (*np.exp(bounds), p_value)]


def learned(gains: tuple[float, ...] = GAINS) -> list[float]:
    """With orthogonal matrices, by cell: runs, those with a squared error below 0.01, and those that solved it."""
    runs = table("gradient_flow_medium").query("`model.initialisation` == 'orthogonal' and `model.memory_bias`.isna()")
    by_cell = runs[runs["model.recurrent_gain"].isin(gains)].groupby("cell")
    counts = by_cell.size(), by_cell["steps_to_mse_below_0_01"].count(), by_cell["solved"].sum()
    return [0.01, *(float(value) for count in counts for value in count)]


def gated_half_lives() -> list[float]:
    """How many gated runs have a half-life after training, of how many; those above 10 steps with their range."""
    gated = table("gradient_flow_medium").query("cell != 'rnn'")["gradient_half_life"]
    long = gated[gated > 10]
    return [gated.count(), len(gated), long.count(), long.min(), long.max()]


def half_life(cell: str) -> float:
    """The median half-life at gain 0.5 before training, of a line through log g_t."""
    slopes = []
    with np.load(ROOT / "results/gradient_flow_medium/data/gradient_profile.npz") as profiles:
        runs = table("gradient_flow_medium").query(
            "cell == @cell and `model.recurrent_gain` == 0.5 and `model.initialisation` == 'orthogonal'"
            " and `model.memory_bias`.isna()"
        )
        for run in runs["run"]:
            norms = np.log10(profiles[f"{run}/norm"][0, 0].astype(float))
            fit = stats.linregress(np.arange(len(norms)), norms)
            assert fit.rvalue**2 >= 0.9
            slopes.append(log10(2) / fit.slope)
    return float(np.median(slopes))


def settings(experiment: str) -> list[float]:
    """Settings and sizes of its runs: lengths, widths, rates, steps, batches, examples, seeds, runs."""
    runs = table(experiment)
    names = ["difficulty", "model.hidden_size", "optimizer.lr", "train.steps", "train.batch_size", "train.weight_noise"]
    names += ["train.eval_examples", "confirmation_examples", "model.recurrent_gain", "train.gradient_clip_norm"]
    columns = [pd.to_numeric(runs[name], errors="coerce").dropna() for name in names if name in runs]
    counts = [len(runs), runs["seed"].nunique(), reported(experiment)["seed"].nunique()]
    return [*{float(value) for column in columns for value in column}, *counts]


def claims(name: str) -> list[float]:
    """The numbers of its cases: with bounds, p-values and what else is in their rows."""
    rows = table("claims", "claims").query("claim == @name").select_dtypes("number")
    return [float(value) for value in rows.to_numpy().ravel()]


def ratios(experiment: str = "adding_medium") -> list[float]:
    """Of the steps of LSTM and GRU, with intervals."""
    rows = table(experiment, "steps_ratio").query("cell == 'lstm' and other_cell == 'gru'")
    return [float(value) for value in rows.select_dtypes("number").to_numpy().ravel()]


def one_rate() -> list[float]:
    """By length, the LSTM's mean steps over the GRU's on tuning seeds, each at its one rate for all lengths."""
    rates = table("adding_medium", "tuned_settings").groupby("cell")["chosen_over_all"].first()
    runs = table("adding_medium").query("seed < 10")
    runs = runs[runs["optimizer.lr"] == runs["cell"].map(rates)]
    steps = runs["steps_to_solve"].fillna(runs["train.steps"]).groupby([runs["cell"], runs["difficulty"]]).mean()
    return [float(ratio) for ratio in steps["lstm"] / steps["gru"]]


def baselines() -> list[float]:
    """By length, the loss of the best constant on the runs' test data, and the length."""
    runs = reported("adding_medium").groupby("difficulty")["test_baseline_loss"]
    return [value for length, losses in runs for value in (float(length), float(stats.gmean(losses)))]


def milestone() -> list[float]:
    """At length 20, by cell: the runs with a mean squared error below 0.01, how many there are, the first and last."""
    runs = reported("adding_medium").query("difficulty == 20").groupby("cell")["steps_to_mse_below_0_01"]
    counts = [value for _, steps in runs for value in (steps.count(), len(steps), steps.min(), steps.max())]
    return [0.01, 20, *map(float, counts)]


PAPER = {"tanh": 9.10, "GRU": 8.54, "LSTM": 8.67}
"""Table 2 of Chung et al. (2014)."""
CELLS = {"tanh": "rnn", "GRU": "gru_no_bias", "LSTM": "lstm_peephole"}
BARE_RUNS = pd.DataFrame(map(json.loads, (ROOT / "tests/reference/chung2014_music.jsonl").read_text().splitlines()))
BARE = {name: BARE_RUNS[BARE_RUNS["cell"] == cell.partition("_")[0]]["test"].agg(["mean", "min", "max"]).tolist()
        for name, cell in CELLS.items()}  # fmt: skip
"""Of tests/reference/chung2014_music.py."""
OF_GRU, OF_LSTM = (reported("chung2014_music").query("cell == @cell").sort_values("seed")["test_loss"].to_numpy()
                   for cell in ("gru_no_bias", "lstm_peephole"))  # fmt: skip
CRITERION: list[float | Callable[[float], bool]] = [1, 0.04, 1000, 10_000, 1 / 6]
"""Of the adding problem, and its baseline."""
RNN_AFTER = [lost for gain in GAINS for _, lost in decades()["rnn", gain, "orthogonal", "all"]]
GRADIENT_SETTINGS = settings("gradient_flow_medium")
FACTS: list[Fact] = [
    (r"#%", [95, 100 * (1 - 2 / 2**5)]),
    (r"README > (Results in short|# rnnbench)|adding problem by length", [*settings("adding_medium"), *CRITERION]),
    (r"test data of.*#", baselines()),
    (r"squared error below.*#", milestone()),
    (r"steps_to_squared_errors|runs since count.*#", [0.2, 0.4]),
    (r"five runs ends at #", [reported("adding_medium").query("cell == 'rnn' & difficulty == 100")["test_loss"].max()]),
    (r"RNNs (that learn|of .adding|that do learn).*#", [20, *reported("adding_medium").query(
        "cell == 'rnn' and difficulty == 20")["gradient_decades_lost"].agg(["min", "max"])]),
    (r"by Student's test|rate the ratio grows|chrono initialisation lets|the edge of what", of_rates()),
    (r"by gain the LSTM loses|more than the GRU, by|no difference from the LSTM's", [
        value for gain in GAINS for value in more_lost(gain)]),
    (r"solves the task in .*#", [20, *map(float, reported("adding_medium").groupby("cell")["solved"].sum())]),
    (r"#% of the answers|range, from #|range, from .* to #", [0, 2]),
    (r"times as many.*GRU", ratios()),
    (r"smallest p .*#", [2 / comb(10, 5), 12 * 2 / comb(10, 5)]),  # runs completely apart, among 12 tests
    (r"the # tests of the table", [(table("adding_medium", "steps_ratio")["difficulty"] != "all lengths").sum()]),
    (r"whole seeds.*#", ratios()),
    (r"rate and initialisation.*#|learning rate and initialisation.*#", settings("rate_and_initialisation")),
    (r"[Ll]earning.* (initialisation|chrono|ratio).*#",
     [*ratios("rate_and_initialisation"), 1.5, 100 * (1 - 2 / 2**6)]),
    (r"Speed.*#( hidden)? (to|units)|Speed.*# steps|Speed.*#-bit",
     [32, 256, 20, *map(float, table("speed")["vector_width_bits"].unique())]),
    *((rf"Speed.*{names}", extremes(cell, column)) for names, cell, column in (
      ("#.*nn.GRU", "gru_torch", "torch_nn"), ("(nn.GRU.*#|#.*nn.LSTM`)", "lstm", "torch_nn"),
      ("equal width.*#|#.*equal width", "gru", "lstm"))),
    (r"Speed.*#.*as many parameters", [*extremes("gru", "equal_lstm"), *extremes("gru", "equal_lstm", (37, 74, 148))]),
    (r"Speed.*torch.compile.*#", [float(value) for value in passes()["torch_compile"].dropna()]),
    (r"rate for all lengths.*#", list(table("adding_medium", "tuned_settings")["chosen_over_all"])),
    (r"mean steps are.*#", one_rate()),
    (r"factor of #|goes to #", [1.5, 750]),  # the margin, and what arjovsky2016_adding says
    (r"[Gg]radient.*(gains?|length|step|over|from step) [\d., and]*#|# (seeds|training steps)", GRADIENT_SETTINGS),
    (r"At gain # ", [1]),
    *((rf"At gain 1 .*{cell.upper()} loses #|At gain 1 .*a {cell.upper()} #", gradients(cell, "orthogonal", 0, (1,)))
      for cell in ("lstm", "gru")),
    (r"\bbias.* at # |\bbias.* at #[.]$|forget (bias|gate) starts at #|LSTM, bias #|bias of #", [0, 1]),
    *((rf"{at}.*{place} #", gradients(cell, f"bias {bias}", 0, (1,)))
      for bias, at in enumerate(("biases at 0", "both at 1 ")) for cell, place in (("lstm", "loses"), ("gru", "and"))),
    (r"loses # to [\d.]+ decades (in the RNNs|at)|loses [\d.]+ to # decades (in the RNNs|at)",
     [min(RNN_AFTER), max(RNN_AFTER)]),
    (r"# to [\d.]+ in the GRU|# in the GRU|GRU's # to|GRU's [\d.]+ to #", gradients("gru", "orthogonal", 1)),
    (r"and # in the LSTM|about # in the trained LSTM", gradients("lstm", "orthogonal", 1)),
    (r"h alone[^,]*#", gradients("lstm", "orthogonal", 1, tensor="h")),
    (r"squared error below|solve the task", learned()),
    (r"has a half-life.*#", gated_half_lives()),
    (r"[Gg]radient.*(log10.*#|below #|above #)", [0, 1]),
    *((rf"half-life.*it is {before}#", [half_life(cell)]) for cell, before in
      {"rnn": "", "lstm": ".*RNN.*, ", "gru": ".*LSTM.*, "}.items()),
    (r"of at least #", [0.9]),
    (r"claims of the study notes *> [^|]*#|`.*(length.*#|over #|# (to .*)?steps)", settings("claims")),
    (r"[Gg]ains? (from .* to )?#|from #|at # and 2|gain # no diff|gain of # to", GAINS),
    (r"`lstm-partial`.* gains? (0.5 and )?#|`vanishing`.*gains? .*#|`gru-limit`.*gain #", [0.5, 1, 2]),
    *((rf"`{name}`", claims(name)) for name in set(table("claims", "claims")["claim"])),
    (r"`comparable`.*factor of #", [1.5]),
    (r"JSB[^|]*#", [*settings("chung2014_music"), 2]),
    (r"JSB.*are within #", [max(abs(jsb(CELLS[name])[0] - BARE[name][0]) for name in CELLS)]),
    (r"JSB.*paired Student", student(OF_GRU - OF_LSTM)),
    (r"JSB.*GRU comes within #", [abs(jsb(CELLS["GRU"])[0] - PAPER["GRU"])]),
    *((rf"JSB.*\| {name} \|", [*jsb(cell), *BARE[name], PAPER[name]]) for name, cell in CELLS.items()),
    *((rf"`{name}`.*\| #", [len(table(name)), minutes]) for name, minutes in
      {"adding_medium": round(table("adding_medium")["wall_time_s"].sum() / 60), "rate_and_initialisation": 10,
       "gradient_flow_medium": 36, "claims": 25, "length_generalisation": 18,
       "state_tracking": 66}.items()),  # minutes on the clock of the wall, which the data do not have
]  # fmt: skip
"""Patterns found in page, heading and sentence or table row, # being the number, and the values it may be."""
EXEMPT = {
    "![": "badges",
    "Published results made again": "made from the committed tables (tests/docs/test_paper_pages.py)",
    "Install": "the time it takes, measured by hand",
    "Where to go on": "links",
}
"""Headings and beginnings of paragraphs without results of these folders."""


def units(page: str) -> Iterator[str]:
    """Sentences and table rows, each behind its page and heading; code, links, citations and exempt parts left out."""
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<img[^>]*>|\]\([^)]*\)|\((19|20)\d\d\)", "", text)
    heading = ""
    for block in re.split(r"\n\n+", text):
        if block.startswith("#"):
            heading = block.strip("# \n") if not block.startswith("# ") else block.strip()
        elif not any(block.startswith(begin) or heading == begin for begin in EXEMPT):
            rows = block.splitlines() if block.startswith("|") else re.split(r"(?<=[.]) ", " ".join(block.split()))
            if block.startswith("|") and rows[0] in TABLES:
                continue
            lead = (re.match(r"\*\*.*?\*\*", block) or [""])[0]
            yield from (f"{Path(page).stem} > {heading} {lead} > {row}" for row in rows)


def agrees(token: str, value: float | Callable[[float], bool]) -> bool:
    """Whether the value, rounded to the digits shown, is what is shown."""
    shown = float(token.replace(",", ""))
    if callable(value):
        return value(shown)
    decimals = len(token.partition(".")[2])
    return bool(np.isfinite(value)) and abs(round(value, decimals) - shown) < 1e-9


def unknown(unit: str) -> list[str]:
    """The numbers of a sentence that no fact of its context has."""
    start = unit.rindex(" > ") if unit.count(" > ") == 2 else 0
    found = []
    for token in re.finditer(r"`[^`]*`|(?<![\w.^_])-?\d[\d,]*(?<!,)(?:\.\d+)?(?![\w^])", unit):
        if token.start() >= start and not token[0].startswith("`"):
            context = unit[: token.start()] + "#" + unit[token.end() :]
            values = [value for pattern, known in FACTS if re.search(pattern, context) for value in known]
            found += [] if any(agrees(token[0], value) for value in values) else [token[0]]
    return found


@pytest.mark.parametrize("page", ["README.md", "docs/results.md", "docs/speed.md"])
def test_numbers(page: str) -> None:
    text = (ROOT / page).read_text()
    for header, rows in TABLES.items():
        if header in text:
            assert text.partition(header)[2].split("\n\n")[0].splitlines()[2:] == rows
    if page != "docs/speed.md":
        assert {unit: tokens for unit in units(page) if (tokens := unknown(unit))} == {}


def test_verdicts() -> None:
    """Of each claim in the table, and how many there are of each in words."""
    page, readme = (" ".join((ROOT / name).read_text().split()) for name in ("docs/results.md", "README.md"))
    verdicts = table("claims", "claims").groupby("claim")["claim_verdict"].first().str.partition(" (")[0]
    for claim, verdict in verdicts.items():
        assert re.search(rf"`{claim}`[^|]*\| {verdict}( \||;)", page), claim
    words = ["no", "one", "two", "three", "four", "five", "six", *["-"] * 6, "thirteen"]
    for verdict, count in verdicts.value_counts().items():
        said = rf"\b{words[count]} (are |is |say that cells are alike that )?{str(verdict).removesuffix('s')}"
        assert re.search(said, readme, re.IGNORECASE), verdict
    assert f"{words[len(verdicts)]} claims" in readme


def test_what_the_gallery_says() -> None:
    """The findings of docs/gallery.py that the data could contradict."""
    after = {cell: [of[1] for gain in GAINS for of in decades()[cell, gain, "orthogonal", "all"]] for cell in NAMES}
    assert max(after["lstm"] + after["gru"]) < 1 < min(after["rnn"])
    assert learned()[1:7] == [20] * 5 + [0]
    before = np.array([gradients(cell, "orthogonal", 0) for cell in NAMES])
    assert before[:, 0].min() > 7
    assert (round(before[0, -1]), before[2, -1] > 0) == (-7, True)
    runs = reported("adding_medium")
    assert runs.groupby("cell")["solved"].mean().to_dict() == {"rnn": 0, "lstm": 1, "gru": 1}
    overall = table("adding_medium", "steps_ratio").query("difficulty == 'all lengths' and cell == 'lstm'")
    assert list(overall["fewer_steps"]) == ["fails"]
    costs = runs.groupby(["difficulty", "cell"])["step_time_s"].median()
    assert all(list(of.droplevel(0).sort_values().index) == ["rnn", "gru", "lstm"] for _, of in costs.groupby(level=0))
    rates = table("adding_medium", "tuned_settings").pivot_table("chosen", "difficulty", "cell")
    assert (rates["rnn"] < rates[["lstm", "gru"]].min(axis=1)).all()
    assert rates["lstm"].min() < rates["gru"].max() < rates["lstm"].max()
    at_40 = table("claims").query("difficulty == 40 and `train.steps` == 2500")
    solved = at_40[at_40["cell"].isin(NAMES)].groupby(["cell", "model.hidden_size"])["solved"].agg(["sum", "size"])
    assert solved.to_numpy().tolist() == [[8, 8], [8, 8], [3, 8], [0, 8], [0, 8]]  # GRU, LSTM (of both), RNN
    ten_times = table("state_tracking", "other_lengths").query("length in (160, 400)")
    found = ten_times[ten_times["cell"].isin(["lstm", "gru", "slstm"])].groupby(["task", "variant"], dropna=False)
    followed = {key for key, worst in found["measured_low"].min().items() if worst > 0.98}
    assert {str(task) for task, _ in followed} == {"parity", "even_pairs", "group_words"}
    assert jsb("lstm_peephole")[0] < jsb("gru_no_bias")[0] < jsb("rnn")[0]
    assert PAPER["GRU"] < PAPER["LSTM"] < PAPER["tanh"]


def losses_by_length(task: str) -> list[str]:
    """A row per cell, a column per length: the median over seeds and, in brackets, the lowest and highest of them."""
    rows = table("length_generalisation", "other_lengths")
    rows = rows[rows["task"] == task].sort_values("length", kind="stable")
    lengths = rows.drop_duplicates("length").itertuples()
    lines = ["| cell | " + " | ".join(f"{row.length}{' (trained)' * row.is_trained}" for row in lengths) + " |"]
    for cell, of_cell in rows.groupby("cell", sort=False):
        shown = [f"{row.loss:.2g} [{row.loss_low:.2g}, {row.loss_high:.2g}]" for row in of_cell.itertuples()]
        lines.append(f"| `{cell}` | {' | '.join(shown)} |")
    return lines


def accuracies(is_trained: bool) -> list[str]:
    """A row per cell, a column per task: accuracy at the trained lengths, or at the longest."""
    rows = table("state_tracking", "other_lengths")
    rows = rows.assign(name=rows["variant"].str.removeprefix("task.group=").fillna(rows["task"]))
    rows = rows[rows["is_trained"]] if is_trained else rows[rows["length"].isin([160, 400])]
    names = list(dict.fromkeys(rows["name"]))
    lines = [f"| cell | {' | '.join(name.replace('_', ' ') for name in names)} |"]
    for cell, of_cell in rows.set_index("name").groupby("cell", sort=False):
        shown = [f"{row.measured:.2f} [{row.measured_low:.2f}, {row.measured_high:.2f}]"
                 for row in of_cell.loc[names].itertuples()]  # fmt: skip
        lines.append(f"| `{cell}` | {' | '.join(shown)} |")
    return lines


@pytest.mark.parametrize("lines", [losses_by_length("adding"), losses_by_length("copy_memory"),
                                   accuracies(True), accuracies(False)])  # fmt: skip
def test_tables_of_lengths(lines: list[str]) -> None:
    assert set(lines) <= set((ROOT / "docs" / "lengths.md").read_text().splitlines())
