"""Chung et al. (2014) on JSB Chorales in bare PyTorch: the protocol of the experiment `chung2014_music`, no rnnbench.

`python tests/reference/chung2014_music.py JSB_Chorales.mat` prints one line of JSON per cell and seed. With
`--rate 0.003 --epochs 300` they are those of `chung2014_music.jsonl` next to it, losses in nats per step. Own draws:
what it shares with the experiment are the equations, the protocol and the numbers of epochs, not the random numbers.
"""

import argparse
import copy
import json
import math
from collections.abc import Callable

import scipy.io
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

Batch = tuple[Tensor, Tensor, Tensor]
"""Inputs, targets, and which steps are real."""


class Tanh(nn.Module):
    """h' = tanh(W x + U h + b)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.W, self.U = nn.Linear(88, hidden), nn.Linear(hidden, hidden, bias=False)
        self.readout = nn.Linear(hidden, 88)

    def forward(self, x: Tensor) -> Tensor:
        h, states, inputs = x.new_zeros(x.shape[1], self.U.in_features), [], self.W(x)
        for step in inputs:
            h = torch.tanh(step + self.U(h))
            states.append(h)
        return self.readout(torch.stack(states))  # type: ignore[no-any-return]


class Gru(nn.Module):
    """The gated recurrent unit as the paper has it: the reset gate before the product, z the share of the new."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.W = nn.Linear(88, 3 * hidden, bias=False)
        self.U_gates, self.U = nn.Linear(hidden, 2 * hidden, bias=False), nn.Linear(hidden, hidden, bias=False)
        self.readout = nn.Linear(hidden, 88)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.U.in_features
        h, states, inputs = x.new_zeros(x.shape[1], hidden), [], self.W(x)
        for step in inputs:
            r, z = torch.sigmoid(step[:, : 2 * hidden] + self.U_gates(h)).chunk(2, dim=1)
            h = (1 - z) * h + z * torch.tanh(step[:, 2 * hidden :] + self.U(r * h))
            states.append(h)
        return self.readout(torch.stack(states))  # type: ignore[no-any-return]


class Lstm(nn.Module):
    """The LSTM with diagonal peepholes, the forget gate's bias starting at 1."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.W, self.U = nn.Linear(88, 4 * hidden), nn.Linear(hidden, 4 * hidden, bias=False)
        self.peepholes = nn.Parameter(torch.empty(3, hidden))
        self.readout = nn.Linear(hidden, 88)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.U.in_features
        h = c = x.new_zeros(x.shape[1], hidden)
        states, inputs = [], self.W(x)
        for step in inputs:
            i, f, g, o = (step + self.U(h)).chunk(4, dim=1)
            c_before = c
            c = torch.sigmoid(f + self.peepholes[1] * c) * c
            c = c + torch.sigmoid(i + self.peepholes[0] * c_before) * torch.tanh(g)
            h = torch.sigmoid(o + self.peepholes[2] * c) * torch.tanh(c)
            states.append(h)
        return self.readout(torch.stack(states))  # type: ignore[no-any-return]


CELLS: dict[str, Callable[[], nn.Module]] = {"rnn": lambda: Tanh(100), "gru": lambda: Gru(46), "lstm": lambda: Lstm(36)}


def made(cell: str, seed: int) -> nn.Module:
    """The model, every weight from U(-1/sqrt(hidden), 1/sqrt(hidden))."""
    torch.manual_seed(seed)
    model = CELLS[cell]()
    hidden = model.get_submodule("U").weight.shape[1]
    for parameter in model.parameters():
        nn.init.uniform_(parameter, -1 / math.sqrt(hidden), 1 / math.sqrt(hidden))
    if isinstance(model, Lstm):
        nn.init.constant_(model.W.bias[hidden : 2 * hidden], 1.0)
    return model


def together(pieces: list[Tensor]) -> Batch:
    """Pieces side by side, each chord's target being the next one."""
    lengths = torch.tensor([len(piece) - 1 for piece in pieces])
    inputs, targets = pad_sequence([piece[:-1] for piece in pieces]), pad_sequence([piece[1:] for piece in pieces])
    return inputs, targets, torch.arange(len(inputs)).unsqueeze(1) < lengths


def loss_of(model: nn.Module, batch: Batch) -> Tensor:
    """Mean negative log-likelihood of a real step, in nats."""
    inputs, targets, real = batch
    losses = functional.binary_cross_entropy_with_logits(model(inputs), targets, reduction="none").sum(2)
    return losses[real].mean()


def train(
    cell: str, seed: int, rate: float, splits: dict[str, list[Tensor]], *, epochs: int, patience: int, noise: float
) -> dict[str, float | int | str]:
    """Train with early stopping; the losses of the weights that were best on validation data."""
    model = made(cell, seed)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=rate, alpha=0.9)
    whole = {name: together(pieces) for name, pieces in splits.items()}
    best, best_epoch, best_weights = math.inf, 0, model.state_dict()
    epoch = 0
    for epoch in range(epochs + 1):
        with torch.no_grad():
            validation = float(loss_of(model, whole["valid"]))
        if validation < best:
            best, best_epoch, best_weights = validation, epoch, copy.deepcopy(model.state_dict())
        if epoch in (best_epoch + patience, epochs):
            break
        for chosen in torch.randperm(len(splits["train"])).split(20):
            clean = [parameter.detach().clone() for parameter in model.parameters()]
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(noise * torch.randn_like(parameter))
            optimizer.zero_grad()
            loss_of(model, together([splits["train"][index] for index in chosen.tolist()])).backward()
            with torch.no_grad():
                for parameter, value in zip(model.parameters(), clean, strict=True):
                    parameter.copy_(value)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    model.load_state_dict(best_weights)
    with torch.no_grad():
        losses = {name: float(loss_of(model, batch)) for name, batch in whole.items()}
    return {"cell": cell, "seed": seed, "rate": rate, "epochs": epoch, "best_epoch": best_epoch, **losses}


def main() -> None:
    """Read the file, train, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--cells", nargs="+", default=list(CELLS), choices=list(CELLS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[10, 11, 12, 13, 14])
    parser.add_argument("--rate", type=float, default=1e-2)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--patience", type=int, default=10)
    parser.add_argument("--noise", type=float, default=0.075)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    content = scipy.io.loadmat(chosen.file)
    splits = {
        name: [torch.tensor(piece, dtype=torch.float32) for piece in content[f"{name}data"][0]]
        for name in ("train", "valid", "test")
    }
    for cell in chosen.cells:
        for seed in chosen.seeds:
            found = train(
                cell, seed, chosen.rate, splits, epochs=chosen.epochs, patience=chosen.patience, noise=chosen.noise
            )
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
