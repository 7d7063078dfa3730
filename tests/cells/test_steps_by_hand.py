"""One step of every cell, against the paper's equations written out in numpy, which use all of its parameters."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import erf

from rnnbench.cells.lstm_1997 import Lstm1997
from rnnbench.cells.lstm_greff import Variant
from tests.drawn import cell_of_menu, seeded

Array = NDArray[np.float64]
Parameters = dict[str, Array]
INPUT, HIDDEN, BATCH = 3, 4, 2


def sigma(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def rnn(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    return (np.tanh(h @ p["U.weight"].T + x @ p["W.weight"].T + p["W.bias"]),)


def lstm(p: Parameters, x: Array, h: Array, c: Array) -> tuple[Array, ...]:
    i, f, g, o = (x @ p[f"W_{of}.weight"].T + h @ p[f"U_{of}.weight"].T + p[f"W_{of}.bias"] for of in "ifgo")
    new = sigma(f) * c + sigma(i) * np.tanh(g)
    return (sigma(o) * np.tanh(new), new)


def gru_torch(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    of_x = [x @ p[f"W_{of}.weight"].T + p[f"W_{of}.bias"] for of in "rzn"]
    of_h = [h @ p[f"U_{of}.weight"].T + p[f"U_{of}.bias"] for of in "rzn"]
    r, z = (sigma(of_x[gate] + of_h[gate]) for gate in (0, 1))
    return ((1 - z) * np.tanh(of_x[2] + r * of_h[2]) + z * h,)


def gru(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    r = sigma(x @ p["W_r.weight"].T + h @ p["U_r.weight"].T + p["W_r.bias"])
    z = sigma(x @ p["W_z.weight"].T + h @ p["U_z.weight"].T + p["W_z.bias"])
    n = np.tanh(x @ p["W_n.weight"].T + (r * h) @ p["U_n.weight"].T + p["W_n.bias"])
    return (h - z * h + z * n,)


def gru_goodfellow(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    r = sigma(p["W_r.bias"] + x @ p["W_r.weight"].T + h @ p["U_r.weight"].T)
    u = sigma(p["W_z.bias"] + x @ p["W_z.weight"].T + h @ p["U_z.weight"].T)
    return (u * h + (1 - u) * sigma(p["W_n.bias"] + x @ p["W_n.weight"].T + (r * h) @ p["U_n.weight"].T),)


def gru_concat(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    hx = np.hstack([h, x])
    r = sigma(hx @ p["W_r.weight"].T + p["W_r.bias"])
    z = sigma(hx @ p["W_z.weight"].T + p["W_z.bias"])
    n = np.tanh(np.hstack([r * h, x]) @ p["W_n.weight"].T + p["W_n.bias"])
    return ((1 - z) * h + z * n,)


def lstm_peephole(p: Parameters, x: Array, h: Array, c: Array) -> tuple[Array, ...]:
    i = sigma(x @ p["W_i.weight"].T + h @ p["U_i.weight"].T + c @ np.diag(p["p_i"]) + p["W_i.bias"])
    f = sigma(x @ p["W_f.weight"].T + h @ p["U_f.weight"].T + c @ np.diag(p["p_f"]) + p["W_f.bias"])
    new = f * c + i * np.tanh(x @ p["W_g.weight"].T + h @ p["U_g.weight"].T + p["W_g.bias"])
    o = sigma(x @ p["W_o.weight"].T + h @ p["U_o.weight"].T + new @ np.diag(p["p_o"]) + p["W_o.bias"])
    return (o * np.tanh(new), new)


def lstm_1997(p: Parameters, x: Array, h: Array, c: Array, i: Array, o: Array) -> tuple[Array, ...]:
    """Two blocks of two cells, as printed: g the logistic function from -2 to 2, the output's from -1 to 1."""
    s = np.hstack([h, i, o])
    i = sigma(x @ p["W_i.weight"].T + s @ p["U_i.weight"].T + p["W_i.bias"])
    o = sigma(x @ p["W_o.weight"].T + s @ p["U_o.weight"].T + p["W_o.bias"])
    g = 4 * sigma(x @ p["W_g.weight"].T + s @ p["U_g.weight"].T + p["W_g.bias"]) - 2
    new = c + i[:, [0, 0, 1, 1]] * g
    return (o[:, [0, 0, 1, 1]] * (2 * sigma(new) - 1), new, i, o)


