"""Learning rate schedules as plain functions of the step.

Each function takes the step first, then the base rate and the arguments of the class of `torch.optim.lr_scheduler`
after which it is named, and returns the rate that the class sets after that many of its steps. A step is whatever
`.step()` counts: an epoch or a batch. With a base rate of 1 a function gives factors, as `LambdaLR` wants them:
`LambdaLR(optimizer, lambda step: cosine_annealing_lr(step, 1.0, T_max=200))`.

PyTorch computes most rates from the rate before; here each follows from its step alone (its documentation calls this
the closed form). The two agree to rounding as long as nobody else changes the rate.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    pass

Schedule = Callable[[float, float], float]  # the rate, from a step and a base rate


def step_lr(step: float, base_lr: float, step_size: int, gamma: float = 0.1) -> float:
    """Return the rate that is multiplied by gamma every step_size steps, as `StepLR` does.

    Args:
        step: Steps taken so far, at least 0; the first rate is that of step 0.
        base_lr: The rate at step 0.
        step_size: Length of a stair in steps, above 0.
        gamma: The factor.

    Raises:
        ValueError: An argument is out of its range.
    """
    _check(step, base_lr, step_size=step_size)
    return base_lr * gamma ** (step // step_size)


def multi_step_lr(step: float, base_lr: float, milestones: Sequence[float], gamma: float = 0.1) -> float:
    """Return the rate that is multiplied by gamma at each milestone, as `MultiStepLR` does.

    Args:
        step: Steps taken so far, at least 0.
        base_lr: The rate before the first milestone.
        milestones: Rising steps; from a milestone on, that step included, the factor holds.
        gamma: The factor.

    Raises:
        ValueError: An argument is out of its range, or the milestones are not in order.
    """
    _check(step, base_lr)
    return base_lr * gamma ** bisect_right(_in_order(milestones), step)


def exponential_lr(step: float, base_lr: float, gamma: float) -> float:
    """Return the rate that is multiplied by gamma at every step, as `ExponentialLR` does.

    Args:
        step: Steps taken so far, at least 0.
        base_lr: The rate at step 0.
        gamma: The factor.

    Raises:
        ValueError: An argument is out of its range.
    """
    _check(step, base_lr)
    return base_lr * gamma**step


def constant_then_exponential_lr(step: float, base_lr: float, n_constant: int = 10, gamma: float = 0.9) -> float:
    """Return a rate that is constant for the first n_constant steps and then is multiplied by gamma at every step.

    PyTorch has no class for it; there it is `LambdaLR(optimizer, lambda step: gamma ** max(0, step - n_constant + 1))`.

    Args:
        step: Steps taken so far, at least 0.
        base_lr: The rate of the steps 0 to n_constant - 1; step n_constant is the first with a lower one.
        n_constant: How many steps have the full rate, at least 1.
        gamma: The factor.

    Raises:
        ValueError: An argument is out of its range.
    """
    _check(step, base_lr, n_constant=n_constant)
    return base_lr * gamma ** max(0, step - n_constant + 1)


def polynomial_lr(step: float, base_lr: float, total_iters: int = 5, power: float = 1.0) -> float:
    """Return the rate that falls to 0 like a power of the steps that are left, as `PolynomialLR` does.

    Args:
        step: Steps taken so far, at least 0.
        base_lr: The rate at step 0.
        total_iters: The step from which on the rate is 0, above 0.
        power: 1 for a straight line.

    Raises:
        ValueError: An argument is out of its range.
    """
    _check(step, base_lr, total_iters=total_iters)
    return base_lr * (1 - min(step, total_iters) / total_iters) ** power


def cosine_annealing_lr(step: float, base_lr: float, T_max: int, eta_min: float = 0.0) -> float:  # noqa: N803
    """Return the rate on a cosine from base_lr at step 0 to eta_min at step T_max, as `CosineAnnealingLR` does.

    After T_max the rate **rises** again, to base_lr at step 2 T_max: give T_max in the unit in which you step.
    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017), without the restarts.

    Args:
        step: Steps taken so far, at least 0.
        base_lr: The rate at step 0.
        T_max: Steps from the top to the bottom, above 0.
        eta_min: The rate at the bottom.

    Raises:
        ValueError: An argument is out of its range.
    """
    _check(step, base_lr, T_max=T_max)
    return _cosine(base_lr, eta_min, step / T_max)


def cosine_annealing_warm_restarts(
    step: float,
    base_lr: float,
    T_0: int,  # noqa: N803
    T_mult: int = 1,  # noqa: N803
    eta_min: float = 0.0,
) -> float:
    """Return the rate on cosines from base_lr towards eta_min, each longer than the one before, with a jump back up.

    As `CosineAnnealingWarmRestarts`. The first step of a cycle has base_lr again, and eta_min itself is never reached.
    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017).

    Args:
        step: Steps taken so far, at least 0; a fraction of an epoch such as `epoch + batch / n_batches` is fine.
        base_lr: The rate at the start of each cycle.
        T_0: Length of the first cycle in steps, at least 1.
        T_mult: How many times as long the next cycle is, an integer of at least 1.
        eta_min: The rate to which each cycle goes down.

    Raises:
        ValueError: An argument is out of its range.
    """
    _check(step, base_lr, T_0=T_0, T_mult=T_mult)
    if T_mult != int(T_mult):
        raise ValueError(f"T_mult must be an integer of at least 1, not {T_mult!r}")
    length = T_0
    if T_mult == 1:
        step %= length
    while step >= length:
        step, length = step - length, length * T_mult
    return _cosine(base_lr, eta_min, step / length)


def constant_lr(step: float, base_lr: float, factor: float = 1 / 3, total_iters: int = 5) -> float:
    """Return factor * base_lr for the first total_iters steps and base_lr after them, as `ConstantLR` does.

    Args:
        step: Steps taken so far, at least 0.
        base_lr: The rate from step total_iters on.
        factor: In [0, 1].
        total_iters: How many steps have the smaller rate, above 0.

    Raises:
        ValueError: An argument is out of its range.
    """
    _check(step, base_lr, total_iters=total_iters)
    _check_share("factor", factor)
    return base_lr * (factor if step < total_iters else 1.0)


def linear_lr(
    step: float, base_lr: float, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
) -> float:
    """Return the rate that goes from start_factor * base_lr at step 0 to end_factor * base_lr at step total_iters.

    As `LinearLR`; from then on it stays there. It is the usual warm-up. Note that by default it begins at a third.

    Args:
        step: Steps taken so far, at least 0.
        base_lr: The full rate.
        start_factor: Above 0, at most 1.
        end_factor: In [0, 1].
        total_iters: The step at which the end is reached, above 0.

    Raises:
        ValueError: An argument is out of its range.
    """
    _check(step, base_lr, total_iters=total_iters)
    _check_share("start_factor", start_factor, zero=False)
    _check_share("end_factor", end_factor)
    return base_lr * (start_factor + (end_factor - start_factor) * min(step, total_iters) / total_iters)


def one_cycle_lr(
    step: float,
    max_lr: float,
    total_steps: int,
    pct_start: float = 0.3,
    anneal_strategy: Literal["cos", "linear"] = "cos",
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> float:
    """Return the rate that rises to max_lr and then falls far below where it began, as `OneCycleLR` does.

    It starts at max_lr / div_factor, is highest at step pct_start * total_steps - 1, and ends at step total_steps - 1
    with max_lr / (div_factor * final_div_factor). With three phases it comes down as fast as it went up, and goes on to
    the end from there. Source: Smith and Topin, "Super-convergence" (2018), who have three phases.

    Args:
        step: Steps taken so far, from 0 to total_steps. (After the last batch PyTorch's class is at total_steps, a
            little past its end; no batch uses that rate.)
        max_lr: The highest rate. There is no base_lr.
        total_steps: How many steps the cycle has.
        pct_start: The share of the steps, in [0, 1], in which the rate rises.
        anneal_strategy: "cos" or "linear".
        div_factor: How many times smaller than max_lr the first rate is.
        final_div_factor: How many times smaller than the first rate the last one is.
        three_phase: Whether to come back to the first rate before the last phase.

    Raises:
        ValueError: An argument is out of its range.
    """
    _check(step, max_lr, total_steps=total_steps, div_factor=div_factor, final_div_factor=final_div_factor)
    first_lr = max_lr / div_factor
    last_lr = first_lr / final_div_factor
    corners = [first_lr, max_lr, first_lr, last_lr] if three_phase else [first_lr, max_lr, last_lr]
    return _one_cycle(step, corners, total_steps, pct_start, anneal_strategy)


def one_cycle_momentum(
    step: float,
    total_steps: int,
    pct_start: float = 0.3,
    anneal_strategy: Literal["cos", "linear"] = "cos",
    base_momentum: float = 0.85,
    max_momentum: float = 0.95,
    three_phase: bool = False,
) -> float:
    """Return the momentum that `OneCycleLR` sets (beta1 for Adam): lowest where the rate is highest.

    Args:
        step: As in `one_cycle_lr`, as are total_steps, pct_start, anneal_strategy and three_phase.
        total_steps: How many steps the cycle has.
        pct_start: The share of the steps in which the momentum falls.
        anneal_strategy: "cos" or "linear".
        base_momentum: The lowest momentum.
        max_momentum: The momentum at the beginning and at the end.
        three_phase: Whether there is a last phase, in which the momentum stays.

    Raises:
        ValueError: An argument is out of its range.
    """
    _check(step, max_momentum, total_steps=total_steps)
    corners = [max_momentum, base_momentum, max_momentum] + [max_momentum] * three_phase
    return _one_cycle(step, corners, total_steps, pct_start, anneal_strategy)


def sequential_lr(step: float, base_lr: float, schedulers: Sequence[Schedule], milestones: Sequence[float]) -> float:
    """Return the rate of one schedule after the other, as `SequentialLR` does.

    At each milestone the next schedule takes over and counts its own steps from 0. Warm-up, then cosine:
    `sequential_lr(step, 0.1, [partial(linear_lr, total_iters=5), partial(cosine_annealing_lr, T_max=95)], [5])`.

    Args:
        step: Steps taken so far, at least 0.
        base_lr: The base rate of all of them.
        schedulers: Functions of a step and a base rate.
        milestones: The steps at which the second and all further schedules begin, in order.

    Raises:
        ValueError: An argument is out of its range, or there is not one milestone less than there are schedules.
    """
    _check(step, base_lr)
    if not schedulers:
        raise ValueError("schedulers is empty: give at least one function of a step and a base rate")
    if len(schedulers) != len(milestones) + 1:
        raise ValueError(f"{len(schedulers)} schedulers need {len(schedulers) - 1} milestones, not {len(milestones)}")
    index = bisect_right(_in_order(milestones), step)
    start = milestones[index - 1] if index else 0
    return schedulers[index](step - start, base_lr)


def _check(step: float, base_lr: float, **lengths: float) -> None:
    if not step >= 0:
        raise ValueError(f"step must be at least 0, not {step}: it counts the steps that are taken")
    if not 0 <= base_lr < math.inf:
        raise ValueError(f"the base rate must be finite and at least 0, not {base_lr}")
    for name, length in lengths.items():
        if not length > 0:
            raise ValueError(f"{name} must be above 0, not {length}")


def _check_share(name: str, value: float, *, zero: bool = True) -> None:
    if not 0 <= value <= 1 or (value == 0 and not zero):
        raise ValueError(f"{name} must be in {'[' if zero else '('}0, 1], not {value}: it is a share of the base rate")


def _in_order(milestones: Sequence[float]) -> list[float]:
    if any(later < earlier for earlier, later in pairwise(milestones)):
        raise ValueError(f"milestones must rise, as steps counted from the beginning, not {list(milestones)}")
    return list(milestones)


def _cosine(start: float, end: float, share: float) -> float:
    """Go from start (share 0) to end (share 1) on half a cosine wave."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _one_cycle(step: float, values: Sequence[float], total_steps: int, pct_start: float, anneal_strategy: str) -> float:
    """Go from value to value, two or three phases long, with the corners where `OneCycleLR` has them."""
    if step > total_steps:
        raise ValueError(f"step {step} is past the end of the cycle of {total_steps} steps: see total_steps")
    if not 0 <= pct_start <= 1:
        raise ValueError(
            f"pct_start must be in [0, 1], not {pct_start}: it is a share of the steps, in spite of its name"
        )
    if anneal_strategy not in ("cos", "linear"):
        raise ValueError(f"anneal_strategy must be 'cos' or 'linear', not {anneal_strategy!r}")
    top = pct_start * total_steps - 1
    corners = [0, top, 2 * top, total_steps - 1] if len(values) == 4 else [0, top, total_steps - 1]
    phases = list(zip(pairwise(corners), pairwise(values), strict=True))
    # the phase that the step is in; after its end, the last one
    (first, last), (start, end) = next((phase for phase in phases if step <= phase[0][1]), phases[-1])
    if first == last:
        raise ValueError(f"pct_start={pct_start} of {total_steps} steps leaves a phase without steps: choose another")
    share = (step - first) / (last - first)
    return _cosine(start, end, share) if anneal_strategy == "cos" else start + (end - start) * share
