"""Updates of all parameters as one tensor against torch's of each; MISSING: a parameter without gradient by step."""

import math
from copy import deepcopy
from inspect import signature
from typing import Any

import pytest
import torch
from torch import nn

from rnnbench.training import StepSettings
from rnnbench.training.update import OF_TORCH, Update, without_compiler

MISSING = {"none": {}, "always": dict.fromkeys(range(8), 0), "at times": {2: 0, 3: 0, 5: 3}}


@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize("kind", [*OF_TORCH, torch.optim.Adafactor], ids=lambda kind: kind.__name__)
def test_every_optimizer_does_what_it_does_in_torch(kind: Any, missing: str) -> None:
    ours = nn.Sequential(nn.Linear(5, 3), nn.Linear(3, 2)).double()
    theirs = deepcopy(ours)
    takes = signature(kind).parameters
    more = {name: value for name, value in {"weight_decay": 0.1, "momentum": 0.9}.items() if name in takes}
    make = without_compiler(kind) if kind in OF_TORCH else kind
    optimizer, made = kind(theirs.parameters(), lr=0.05, **more), make(ours.parameters(), lr=0.05, **more)
    largest, value = (None, 0.3) if missing == "at times" else (2.0, None)
    update = Update(ours, made, StepSettings.model_construct(gradient_clip_norm=largest, gradient_clip_value=value))
    for step in range(8):
        for place, (our, their) in enumerate(zip(ours.parameters(), theirs.parameters(), strict=True)):
            if step == 6 and place == 2:
                our.data = our.data.clone()  # as a cell may
            lacks = MISSING[missing].get(step) == place
            their.grad = None if lacks else torch.randn_like(their)
            our.grad = None if lacks else their.grad.clone()
        norm = nn.utils.clip_grad_norm_(theirs.parameters(), largest or math.inf)
        nn.utils.clip_grad_value_(theirs.parameters(), value or math.inf)
        assert update.clip() == pytest.approx(float(norm), rel=1e-12)
        assert not update.joined or (kind in OF_TORCH and MISSING[missing].get(step) is None and step < 6)
        optimizer.step()
        made.step()
        for our, their in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(our, their, rtol=1e-9, atol=1e-9)
        if step == 4:
            assert update.joined >= (kind in OF_TORCH and missing == "none")
            update.part()
            torch.testing.assert_close(made.state_dict(), optimizer.state_dict(), rtol=1e-9, atol=1e-9)
            made.load_state_dict(deepcopy(optimizer.state_dict()))
