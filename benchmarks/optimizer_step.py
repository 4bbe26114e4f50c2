"""A step of each of our optimizers against torch's, one tensor after the other and all together (`foreach`).

Both change the same parameters by the same gradients, without weight decay, and end with the same values (checked).
torch's Muon knows no `foreach` and orthogonalizes in bfloat16, so it is compared once, with room for that; torch has no
Lion.
"""

from collections.abc import Callable
from functools import partial

import torch
from timing import alternate, main
from torch import nn
from torch.optim import Optimizer

from helper_utils import optimizers

N_THREADS = 1
SHAPE = (32, 32)
N_UPDATES = 2000  # of one tensor, in a run
SETTINGS = {
    "SGD": {"lr": 0.01, "momentum": 0.9},
    "Adagrad": {},
    "RMSprop": {},
    "Adadelta": {},
    "Adam": {},
    "AdamW": {"weight_decay": 0},
    "Muon": {"weight_decay": 0},
}


def parameters(n_tensors: int) -> list[nn.Parameter]:
    """Return parameters with gradients, the same at every call."""
    generator = torch.Generator().manual_seed(0)
    params = [nn.Parameter(torch.randn(SHAPE, generator=generator)) for _ in range(n_tensors)]
    for param in params:
        param.grad = torch.randn(SHAPE, generator=generator)
    return params


def prepare(make_optimizer: Callable[..., Optimizer], n_tensors: int) -> Callable[[], list[nn.Parameter]]:
    """Return a run of steps, which returns the parameters."""
    params = parameters(n_tensors)
    optimizer = make_optimizer(params)
    optimizer.step()  # makes its memory

    def run() -> list[nn.Parameter]:
        for _ in range(N_UPDATES // n_tensors):
            optimizer.step()
        return params

    return run


def measure(n_rounds: int) -> tuple[str, list[str]]:
    """Return a remark and the lines of the table."""
    torch.set_num_threads(N_THREADS)
    rows = []
    for name, settings in SETTINGS.items():
        theirs = partial(getattr(torch.optim, name), **settings)
        makers = {"ours": partial(getattr(optimizers, name), **settings)}
        if name == "Muon":
            makers["torch"] = theirs
        else:
            makers |= {"foreach=False": partial(theirs, foreach=False), "foreach=True": partial(theirs, foreach=True)}
        ours, *others = makers
        for n_tensors in (10, 200):
            times = alternate({key: partial(prepare, make, n_tensors) for key, make in makers.items()}, n_rounds)
            for other in others:
                tolerance = 0.02 if name == "Muon" else 1e-4
                torch.testing.assert_close(times.results[ours], times.results[other], rtol=tolerance, atol=tolerance)
                target = "" if other == "foreach=True" else "at least 0.33 (3 times slower)"
                what = f"{N_UPDATES // n_tensors} steps of {name}, {n_tensors} tensors"
                rows.append(times.row(what, ours, other, target))
    return f"{N_THREADS} thread, float32 tensors of {SHAPE[0]} by {SHAPE[1]} on the CPU.", rows


if __name__ == "__main__":
    main(measure, n_rounds=12)