def lstm_cifg(p: Parameters, x: Array, h: Array, c: Array) -> tuple[Array, ...]:
    f = sigma(x @ p["W_f.weight"].T + h @ p["U_f.weight"].T + p["W_f.bias"])
    o = sigma(x @ p["W_o.weight"].T + h @ p["U_o.weight"].T + p["W_o.bias"])
    i = 1 - f
    new = f * c + i * np.tanh(x @ p["W_g.weight"].T + h @ p["U_g.weight"].T + p["W_g.bias"])
    return (o * np.tanh(new), new)


def janet(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    s = h @ p["U_f.weight"].T + x @ p["W_f.weight"].T + p["W_f.bias"]
    candidate = np.tanh(h @ p["U_g.weight"].T + x @ p["W_g.weight"].T + p["W_g.bias"])
    return (sigma(s) * h + (1 - sigma(s - 1)) * candidate,)


def mut1(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    z = sigma(x @ p["W_z.weight"].T + p["W_z.bias"])
    r = sigma(x @ p["W_r.weight"].T + h @ p["U_r.weight"].T + p["W_r.bias"])
    bare = x @ p["P.weight"].T if "P.weight" in p else x
    return (np.tanh((r * h) @ p["U_n.weight"].T + np.tanh(bare) + p["U_n.bias"]) * z + h * (1 - z),)


def mut2(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    z = sigma(x @ p["W_z.weight"].T + h @ p["U_z.weight"].T + p["W_z.bias"])
    bare = x @ p["P.weight"].T if "P.weight" in p else x
    r = sigma(bare + h @ p["U_r.weight"].T + p["U_r.bias"])
    n = np.tanh((r * h) @ p["U_n.weight"].T + x @ p["W_n.weight"].T + p["W_n.bias"])
    return (n * z + h * (1 - z),)


def mut3(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    z = sigma(x @ p["W_z.weight"].T + np.tanh(h) @ p["U_z.weight"].T + p["W_z.bias"])
    r = sigma(x @ p["W_r.weight"].T + h @ p["U_r.weight"].T + p["W_r.bias"])
    n = np.tanh((r * h) @ p["U_n.weight"].T + x @ p["W_n.weight"].T + p["W_n.bias"])
    return (n * z + h * (1 - z),)


def min_gru(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    z = sigma(x @ p["W_z.weight"].T + p["W_z.bias"])
    return ((1 - z) * h + z * (x @ p["W_n.weight"].T + p["W_n.bias"]),)


def min_gru_log(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    z = sigma(x @ p["W_z.weight"].T + p["W_z.bias"])
    v = x @ p["W_n.weight"].T + p["W_n.bias"]
    return ((1 - z) * h + z * np.select([v >= 0], [v + 0.5], sigma(v)),)


def min_lstm(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    f = sigma(x @ p["W_f.weight"].T + p["W_f.bias"])
    i = sigma(x @ p["W_i.weight"].T + p["W_i.bias"])
    return (f / (f + i) * h + i / (f + i) * (x @ p["W_n.weight"].T + p["W_n.bias"]),)


def slstm(p: Parameters, x: Array, h: Array, c: Array, n: Array, m: Array) -> tuple[Array, ...]:
    """By the equations without a stabiliser: c exp(m) and n exp(m) are those of the paper's first form."""
    z, i, f, o = (x @ p[f"W_{gate}.weight"].T + h @ p[f"U_{gate}.weight"].T for gate in ("z", "i", "f", "o"))
    z, f, o = z + p["W_z.bias"], f + p["W_f.bias"], o + p["W_o.bias"]
    total_c = sigma(f) * c * np.exp(m) + np.exp(i) * np.tanh(z)
    total_n = sigma(f) * n * np.exp(m) + np.exp(i)
    new_m = np.maximum(np.log(sigma(f)) + m, i)
    return (sigma(o) * total_c / total_n, total_c / np.exp(new_m), total_n / np.exp(new_m), new_m)


def lru(p: Parameters, x: Array, _: Array, re: Array, im: Array) -> tuple[Array, ...]:
    eigenvalues = np.exp(-np.exp(p["nu"]) + 1j * np.exp(p["theta"]))
    B, C = p["B_re.weight"] + 1j * p["B_im.weight"], p["C_re.weight"] + 1j * p["C_im.weight"]
    s = eigenvalues * (re + 1j * im) + np.exp(p["log_gamma"]) * (x @ B.T)
    y = (s @ C.T).real + x @ p["D.weight"].T + p["D.bias"]
    return (y * (1 + erf(y / np.sqrt(2))) / 2, s.real, s.imag)


def indrnn(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    return (np.maximum(x @ p["W.weight"].T + h @ np.diag(p["u"]) + p["W.bias"], 0),)


def mgu(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    f = sigma(h @ p["U_f.weight"].T + x @ p["W_f.weight"].T + p["W_f.bias"])
    candidate = np.tanh((f * h) @ p["U.weight"].T + x @ p["W.weight"].T + p["W.bias"])
    return (h - f * h + f * candidate,)


def ugrnn(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    c = np.tanh(h @ p["U.weight"].T + x @ p["W.weight"].T + p["W.bias"])
    g = sigma(h @ p["U_g.weight"].T + x @ p["W_g.weight"].T + p["W_g.bias"])
    return (g * h + (1 - g) * c,)


def lem(p: Parameters, x: Array, y: Array, z: Array) -> tuple[Array, ...]:
    first = 0.7 * sigma(y @ p["U_1.weight"].T + x @ p["W_1.weight"].T + p["W_1.bias"])
    second = 0.7 * sigma(y @ p["U_2.weight"].T + x @ p["W_2.weight"].T + p["W_2.bias"])
    z = (1 - first) * z + first * np.tanh(y @ p["U_z.weight"].T + x @ p["W_z.weight"].T + p["W_z.bias"])
    return ((1 - second) * y + second * np.tanh(z @ p["U_h.weight"].T + x @ p["W_h.weight"].T + p["W_h.bias"]), z)


def cornn(p: Parameters, x: Array, y: Array, z: Array) -> tuple[Array, ...]:
    dt, gamma, epsilon = 0.1, 2.0, 3.0
    a = y @ p["U.weight"].T + z @ p["V.weight"].T + x @ p["W.weight"].T + p["W.bias"]
    new = z + dt * np.tanh(a) - dt * gamma * y - dt * epsilon * z
    return (y + dt * new, new)


def star(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    z = np.tanh(x @ p["W_z.weight"].T + p["W_z.bias"])
    k = sigma(x @ p["W_k.weight"].T + h @ p["U_k.weight"].T + p["W_k.bias"])
    return (np.tanh(h - k * h + k * z),)


def fastgrnn(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    product = x @ p["W.weight"].T + h @ p["U.weight"].T
    z, candidate = sigma(product + p["b_z"]), np.tanh(product + p["b_h"])
    return ((sigma(p["zeta"][0]) * (1 - z) + sigma(p["nu"][0])) * candidate + z * h,)


def nbrc(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    a = 1 + np.tanh(x @ p["W_a.weight"].T + h @ p["U_a.weight"].T)
    c = sigma(x @ p["W_c.weight"].T + h @ p["U_c.weight"].T)
    return (c * h + (1 - c) * np.tanh(x @ p["W.weight"].T + a * h),)


def strictly_upper(above: Array) -> Array:
    """The 4 x 4 matrix whose numbers above the diagonal are these, row by row."""
    a, b, c, d, e, f = above
    return np.array([[0, a, b, c], [0, 0, d, e], [0, 0, 0, f], [0, 0, 0, 0]])


def antisymmetric_rnn(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    A = strictly_upper(p["A"])
    matrix = A - A.T - 0.3 * np.eye(HIDDEN)
    return (h + 0.2 * np.tanh(h @ matrix.T + x @ p["W.weight"].T + p["W.bias"]),)


def exprnn(p: Parameters, x: Array, h: Array) -> tuple[Array, ...]:
    A = strictly_upper(p["A"])
    values, vectors = np.linalg.eig(A - A.T)
    B = (vectors @ np.diag(np.exp(values)) @ np.linalg.inv(vectors)).real
    v = h @ B.T + x @ p["W.weight"].T
    return (np.where(np.abs(v) + p["b"] > 0, np.sign(v) * (np.abs(v) + p["b"]), 0),)


def sru(p: Parameters, x: Array, _: Array, c: Array) -> tuple[Array, ...]:
    f = sigma(x @ p["W_f.weight"].T + c @ np.diag(p["v_f"]) + p["W_f.bias"])
    r = sigma(x @ p["W_r.weight"].T + c @ np.diag(p["v_r"]) + p["W_r.bias"])
    new = f * c + (1 - f) * (x @ p["W.weight"].T)
    highway = x @ p["P.weight"].T if "P.weight" in p else x
    return (r * new + (1 - r) * highway, new)


def greff(variant: str) -> Callable[..., tuple[Array, ...]]:
    """The vanilla LSTM of Greff et al. (2017), equation by equation, and what each variant changes in them."""

    def step(p: Parameters, x: Array, h: Array, c: Array, *gates: Array) -> tuple[Array, ...]:
        def block(name: str, seen: Array | None) -> Array:
            total = x @ p[f"W_{name}.weight"].T + h @ p[f"U_{name}.weight"].T + p[f"W_{name}.bias"]
            if seen is not None and variant != "np":
                total = total + p[f"p_{name}"] * seen
            for before, value in zip("ifo", gates, strict=False):
                if name != "g":
                    total = total + value @ p[f"R_{name}{before}.weight"].T
            return total

        z = block("g", None) if variant == "niaf" else np.tanh(block("g", None))
        i = np.ones_like(c) if variant == "nig" else sigma(block("i", c))
        f = 1 - i if variant == "cifg" else np.ones_like(c) if variant == "nfg" else sigma(block("f", c))
        new = z * i + c * f
        o = np.ones_like(c) if variant == "nog" else sigma(block("o", new))
        y = (new if variant == "noaf" else np.tanh(new)) * o
        return (y, new, i, f, o) if variant == "fgr" else (y, new)

    return step


EQUATIONS = (
    rnn, lstm, gru_torch, gru, gru_goodfellow, gru_concat, lstm_peephole, lstm_1997, lstm_cifg, janet, mut1, mut2, mut3,
    min_gru, min_gru_log, min_lstm, slstm, lru, indrnn, mgu, ugrnn, lem, cornn, star, fastgrnn, nbrc, antisymmetric_rnn,
    exprnn, sru,
)  # fmt: skip
SETTINGS: dict[Any, dict[str, Any]] = {
    lstm_1997: {"block_size": 2}, lem: {"dt": 0.7}, cornn: {"dt": 0.1, "gamma": 2.0, "epsilon": 3.0},
    antisymmetric_rnn: {"epsilon": 0.2, "gamma": 0.3},
}  # fmt: skip
CASES: dict[str, tuple[str, int, dict[str, Any], Callable[..., tuple[Array, ...]]]] = {
    **{each.__name__: (each.__name__, INPUT, SETTINGS.get(each, {}), each) for each in EQUATIONS},
    **{f"{each.__name__}_no_bias": (f"{each.__name__}_no_bias", INPUT, {}, each) for each in (gru, gru_concat)},
    **{f"{each.__name__}_bare": (each.__name__, HIDDEN, {}, each) for each in (mut1, mut2, sru)},
    "rnn_pascanu": ("rnn_pascanu", INPUT, {}, rnn),
    **{f"lstm_greff_{of}": ("lstm_greff", INPUT, {"variant": of}, greff(of)) for of in get_args(Variant)},
}


@pytest.mark.parametrize("case", CASES)
def test_step_equals_the_equations(case: str) -> None:
    name, inputs, settings, equations = CASES[case]
    cell = cell_of_menu(name, inputs, HIDDEN, **settings).double()
    random = np.random.default_rng(0)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.copy_(torch.from_numpy(random.normal(size=parameter.shape)))
    given = {name: value.detach().numpy() for name, value in cell.named_parameters()}
    parameters = defaultdict(float, given) if case.endswith("_no_bias") else given
    x = random.normal(size=(BATCH, cell.input_size))
    state = [random.normal(size=tensor.shape) for tensor in cell.initial_state(BATCH)]
    actual = cell.step(torch.from_numpy(x), tuple(torch.from_numpy(tensor) for tensor in state))
    for tensor, wanted in zip(actual, equations(parameters, x, *state), strict=True):
        np.testing.assert_allclose(tensor.detach().numpy(), wanted, rtol=1e-12, atol=1e-14)


def test_the_lstm_of_1997_carries_the_gradient_through_its_cells_alone() -> None:
    """Truncated, dh_T/dc_0 = o_T (1 - tanh(c_T/2)^2)/2 whatever lies between, and nothing reaches h_0 or gates."""
    cell = Lstm1997(INPUT, HIDDEN, block_size=2).double()
    random = seeded(0)
    start = [torch.randn(BATCH, *t.shape[1:], dtype=torch.float64, generator=random) for t in cell.initial_state(BATCH)]
    state = tuple(tensor.requires_grad_() for tensor in start)
    for _ in range(5):
        state = cell.step(torch.randn(BATCH, INPUT, dtype=torch.float64, generator=random), state)
    h, c, _, o = state
    from_h, from_c, *gates = torch.autograd.grad(h.sum(), start, materialize_grads=True)
    torch.testing.assert_close(from_c, o[:, [0, 0, 1, 1]] * (1 - torch.tanh(c / 2) ** 2) / 2)
    assert not any(tensor.any() for tensor in (from_h, *gates))
