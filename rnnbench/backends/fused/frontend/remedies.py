"""What to write instead of something that cannot be compiled."""

CONTROL_FLOW = (
    "a condition of Python on a tensor (if, while, and, or, not, max, min); write torch.where(condition, a, b), "
    "torch.maximum or torch.minimum"
)
ITERATION = "a loop of Python over a tensor, or a call with *tensor; unpack it, as in a, b = h.chunk(2, dim=1)"
NUMBER = "a tensor used as a number of Python; compute with the tensor, or keep the number as an attribute of the cell"
IN_PLACE = "an operator in place; write h = h + y"
BATCH = (
    "the number of examples used as a number of Python; write x.new_zeros(x.shape[0], width), torch.zeros_like(h), "
    "or a mean over features"
)
CUSTOM_GRADIENT = (
    "a custom autograd.Function, whose backward cannot be compiled; write the value that has this gradient, as in "
    "soft + (hard - soft).detach()"
)
CHANGED = "a tensor that was changed in place, or whose gradient was; write h = h + y"
UNKNOWN = (
    "a tensor that is not the cell's and that none of torch's own functions made in this step; keep it as a buffer of "
    "the cell, and compute with functions of torch"
)
DIFFERS = (
    "a step that is another at the next call or with another number of examples (a counter, an iterator, random "
    "numbers of Python or NumPy, a size); keep what changes as a tensor of the state, write torch.rand_like(h)"
)

_READS = {
    "__bool__": CONTROL_FLOW,
    "equal": CONTROL_FLOW,
    "allclose": CONTROL_FLOW,
    "is_nonzero": CONTROL_FLOW,
    "__iter__": ITERATION,
    "__len__": "the number of examples; use x.shape[0] as a size of torch's functions only",
    **dict.fromkeys(["__float__", "__int__", "__index__", "__complex__"], NUMBER),
}
"""Functions that give Python a value of a tensor, and what is said of them."""

_REMEDIES = {
    "hooks": "; use torch.nn.utils.parametrize in place of hooks",
    **dict.fromkeys(["sum", "mean", "var", "std", "norm"], "; write it over features, as in h.sum(-1, keepdim=True)"),
    **dict.fromkeys(["view", "reshape", "unflatten"], "; keep values (batch, features), split with chunk(n, dim=1)"),
    **dict.fromkeys(["chunk", "split", "cat", "narrow", "unbind"], "; of features: write dim=1"),
    "stack": "; put features side by side with torch.cat((a, b), dim=1)",
    "bmm": "; a state that is a matrix cannot be compiled",
    "item": "; compute with the tensor itself",
    "numpy": "; compute with functions of torch",
    "randn": "; write torch.randn_like(h)",
    "rand": "; write torch.rand_like(h)",
    "bernoulli_": "; write torch.rand_like(h) < p",
    "uniform_": "; write torch.rand_like(h)",
    "normal_": "; write torch.randn_like(h)",
    "flip": "; keep the features in one order",
    "roll": "; write torch.cat((h[:, n:], h[:, :n]), dim=1)",
    "getitem": "; write h[:, first:stop] for neighbouring features",
}


def of_a_read(name: str, known_only: bool = False) -> str:
    """What is said of a function that gives Python something of a tensor; empty for others if only these are asked."""
    if name in _READS:
        return _READS[name]
    return "" if known_only else f"{name}() of a tensor, which is no tensor{remedy_for(name)}"


def in_place(name: str) -> str:
    """What is said of a method or an assignment that changes a tensor."""
    if name.startswith("__"):
        return "an assignment to a tensor or one of its attributes; write torch.where(condition, a, b) or torch.cat"
    return f"{name}(){remedy_for(name)}"


def remedy_for(name: str) -> str:
    """What to write instead of a function or method, for the end of a message; empty where nothing better is known."""
    if name in _REMEDIES:
        return _REMEDIES[name]
    return f"; write h = h.{name[:-1]}(...), not in place" if name.endswith("_") and name[:1] != "_" else ""
