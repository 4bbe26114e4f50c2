"""A sampler for each trial, so that a study that goes on proposes what one that was never stopped would."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GridSampler, PartialFixedSampler, QMCSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from helper_utils.optuna_tuning.trials import counts

MakeSampler = Callable[..., BaseSampler]  # called with `seed=`


def make_sampler(sampler: BaseSampler | MakeSampler, seed: int) -> BaseSampler:
    """Return the sampler of a study: an object as it is, or one that is seeded for each trial.

    A sampler whose plan for the whole study follows from its seed (a grid, quasi-random points) is made once: with
    another seed for each trial it would take each point from another plan, some twice and others never.

    Args:
        sampler: An object, or a function that takes `seed=` and returns one.
        seed: The study's seed, 0 or more.

    Raises:
        TypeError: It is neither.
    """
    if isinstance(sampler, BaseSampler):
        return sampler
    if not callable(sampler):
        raise TypeError(f"sampler must be one of Optuna's, or a function of seed=, not {type(sampler).__name__}")
    first = sampler(seed=seed_of_trial(seed, 0))
    if not isinstance(first, BaseSampler):
        raise TypeError(f"sampler, called with seed=, must return a sampler of Optuna, not {type(first).__name__}")
    return first if _plans_ahead(first) else SamplerForEachTrial(sampler, seed)


def _plans_ahead(sampler: BaseSampler) -> bool:
    if isinstance(sampler, PartialFixedSampler):
        return _plans_ahead(sampler._base_sampler)
    return isinstance(sampler, GridSampler | QMCSampler)


class SamplerForEachTrial(BaseSampler):
    """Make a sampler for each trial, seeded from a seed and the trial's number.

    What is suggested then depends on the earlier trials, the seed and the number, not on how often the process was
    started: a study that goes on after an interruption suggests what it would have suggested without it.

    Args:
        make_sampler: Called with `seed=`; a class such as `optuna.samplers.TPESampler`, or a `partial` of one.
        seed: 0 or more.
    """

    def __init__(self, make_sampler: MakeSampler, seed: int) -> None:
        self.make_sampler, self.seed = make_sampler, seed
        self.sampler = self._sampler_of(0)

    def _sampler_of(self, number: int) -> BaseSampler:
        return self.make_sampler(seed=seed_of_trial(self.seed, number))

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Make the sampler of this trial. Trials that got lost are not counted: another one takes their place."""
        earlier = study.get_trials(deepcopy=False)[: trial.number]
        n_lost = sum(other.state == TrialState.FAIL and not counts(other) for other in earlier)
        self.sampler = self._sampler_of(trial.number - n_lost)
        self.sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Ask this trial's sampler."""
        return self.sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Ask this trial's sampler."""
        return self.sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Ask this trial's sampler."""
        return self.sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Tell this trial's sampler."""
        self.sampler.after_trial(study, trial, state, values)


def seed_of_trial(seed: int, number: int) -> int:
    """Derive a seed for one trial; other base seeds and other numbers give unrelated ones."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
