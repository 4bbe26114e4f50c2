"""The time of a forward pass as `measure_inference_time` reports it, against what `torch.utils.benchmark` reports.

Both should say the same; the ratio shows how far they agree from round to round.
"""

import torch
from models import small_cnn, small_mlp
from timing import Times, main
from torch import nn
from torch.utils.benchmark import Timer
from tqdm import trange

from helper_utils.efficiency import measure_inference_time

N_THREADS = 1
N_ITERATIONS = 200


def by_torch(model: nn.Module, inputs: torch.Tensor) -> float:
    """Return the median seconds that torch's own timer reports."""
    timer = Timer("model(inputs)", globals={"model": model, "inputs": inputs}, num_threads=N_THREADS)
    with torch.no_grad():
        return timer.blocked_autorange(min_run_time=0.2).median


def measure(n_rounds: int) -> tuple[str, list[str]]:
    """Return a remark and the lines of the table."""
    torch.set_num_threads(N_THREADS)
    rows = []
    for name, model, shape in (("small MLP", small_mlp(), (1, 8, 8)), ("small CNN", small_cnn(), (3, 32, 32))):
        model.eval()
        for batch_size in (1, 64):
            inputs = torch.rand(batch_size, *shape)
            times = Times({"ours": [], "torch": []})
            for _ in trange(n_rounds, desc=f"{name}, {batch_size}"):
                times.seconds["ours"].append(measure_inference_time(model, inputs, N_ITERATIONS) / 1000)
                times.seconds["torch"].append(by_torch(model, inputs))
            rows.append(times.row(f"a pass of {batch_size} through a {name}", "ours", "torch", "near 1"))
    return f"{N_THREADS} thread, float32 on the CPU; ours: the median of {N_ITERATIONS} passes.", rows


if __name__ == "__main__":
    main(measure, n_rounds=12)
