"""What to write instead of something that cannot be compiled."""

CONTROL_FLOW = (
    "a condition of Python on a tensor (if, while, and, or, not, max, min); write torch.where(condition, a, b), "
    "torch.maximum or torch.minimum"
)
ITERATION = "a loop of Python over a tensor, or a call with *tensor; unpack it, as in a, b = h.chunk(2, dim=1)"
NUMBER = "a tensor used as a number of Python; compute with the tensor, or keep the number as an attribute of the cell"
OUTSIDE = (
    "a tensor or its size passed to what is no function of torch on tensors; write x.new_zeros(x.shape[0], width), "
    "torch.zeros_like(h), torch.rand_like(h), or keep a number as an attribute of the cell"
)
IN_PLACE = "an operator in place; write h = h + y"

_REMEDIES = {
    "hooks": "; use torch.nn.utils.parametrize in place of hooks",
    "sum": "; write sum(-1, keepdim=True)",
    "unsqueeze": "; keep values (batch, features), as in h.sum(-1, keepdim=True)",
    "squeeze": "; keep values (batch, features)",
    "view": "; keep values (batch, features), and split them with chunk(n, dim=1)",
    "reshape": "; keep values (batch, features), and split them with chunk(n, dim=1)",
    "stack": "; put features side by side with torch.cat((a, b), dim=1)",
    "bmm": "; a state that is a matrix cannot be compiled",
    "norm": "; write x.square().sum(-1, keepdim=True).sqrt()",
    "normalize": "; write x / x.square().sum(-1, keepdim=True).sqrt()",
    "item": "; compute with the tensor itself",
    "numpy": "; compute with functions of torch",
    "bernoulli_": "; write torch.rand_like(h) < p",
    "uniform_": "; write torch.rand_like(h)",
    "normal_": "; write torch.randn_like(h)",
    "flip": "; keep the features in one order",
    "roll": "; write torch.cat((h[:, n:], h[:, :n]), dim=1)",
    "getitem": "; write h[:, first:stop] for neighbouring features",
}


def remedy_for(name: str) -> str:
    """What to write instead of a function or method, for the end of a message; empty where nothing better is known."""
    if name in _REMEDIES:
        return _REMEDIES[name]
    return f"; write h = h.{name[:-1]}(...), not in place" if name.endswith("_") and name[:1] != "_" else ""
