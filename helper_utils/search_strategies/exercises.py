"""Exercises of the lesson 13_search_strategies."""

import itertools
import math
import statistics

import numpy as np
import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer

# --------------------------------------------------------------------------------- search_strategies.chance_of_a_hit


def chance_of_a_hit(n_trials: int, share: float) -> float:
    """Return the probability that random trials hit the best share at least once.

    share: the part of the search space that is good enough, from 0 to 1. The trials are
    independent, and each is drawn evenly from the space.
    """
    return 1 - (1 - share) ** n_trials


def chance_by_first_hits(n_trials, share):
    """Chance by first hits."""
    return math.fsum(share * (1 - share) ** i for i in range(n_trials))


def chance_in_a_loop(n_trials, share):
    """Chance in a loop."""
    missed = 1.0
    for _ in range(n_trials):
        missed *= 1 - share
    return 1 - missed


def chance_of_missing(n_trials, share):
    """Chance of missing."""
    return (1 - share) ** n_trials


def expected_number_of_hits(n_trials, share):
    """Expected number of hits."""
    return n_trials * share


def chance_limited_to_one(n_trials, share):
    """Chance limited to one."""
    return min(1.0, n_trials * share)


def chance_that_all_hit(n_trials, share):
    """Chance that all hit."""
    return share**n_trials


def chance_that_not_all_hit(n_trials, share):
    """Chance that not all hit."""
    return 1 - share**n_trials


def chance_of_exactly_one_hit(n_trials, share):
    """Chance of exactly one hit."""
    return n_trials * share * (1 - share) ** max(n_trials - 1, 0)


def chance_of_one_trial(n_trials, share):  # noqa: ARG001
    """Chance of one trial."""
    return share


CHANCE_OF_A_HIT = Exercise(
    name="search_strategies.chance_of_a_hit",
    difficulty=1,
    answer=chance_of_a_hit,
    right_answers=[chance_by_first_hits, chance_in_a_loop],
    cases=[(2, 0.5), (60, 0.05), (1, 0.3), (0, 0.2), (3, 0.4)],
    wrong_answers=[
        WrongAnswer(chance_of_missing, "That is the probability that all trials miss. You want its complement."),
        WrongAnswer(
            expected_number_of_hits, "That is the mean number of hits, which can be above 1. You want a chance."
        ),
        WrongAnswer(
            chance_limited_to_one, "Hits may coincide, so their probabilities do not add up. Start from the misses."
        ),
        WrongAnswer(chance_that_all_hit, "That asks every trial to hit. One hit is enough."),
        WrongAnswer(
            chance_that_not_all_hit, "That counts the cases in which a trial misses. Count those in which one hits."
        ),
        WrongAnswer(
            chance_of_exactly_one_hit, "Two hits or more are fine too. Count all cases but the one without a hit."
        ),
        WrongAnswer(chance_of_one_trial, "Your result does not depend on n_trials. More trials hit more often."),
    ],
    hints=[
        "A trial misses with probability 1 - share. Find the probability that all of them miss.",
        "All n_trials miss with probability (1 - share) ** n_trials; return one minus that.",
    ],
    praise="It says how many random trials to pay for before the search begins.",
)

# ------------------------------------------------------------------------------------- search_strategies.best_so_far


def best_so_far(scores: list[float]) -> list[float]:
    """Return the best score up to each trial, one entry for each trial.

    Higher scores are better. A score that is nan belongs to a trial that failed: it
    never counts as the best. Before the first finite score the entry is -inf.
    """
    best, so_far = -math.inf, []
    for score in scores:
        if score > best:  # never true for nan
            best = score
        so_far.append(best)
    return so_far


def best_by_accumulate(scores):
    """Best by accumulate."""
    cleaned = [-math.inf if math.isnan(score) else score for score in scores]
    return list(itertools.accumulate(cleaned, max))


def best_with_numpy(scores):
    """Best with numpy."""
    return np.fmax.accumulate(np.array([-np.inf, *scores]))[1:].tolist()


def lowest_so_far(scores):
    """Lowest so far."""
    best, so_far = math.inf, []
    for score in scores:
        if score < best:
            best = score
        so_far.append(best)
    return so_far


def best_of_all_everywhere(scores):
    """Best of all everywhere."""
    best = max([score for score in scores if not math.isnan(score)], default=-math.inf)
    return [best] * len(scores)


def best_before_each_trial(scores):
    """Best before each trial."""
    return [-math.inf, *best_so_far(scores)[:-1]] if scores else []


def starts_at_zero(scores):
    """Starts at zero."""
    best, so_far = 0.0, []
    for score in scores:
        if score > best:
            best = score
        so_far.append(best)
    return so_far


def nan_taken_along(scores):
    """Nan taken along."""
    return np.maximum.accumulate(np.array(scores)).tolist()


def nan_at_the_start(scores):
    """Nan at the start."""
    return np.fmax.accumulate(np.array(scores)).tolist()


def only_the_last_best(scores):
    """Only the last best."""
    return best_so_far(scores)[-1:]


def failed_trials_left_out(scores):
    """Failed trials left out."""
    return best_so_far([score for score in scores if not math.isnan(score)])


BEST_SO_FAR = Exercise(
    name="search_strategies.best_so_far",
    difficulty=1,
    answer=best_so_far,
    right_answers=[best_by_accumulate, best_with_numpy],
    cases=[
        ([0.2, 0.5, 0.1, 0.7],),
        ([-3.0, -1.0, -2.0],),
        ([math.nan, 0.3, math.nan, 0.2],),
        ([0.5, 0.5],),
    ],
    wrong_answers=[
        WrongAnswer(lowest_so_far, "You keep the lowest score. Here higher scores are better."),
        WrongAnswer(best_of_all_everywhere, "A trial cannot know the later scores: look only at those up to it."),
        WrongAnswer(best_before_each_trial, "Your list is one trial late. A trial's own score counts for its entry."),
        WrongAnswer(starts_at_zero, "Scores may be negative, so start at -inf and not at 0."),
        WrongAnswer(nan_taken_along, "One failed trial turns all later entries into nan. Skip it."),
        WrongAnswer(nan_at_the_start, "Before the first finite score the entry is -inf, not nan."),
        WrongAnswer(only_the_last_best, "Return one entry for each trial, not the last one only."),
        WrongAnswer(failed_trials_left_out, "A failed trial keeps its place in the list: it repeats the best so far."),
    ],
    hints=[
        "Go through the scores and remember the best one.",
        "nan > best is always false, so a plain comparison skips the failed trials.",
    ],
    praise="This is the curve that searches are compared by.",
)

# -------------------------------------------------------------------------------------- search_strategies.posterior


def posterior(
    kernel: np.ndarray,
    cross: np.ndarray,
    values: np.ndarray,
    noise: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of a Gaussian process at M new points.

    kernel: covariances of the N tried points, shape (N, N). cross: of each new point
    with each tried one, shape (M, N). values: the scores of the tried points, shape
    (N,), around 0. noise: the variance of a score. The variance of the function is 1
    everywhere before any score is known.
    """
    solved = np.linalg.solve(kernel + noise * np.eye(len(values)), cross.T)  # (N, M)
    mean = solved.T @ values
    variance = 1 - (cross.T * solved).sum(axis=0)
    return mean, np.sqrt(variance.clip(0))


def posterior_by_the_inverse(kernel, cross, values, noise):
    """Posterior by the inverse."""
    inverse = np.linalg.inv(kernel + np.diag(np.full(len(values), noise)))
    variance = 1 - np.einsum("mn,nk,mk->m", cross, inverse, cross)
    return cross @ inverse @ values, np.maximum(variance, 0) ** 0.5


def posterior_by_cholesky(kernel, cross, values, noise):
    """Posterior by cholesky."""
    root = np.linalg.cholesky(kernel + noise * np.identity(len(values)))
    half = np.linalg.solve(root, cross.T)
    mean = half.T @ np.linalg.solve(root, values)
    return mean, np.sqrt(np.maximum(1 - (half**2).sum(axis=0), 0))


def _solved(kernel, cross, values, noise):  # noqa: ARG001
    return np.linalg.solve(kernel + noise * np.eye(len(kernel)), cross.T)


def noise_forgotten(kernel, cross, values, noise):
    """Noise forgotten."""
    return posterior(kernel, cross, values, 0 * noise + 1e-9)


def noise_as_a_standard_deviation(kernel, cross, values, noise):
    """Noise as a standard deviation."""
    return posterior(kernel, cross, values, noise**2)


def noise_on_every_entry(kernel, cross, values, noise):
    """Noise on every entry."""
    return posterior(kernel + noise, cross, values, 1e-9)


def variance_for_the_deviation(kernel, cross, values, noise):
    """Variance for the deviation."""
    mean, std = posterior(kernel, cross, values, noise)
    return mean, std**2


def what_the_scores_explain(kernel, cross, values, noise):
    """What the scores explain."""
    solved = _solved(kernel, cross, values, noise)
    return solved.T @ values, np.sqrt((cross.T * solved).sum(axis=0).clip(0))


def weights_without_the_inverse(kernel, cross, values, noise):
    """Weights without the inverse."""
    return cross @ values, posterior(kernel, cross, values, noise)[1]


def deviation_with_the_noise(kernel, cross, values, noise):
    """Deviation with the noise."""
    mean, std = posterior(kernel, cross, values, noise)
    return mean, np.sqrt(std**2 + noise)


def deviation_of_the_prior(kernel, cross, values, noise):
    """Deviation of the prior."""
    return posterior(kernel, cross, values, noise)[0], np.ones(len(cross))


def _covariance(a, b):
    return np.exp(-0.5 * (np.array(a)[:, None] - np.array(b)) ** 2)


_TRIED = [0.0, 1.0, 2.5]

POSTERIOR = Exercise(
    name="search_strategies.posterior",
    difficulty=3,
    answer=posterior,
    right_answers=[posterior_by_the_inverse, posterior_by_cholesky],
    cases=[
        (np.array([[1.0]]), np.array([[0.5]]), np.array([2.0]), 0.25),
        (_covariance(_TRIED, _TRIED), _covariance([0.5, 1.8], _TRIED), np.array([1.0, -0.5, 0.3]), 0.1),
        (_covariance(_TRIED, _TRIED), _covariance([4.0], _TRIED), np.array([0.2, 0.4, -1.0]), 0.01),
    ],
    wrong_answers=[
        WrongAnswer(noise_forgotten, "You leave out the noise. Add it to the diagonal of the kernel matrix."),
        WrongAnswer(noise_as_a_standard_deviation, "`noise` is a variance already. Do not square it."),
        WrongAnswer(noise_on_every_entry, "Noise of different trials is independent: add it on the diagonal only."),
        WrongAnswer(variance_for_the_deviation, "You return the variance. Take its square root."),
        WrongAnswer(what_the_scores_explain, "That is the part of the variance that is gone. Subtract it from 1."),
        WrongAnswer(
            weights_without_the_inverse, "Your mean counts neighbouring trials twice. Solve with the matrix first."
        ),
        WrongAnswer(
            deviation_with_the_noise,
            "That is the deviation of a new score. Return that of the function itself.",
        ),
        WrongAnswer(deviation_of_the_prior, "Your deviation ignores the trials. Near a trial it must be small."),
    ],
    hints=[
        "With A = kernel + noise on its diagonal, the mean is cross @ (A^-1 @ values).",
        "The variance at new point m is 1 - cross[m] @ A^-1 @ cross[m].",
        "np.linalg.solve(A, cross.T) gives A^-1 @ cross.T for all new points at once, shape (N, M).",
    ],
    praise="These lines are a whole Gaussian process: the model behind Bayesian optimisation.",
)

# ---------------------------------------------------------------------------------- search_strategies.improvement


def improvement(mean: float, std: float, best: float) -> float:
    """Return the expected improvement of a normal value over the best one (maximising).

    The value has this mean and this std (at least 0). It improves by value - best if it
    is higher than best, and by 0 if it is not. statistics.NormalDist() has cdf and pdf.
    """
    if std == 0:
        return max(mean - best, 0.0)
    z = (mean - best) / std
    normal = statistics.NormalDist()
    return (mean - best) * normal.cdf(z) + std * normal.pdf(z)


def improvement_by_erf(mean, std, best):
    """Improvement by erf."""
    gain = mean - best
    if std <= 0:
        return gain if gain > 0 else 0.0
    z = gain / std
    below = 0.5 * (1 + math.erf(z / math.sqrt(2)))
    return gain * below + std * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def improvement_in_units_of_std(mean, std, best):
    """Improvement in units of std."""
    if not std:
        return float(max(0, mean - best))
    unit = statistics.NormalDist()
    z = (best - mean) / std
    return std * (unit.pdf(z) - z * (1 - unit.cdf(z)))


def improvement_without_uncertainty(mean, std, best):  # noqa: ARG001
    """Improvement without uncertainty."""
    return max(mean - best, 0.0)


def improvement_for_minimising(mean, std, best):
    """Improvement for minimising."""
    return improvement(-mean, std, -best)


def probability_of_improvement(mean, std, best):
    """Probability of improvement."""
    return statistics.NormalDist(mean, std).cdf(2 * mean - best) if std else float(mean > best)


def losses_counted_too(mean, std, best):  # noqa: ARG001
    """Losses counted too."""
    return mean - best


def density_term_forgotten(mean, std, best):
    """Density term forgotten."""
    if std == 0:
        return max(mean - best, 0.0)
    return (mean - best) * statistics.NormalDist().cdf((mean - best) / std)


def density_without_std(mean, std, best):
    """Density without std."""
    if std == 0:
        return max(mean - best, 0.0)
    z, normal = (mean - best) / std, statistics.NormalDist()
    return (mean - best) * normal.cdf(z) + normal.pdf(z)


def density_of_the_value(mean, std, best):
    """Density of the value."""
    if std == 0:
        return max(mean - best, 0.0)
    z = (mean - best) / std
    return (mean - best) * statistics.NormalDist().cdf(z) + std * statistics.NormalDist(mean, std).pdf(z)


def loss_counted_at_zero_std(mean, std, best):
    """Loss counted at zero std."""
    return improvement(mean, std, best) if std else mean - best


def gain_not_divided(mean, std, best):
    """Gain not divided."""
    z, normal = mean - best, statistics.NormalDist()
    return z * normal.cdf(z) + std * normal.pdf(z) if std else max(z, 0.0)


def upper_confidence_bound(mean, std, best):
    """Upper confidence bound."""
    return max(mean + 2 * std - best, 0.0)


def nothing_without_uncertainty(mean, std, best):
    """Nothing without uncertainty."""
    return improvement(mean, std, best) if std else 0.0


IMPROVEMENT = Exercise(
    name="search_strategies.improvement",
    difficulty=2,
    answer=improvement,
    right_answers=[improvement_by_erf, improvement_in_units_of_std],
    cases=[(1.0, 1.0, 1.0), (0.5, 2.0, 1.0), (3.0, 0.5, 1.0), (2.0, 0.0, 1.5), (1.0, 0.0, 2.0)],
    wrong_answers=[
        WrongAnswer(
            improvement_without_uncertainty,
            "You take the mean for the value. A value with the mean of `best` improves in half of the cases.",
        ),
        WrongAnswer(improvement_for_minimising, "You count values below `best`. Here higher is better."),
        WrongAnswer(probability_of_improvement, "That is how often the value improves. Weigh it by how much."),
        WrongAnswer(losses_counted_too, "A value below `best` counts 0, not a loss. The mean must be at least 0."),
        WrongAnswer(density_term_forgotten, "The term with the density is missing: std times pdf(z)."),
        WrongAnswer(density_without_std, "The density's term has the unit of the values: multiply pdf(z) by std."),
        WrongAnswer(density_of_the_value, "z is in standard units, so take NormalDist() without mean and std."),
        WrongAnswer(loss_counted_at_zero_std, "With std = 0 a mean below `best` improves by 0, not by less than 0."),
        WrongAnswer(gain_not_divided, "z is a number of standard deviations: divide mean - best by std."),
        WrongAnswer(upper_confidence_bound, "That is an optimistic bound, another rule. Take the mean of the gains."),
        WrongAnswer(
            nothing_without_uncertainty, "With std = 0 the value is known. Its improvement is max(mean - best, 0)."
        ),
    ],
    hints=[
        "With z = (mean - best) / std there are two terms: one with cdf(z), one with pdf(z).",
        "(mean - best) * cdf(z) + std * pdf(z); treat std == 0 separately.",
    ],
    praise="It weighs a high mean against a high uncertainty, in the unit of the score.",
)

# -------------------------------------------------------------------------------------------- search_strategies.halve


def halve(curves: np.ndarray, epochs: list[int], eta: int) -> tuple[int, int]:
    """Return the winner's row and the epochs trained by successive halving.

    curves: score of each configuration after each epoch, shape (N, E); curves[i, 0] is
    after the first epoch. At each entry of epochs, all that are left are trained up to
    it, from where they stopped. Then 1/eta of them stay (rounded down, at least one):
    those with the best scores after exactly that epoch. The winner is the best, after
    the last entry's epoch, of those that reach it.
    """
    alive, trained, cost, winner = list(range(len(curves))), 0, 0, 0
    for n_epochs in epochs:
        cost += len(alive) * (n_epochs - trained)
        trained = n_epochs
        alive.sort(key=lambda i: curves[i, n_epochs - 1], reverse=True)
        winner = alive[0]
        alive = alive[: max(1, len(alive) // eta)]
    return winner, cost


def halve_with_argsort(curves, epochs, eta):
    """Halve with argsort."""
    alive, cost, before = np.arange(len(curves)), 0, 0
    winner = 0
    for now in epochs:
        order = alive[np.argsort(-curves[alive, now - 1])]
        cost += len(alive) * (now - before)
        winner, alive, before = order[0], order[: max(len(order) // eta, 1)], now
    return int(winner), int(cost)


def halve_by_counting_first(curves, epochs, eta):
    """Halve by counting first."""
    counts = [len(curves)]
    for _ in epochs[1:]:
        counts.append(max(1, counts[-1] // eta))
    steps = np.diff([0, *epochs])
    alive = list(range(len(curves)))
    for count, now in zip(counts, epochs, strict=True):
        alive = alive[:count]
        alive = sorted(alive, key=lambda i: -curves[i, now - 1])
    return alive[0], int(np.dot(counts, steps))


def _halving(curves, epochs, eta, *, keep=None, cost_of=None, score=None):
    alive, trained, cost, winner = list(range(len(curves))), 0, 0, 0
    for n_epochs in epochs:
        cost += len(alive) * (cost_of(n_epochs, trained) if cost_of else n_epochs - trained)
        trained = n_epochs
        place = score(n_epochs) if score else n_epochs - 1
        alive.sort(key=lambda i: curves[i, place], reverse=True)
        winner = alive[0]
        alive = keep(alive) if keep else alive[: max(1, len(alive) // eta)]
    return winner, cost


def trained_from_the_start_again(curves, epochs, eta):
    """Trained from the start again."""
    return _halving(curves, epochs, eta, cost_of=lambda now, before: now)  # noqa: ARG005


def worst_ones_kept(curves, epochs, eta):
    """Worst ones kept."""
    return halve(-curves, epochs, eta)


def all_but_one_eta_kept(curves, epochs, eta):
    """All but one eta kept."""
    return _halving(curves, epochs, eta, keep=lambda alive: alive[: max(1, len(alive) - len(alive) // eta)])


def last_epoch_looked_at(curves, epochs, eta):
    """Last epoch looked at."""
    return _halving(curves, epochs, eta, score=lambda now: -1)  # noqa: ARG005


def one_epoch_late(curves, epochs, eta):
    """One epoch late."""
    return _halving(curves, epochs, eta, score=lambda now: min(now, curves.shape[1] - 1))


def best_epoch_so_far(curves, epochs, eta):
    """Best epoch so far."""
    return halve(np.maximum.accumulate(curves, axis=1), epochs, eta)


def positions_for_rows(curves, epochs, eta):
    """Positions for rows."""
    alive, trained, cost, winner = np.arange(len(curves)), 0, 0, 0
    for n_epochs in epochs:
        cost += len(alive) * (n_epochs - trained)
        trained = n_epochs
        order = np.argsort(-curves[alive, n_epochs - 1])
        winner, alive = order[0], order[: max(1, len(order) // eta)]
    return int(winner), int(cost)


def rounded_up(curves, epochs, eta):
    """Rounded up."""
    return _halving(curves, epochs, eta, keep=lambda alive: alive[: math.ceil(len(alive) / eta)])


def nobody_left(curves, epochs, eta):
    """Nobody left."""
    alive, trained, cost, winner = list(range(len(curves))), 0, 0, 0
    for n_epochs in epochs:
        if not alive:
            break
        cost += len(alive) * (n_epochs - trained)
        trained = n_epochs
        alive.sort(key=lambda i: curves[i, n_epochs - 1], reverse=True)
        winner = alive[0]
        alive = alive[: len(alive) // eta]
    return winner, cost


def all_trained_to_the_end(curves, epochs, eta):
    """All trained to the end."""
    return halve(curves, epochs, eta)[0], len(curves) * epochs[-1]


def nobody_dropped(curves, epochs, eta):  # noqa: ARG001
    """Nobody dropped."""
    return int(curves[:, epochs[-1] - 1].argmax()), len(curves) * epochs[-1]


def eta_kept(curves, epochs, eta):
    """Eta kept."""
    return _halving(curves, epochs, eta, keep=lambda alive: alive[:eta])


_CROSSING = np.array(
    [
        [0.30, 0.35, 0.40, 0.41],
        [0.50, 0.52, 0.53, 0.54],
        [0.45, 0.60, 0.62, 0.61],
        [0.20, 0.50, 0.80, 0.90],
        [0.10, 0.10, 0.10, 0.20],
        [0.40, 0.41, 0.63, 0.66],
    ]
)

_FALLING = np.array(
    [
        [0.10, 0.20, 0.25, 0.30],
        [0.90, 0.15, 0.26, 0.31],
        [0.30, 0.40, 0.70, 0.72],
        [0.80, 0.35, 0.72, 0.60],
        [0.20, 0.50, 0.60, 0.65],
    ]
)

HALVE = Exercise(
    name="search_strategies.halve",
    difficulty=3,
    answer=halve,
    right_answers=[halve_with_argsort, halve_by_counting_first],
    cases=[
        (_CROSSING[:4], [1, 2, 4], 2),
        (_CROSSING, [1, 4], 3),
        (_CROSSING, [2, 3, 4], 2),
        (_CROSSING[:2], [1, 2, 3], 3),
        (_CROSSING[[0, 4, 1, 2, 5, 3]], [1, 2, 3], 2),
        (_FALLING, [2, 3], 2),
        (_FALLING[:, ::-1], [1, 2, 4], 2),
    ],
    wrong_answers=[
        WrongAnswer(
            trained_from_the_start_again,
            "A configuration goes on where it stopped: count only the epochs since then.",
        ),
        WrongAnswer(worst_ones_kept, "You keep the configurations with the lowest scores. Sort the other way round."),
        WrongAnswer(all_but_one_eta_kept, "You drop one in eta. Keep one in eta, and drop the others."),
        WrongAnswer(last_epoch_looked_at, "You choose by the last epoch, which nobody has trained yet at that time."),
        WrongAnswer(one_epoch_late, "The score after n epochs stands at index n - 1."),
        WrongAnswer(best_epoch_so_far, "Compare the scores after exactly that epoch, not the best ones so far."),
        WrongAnswer(positions_for_rows, "argsort returns positions among those left. Look up their rows."),
        WrongAnswer(rounded_up, "Round down: of five with eta = 2, two stay."),
        WrongAnswer(nobody_left, "At least one configuration stays, also where len(alive) // eta is 0."),
        WrongAnswer(all_trained_to_the_end, "The winner is right, but dropped configurations cost no more epochs."),
        WrongAnswer(nobody_dropped, "That is the full search: nothing is dropped on the way."),
        WrongAnswer(eta_kept, "Keep len(alive) // eta configurations, not eta of them."),
    ],
    hints=[
        "Keep a list of the rows that are left. For each entry of epochs, sort it by curves[i, n_epochs - 1].",
        "Each rung costs len(alive) * (n_epochs - trained), with trained the entry before (0 at first).",
        "Keep alive[: max(1, len(alive) // eta)]; the winner is the first of the last sorted list.",
    ],
    praise="It spends most epochs on the configurations that look best.",
)

# ----------------------------------------------------------------------------------- search_strategies.should_stop


def should_stop(curve: list[float], earlier: list[list[float]]) -> bool:
    """Say whether the median rule stops a trial after len(curve) epochs.

    curve: the trial's scores so far, higher is better; there is at least one. earlier:
    the curves of earlier trials; a curve that was stopped before this epoch does not
    count. Stop if the trial's best score so far is below the median of the scores that
    the others had after the same epoch. If no curve counts, do not stop.
    """
    n_epochs = len(curve)
    others = [scores[n_epochs - 1] for scores in earlier if len(scores) >= n_epochs]
    return bool(others) and max(curve) < statistics.median(others)


def stop_by_numpy(curve, earlier):
    """Stop by numpy."""
    at = [e[len(curve) - 1] for e in earlier if len(e) > len(curve) - 1]
    return bool(len(at) > 0 and np.max(curve) < np.median(at))


def stop_step_by_step(curve, earlier):
    """Stop step by step."""
    place, others = len(curve) - 1, []
    for scores in earlier:
        if place < len(scores):
            others.append(scores[place])
    if not others:
        return False
    return statistics.median(others) > sorted(curve)[-1]


def last_score_only(curve, earlier):
    """Last score only."""
    others = [e[len(curve) - 1] for e in earlier if len(e) >= len(curve)]
    return bool(others) and curve[-1] < statistics.median(others)


def below_the_mean(curve, earlier):
    """Below the mean."""
    others = [e[len(curve) - 1] for e in earlier if len(e) >= len(curve)]
    return bool(others) and max(curve) < statistics.mean(others)


def final_scores_of_the_others(curve, earlier):
    """Final scores of the others."""
    others = [e[-1] for e in earlier if len(e) >= len(curve)]
    return bool(others) and max(curve) < statistics.median(others)


def stops_what_is_above(curve, earlier):
    """Stops what is above."""
    others = [e[len(curve) - 1] for e in earlier if len(e) >= len(curve)]
    return bool(others) and max(curve) > statistics.median(others)


def stops_without_others(curve, earlier):
    """Stops without others."""
    others = [e[len(curve) - 1] for e in earlier if len(e) >= len(curve)]
    return not others or max(curve) < statistics.median(others)


def stopped_curves_count(curve, earlier):
    """Stopped curves count."""
    others = [e[min(len(curve), len(e)) - 1] for e in earlier]
    return bool(others) and max(curve) < statistics.median(others)


def below_the_best(curve, earlier):
    """Below the best."""
    others = [e[len(curve) - 1] for e in earlier if len(e) >= len(curve)]
    return bool(others) and max(curve) < max(others)


def best_of_the_others_so_far(curve, earlier):
    """Best of the others so far."""
    others = [max(e[: len(curve)]) for e in earlier if len(e) >= len(curve)]
    return bool(others) and max(curve) < statistics.median(others)


def a_tie_stops(curve, earlier):
    """A tie stops."""
    others = [e[len(curve) - 1] for e in earlier if len(e) >= len(curve)]
    return bool(others) and max(curve) <= statistics.median(others)


SHOULD_STOP = Exercise(
    name="search_strategies.should_stop",
    difficulty=2,
    answer=should_stop,
    right_answers=[stop_by_numpy, stop_step_by_step],
    cases=[
        ([0.2], [[0.5, 0.6], [0.4, 0.5], [0.3, 0.4]]),
        ([0.6], [[0.5, 0.6], [0.4, 0.5], [0.3, 0.4]]),
        ([0.45, 0.2], [[0.5, 0.6], [0.4, 0.4], [0.3, 0.4]]),
        ([0.35], [[0.9, 0.9], [0.3, 0.4], [0.2, 0.2]]),
        ([0.45], [[0.3, 0.9], [0.4, 0.8], [0.5, 0.7]]),
        ([0.5, 0.5], [[0.9], [0.8]]),
        ([0.2, 0.45], [[0.6, 0.4], [0.6, 0.4], [0.6, 0.3]]),
        ([0.1, 0.5], [[0.9], [0.8], [0.3, 0.45]]),
        ([0.4], [[0.4, 0.5]]),
        ([0.4], []),
    ],
    wrong_answers=[
        WrongAnswer(last_score_only, "One bad epoch is forgiven: compare the trial's best score so far."),
        WrongAnswer(below_the_mean, "One very good trial pulls the mean up. Compare with the median."),
        WrongAnswer(final_scores_of_the_others, "Compare with the scores that the others had after the same epoch."),
        WrongAnswer(stops_what_is_above, "You stop the good trials. Stop what is below the median."),
        WrongAnswer(stops_without_others, "If no other curve is long enough, there is no median: do not stop."),
        WrongAnswer(stopped_curves_count, "A curve that ended before this epoch has no score to compare with."),
        WrongAnswer(below_the_best, "Only a new record would survive your rule. Compare with the median."),
        WrongAnswer(
            best_of_the_others_so_far,
            "Of the others take the score after this very epoch. Only of this trial take the best so far.",
        ),
        WrongAnswer(a_tie_stops, "A trial at the median goes on: stop only below it."),
    ],
    hints=[
        "Collect scores[len(curve) - 1] of the earlier curves that are long enough.",
        "Return False if there are none; otherwise compare max(curve) with statistics.median of them.",
    ],
    praise="It stops unpromising trials early, and needs no rungs.",
)

# ------------------------------------------------------------------------------------- search_strategies.next_place


def next_place(
    candidates: list[float],
    good: list[float],
    rest: list[float],
    width: float,
) -> float:
    """Return the candidate at which the good trials are densest, relative to the rest.

    The density of some places at x is the mean of bell curves around them, with the
    standard deviation width, and of a flat density of 1: with N places, (sum of N
    statistics.NormalDist(place, width).pdf(x), plus 1) / (N + 1). Return the candidate
    with the largest ratio of the good places' density to the rest's.
    """

    def density(x, places):
        bells = [statistics.NormalDist(place, width).pdf(x) for place in places]
        return (sum(bells) + 1) / (len(places) + 1)

    return max(candidates, key=lambda x: density(x, good) / density(x, rest))


def next_place_with_arrays(candidates, good, rest, width):
    """Next place with arrays."""
    x = np.array(candidates)[:, None]

    def density(places):
        bells = np.exp(-(((x - np.array(places)) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))
        return (bells.sum(axis=1) + 1) / (bells.shape[1] + 1)

    return float(candidates[int(np.argmax(density(good) / density(rest)))])


def next_place_by_logarithms(candidates, good, rest, width):
    """Next place by logarithms."""
    best, best_ratio = candidates[0], -math.inf
    for x in candidates:
        above = 1 + math.fsum(statistics.NormalDist(p, width).pdf(x) for p in good)
        below = 1 + math.fsum(statistics.NormalDist(p, width).pdf(x) for p in rest)
        ratio = math.log(above / (len(good) + 1)) - math.log(below / (len(rest) + 1))
        if ratio > best_ratio:
            best, best_ratio = x, ratio
    return best


def _sum(x, places, width):
    return sum(statistics.NormalDist(place, width).pdf(x) for place in places)


def densest_of_the_good(candidates, good, rest, width):  # noqa: ARG001
    """Densest of the good."""
    return max(candidates, key=lambda x: _sum(x, good, width))


def ratio_upside_down(candidates, good, rest, width):
    """Ratio upside down."""
    return min(candidates, key=lambda x: (_sum(x, good, width) + 1) / (_sum(x, rest, width) + 1))


def farthest_from_the_rest(candidates, good, rest, width):  # noqa: ARG001
    """Farthest from the rest."""
    return min(candidates, key=lambda x: _sum(x, rest, width))


def without_the_flat_density(candidates, good, rest, width):
    """Without the flat density."""
    return max(candidates, key=lambda x: _sum(x, good, width) / (_sum(x, rest, width) + 1e-300))


def width_as_a_variance(candidates, good, rest, width):
    """Width as a variance."""
    return next_place(candidates, good, rest, math.sqrt(width))


def parentheses_forgotten(candidates, good, rest, width):
    """Parentheses forgotten."""
    return max(
        candidates,
        key=lambda x: (_sum(x, good, width) + 1 / (len(good) + 1)) / (_sum(x, rest, width) + 1 / (len(rest) + 1)),
    )


def index_of_the_candidate(candidates, good, rest, width):
    """Index of the candidate."""
    return candidates.index(next_place(candidates, good, rest, width))


def ratio_itself(candidates, good, rest, width):
    """Ratio itself."""

    def ratio(x):
        above, below = _sum(x, good, width) + 1, _sum(x, rest, width) + 1
        return above / (len(good) + 1) / (below / (len(rest) + 1))

    return max(ratio(x) for x in candidates)


NEXT_PLACE = Exercise(
    name="search_strategies.next_place",
    difficulty=2,
    answer=next_place,
    right_answers=[next_place_with_arrays, next_place_by_logarithms],
    cases=[
        ([0.1, 0.5, 0.9], [0.5], [0.1], 0.1),
        ([0.38, 0.5, 0.62], [0.5, 0.6, 0.4], [0.5, 0.45, 0.3], 0.1),
        ([0.0, 0.3, 1.0], [0.3, 0.32], [0.6, 0.65], 0.1),
        ([0.2, 0.35, 0.9], [0.3, 0.35, 0.8], [0.1, 0.2, 0.5, 0.45, 0.7], 0.05),
        ([0.25, 0.5, 0.75, 1.0], [0.5, 0.75], [0.25, 0.5, 0.45, 0.1], 0.15),
        ([0.0, 0.85, 1.0], [0.9], [0.52], 0.1),
        ([0.5, 0.3, 0.6, 0.0, 0.2], [0.72, 0.35, 0.46], [0.98, 0.78, 0.84, 0.56], 0.05),
        ([0.0, 0.6, 0.9, 0.8, 1.0], [0.79, 0.42, 0.26], [0.5, 0.29, 0.76, 0.36], 0.1),
    ],
    wrong_answers=[
        WrongAnswer(densest_of_the_good, "Bad trials may lie there as well. Divide by the density of the rest."),
        WrongAnswer(ratio_upside_down, "You return the least promising candidate. Take the largest ratio."),
        WrongAnswer(farthest_from_the_rest, "Far from the rest is not near the good ones. Use both densities."),
        WrongAnswer(
            without_the_flat_density, "Without the flat density the ratio explodes far away from all trials. Add the 1."
        ),
        WrongAnswer(width_as_a_variance, "`width` is the standard deviation. NormalDist takes it as it is."),
        WrongAnswer(parentheses_forgotten, "Divide the whole sum by N + 1: (bells + 1) / (N + 1)."),
        WrongAnswer(index_of_the_candidate, "Return the candidate itself, not its index."),
        WrongAnswer(ratio_itself, "Return the candidate that has the largest ratio, not the ratio."),
    ],
    hints=[
        "Write a function density(x, places), and use it for good and for rest.",
        "max(candidates, key=lambda x: density(x, good) / density(x, rest)) finds the candidate.",
    ],
    praise="This is one step of TPE, the default sampler of Optuna.",
)

# --------------------------------------------------------------------------------- search_strategies.next_generation


def next_generation(
    points: np.ndarray,
    scores: np.ndarray,
    ranks: np.ndarray,
    from_second: np.ndarray,
    noise: np.ndarray,
) -> np.ndarray:
    """Return the next generation: selection by rank, crossover, mutation.

    points: shape (N, D), in the unit cube; scores: shape (N,), higher is better. ranks:
    shape (M, 2), two parents for each child; rank 0 is the point with the best score.
    Where from_second, shape (M, D), is True, the child has the coordinate of its second
    parent, otherwise that of the first. Then noise, shape (M, D), is added, and what
    leaves the cube is moved back to its border: to 0 or 1.
    """
    ranked = points[np.argsort(-scores)]
    first, second = ranked[ranks[:, 0]], ranked[ranks[:, 1]]
    children = np.where(from_second, second, first)
    return (children + noise).clip(0, 1)


def next_generation_child_by_child(points, scores, ranks, from_second, noise):
    """Next generation child by child."""
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    children = []
    for (a, b), takes, moves in zip(ranks, from_second, noise, strict=True):
        child = points[order[a]].copy()
        child[takes] = points[order[b]][takes]
        children.append(np.minimum(np.maximum(child + moves, 0), 1))
    return np.array(children)


def next_generation_by_arithmetic(points, scores, ranks, from_second, noise):
    """Next generation by arithmetic."""
    best_first = scores.argsort()[::-1]
    a, b = points[best_first[ranks]].swapaxes(0, 1)
    return np.clip(a + from_second * (b - a) + noise, 0.0, 1.0)


def selection_forgotten(points, scores, ranks, from_second, noise):  # noqa: ARG001
    """Selection forgotten."""
    return (np.where(from_second, points[ranks[:, 1]], points[ranks[:, 0]]) + noise).clip(0, 1)


def worst_selected(points, scores, ranks, from_second, noise):
    """Worst selected."""
    return next_generation(points, -scores, ranks, from_second, noise)


def parents_exchanged(points, scores, ranks, from_second, noise):
    """Parents exchanged."""
    return next_generation(points, scores, ranks, ~from_second, noise)


def crossover_forgotten(points, scores, ranks, from_second, noise):
    """Crossover forgotten."""
    return next_generation(points, scores, ranks, np.zeros_like(from_second), noise)


def mutation_forgotten(points, scores, ranks, from_second, noise):
    """Mutation forgotten."""
    return next_generation(points, scores, ranks, from_second, 0 * noise)


def left_outside(points, scores, ranks, from_second, noise):
    """Left outside."""
    ranked = points[np.argsort(-scores)]
    return np.where(from_second, ranked[ranks[:, 1]], ranked[ranks[:, 0]]) + noise


def parents_averaged(points, scores, ranks, from_second, noise):  # noqa: ARG001
    """Parents averaged."""
    ranked = points[np.argsort(-scores)]
    return (ranked[ranks].mean(axis=1) + noise).clip(0, 1)


def wrapped_around(points, scores, ranks, from_second, noise):
    """Wrapped around."""
    return left_outside(points, scores, ranks, from_second, noise) % 1


_POINTS = np.array([[0.1, 0.9], [0.4, 0.3], [0.8, 0.6]])

NEXT_GENERATION = Exercise(
    name="search_strategies.next_generation",
    difficulty=2,
    answer=next_generation,
    right_answers=[next_generation_child_by_child, next_generation_by_arithmetic],
    cases=[
        (
            _POINTS,
            np.array([0.2, 0.9, 0.5]),
            np.array([[0, 1], [1, 2]]),
            np.array([[False, True], [True, False]]),
            np.array([[0.05, -0.02], [0.01, 0.1]]),
        ),
        (
            _POINTS,
            np.array([3.0, 1.0, 2.0]),
            np.array([[0, 0], [1, 0], [0, 2]]),
            np.array([[False, False], [True, True], [False, True]]),
            np.array([[-0.3, 0.3], [0.0, 0.05], [0.1, -0.5]]),
        ),
    ],
    wrong_answers=[
        WrongAnswer(selection_forgotten, "You mutate without selecting: a rank counts from the best score down."),
        WrongAnswer(worst_selected, "Your rank 0 is the worst point. Higher scores are better."),
        WrongAnswer(parents_exchanged, "Where from_second is True, the coordinate is that of the second parent."),
        WrongAnswer(crossover_forgotten, "All coordinates come from the first parent. Use from_second."),
        WrongAnswer(mutation_forgotten, "The noise is missing, so no new coordinate ever appears."),
        WrongAnswer(left_outside, "Some coordinates are outside of the cube. Move them to its border."),
        WrongAnswer(parents_averaged, "You average the parents. Each coordinate comes from one of them."),
        WrongAnswer(wrapped_around, "You let points leave on one side and come in on the other. Stop at the border."),
    ],
    hints=[
        "points[np.argsort(-scores)] has the best point first, so a rank is an index into it.",
        "np.where(from_second, second, first) takes each coordinate from one parent; then add the noise and clip.",
    ],
    praise="Selection, crossover and mutation: this is all that evolves in the figure below.",
)

# ---------------------------------------------------------------------------------------- search_strategies.lr_slope


def lr_slope(
    curvatures: torch.Tensor,
    start: torch.Tensor,
    lr: float,
    n_steps: int,
) -> float:
    """Return the derivative of the last loss with respect to the learning rate.

    The loss is (curvatures * w ** 2).sum() / 2, so its gradient is curvatures * w. The
    descent begins at w = start, and each of the n_steps subtracts lr times the
    gradient. Let autograd go through all steps; leave the tensors that you get
    unchanged.
    """
    rate = torch.tensor(lr, dtype=start.dtype, requires_grad=True)
    w = start
    for _ in range(n_steps):
        w = w - rate * curvatures * w
    loss = (curvatures * w**2).sum() / 2
    return torch.autograd.grad(loss, rate)[0].item()


def slope_by_backward(curvatures, start, lr, n_steps):
    """Slope by backward."""
    rate = torch.full((), lr, dtype=start.dtype).requires_grad_()
    weights = [start.clone()]
    while len(weights) <= n_steps:
        weights.append(weights[-1] * (1 - rate * curvatures))
    (0.5 * curvatures * weights[-1].square()).sum().backward()
    assert rate.grad is not None  # noqa: S101 - for the type checker
    return float(rate.grad)


def slope_in_closed_form(curvatures, start, lr, n_steps):
    """Slope in closed form."""
    factor = 1 - lr * curvatures
    slopes = -n_steps * curvatures**2 * start**2 * factor ** (2 * n_steps - 1)
    return slopes.sum().item()


def _detached_slope(curvatures, start, lr, n_steps):
    rate = torch.tensor(lr, dtype=start.dtype, requires_grad=True)
    w = start
    for _ in range(n_steps):
        w = w.detach() - rate * curvatures * w.detach()
    return torch.autograd.grad((curvatures * w**2).sum() / 2, rate)[0].item()


def only_the_last_step(curvatures, start, lr, n_steps):
    """Only the last step."""
    return _detached_slope(curvatures, start, lr, n_steps)


def gradients_detached(curvatures, start, lr, n_steps):
    """Gradients detached."""
    rate = torch.tensor(lr, dtype=start.dtype, requires_grad=True)
    w = start
    for _ in range(n_steps):
        w = w - rate * curvatures * w.detach()
    return torch.autograd.grad((curvatures * w**2).sum() / 2, rate)[0].item()


def slope_of_one_step(curvatures, start, lr, n_steps):  # noqa: ARG001
    """Slope of one step."""
    return lr_slope(curvatures, start, lr, 1)


def sign_turned(curvatures, start, lr, n_steps):
    """Sign turned."""
    return -lr_slope(curvatures, start, lr, n_steps)


def loss_not_halved(curvatures, start, lr, n_steps):
    """Loss not halved."""
    return 2 * lr_slope(curvatures, start, lr, n_steps)


def loss_instead(curvatures, start, lr, n_steps):
    """Loss instead."""
    w = start * (1 - lr * curvatures) ** n_steps
    return ((curvatures * w**2).sum() / 2).item()


def sum_over_all_steps(curvatures, start, lr, n_steps):
    """Sum over all steps."""
    return sum(lr_slope(curvatures, start, lr, n) for n in range(1, n_steps + 1))


def one_step_too_many(curvatures, start, lr, n_steps):
    """One step too many."""
    return lr_slope(curvatures, start, lr, n_steps + 1)


LR_SLOPE = Exercise(
    name="search_strategies.lr_slope",
    difficulty=3,
    answer=lr_slope,
    right_answers=[slope_by_backward, slope_in_closed_form],
    cases=[
        (torch.tensor([1.0]), torch.tensor([1.0]), 0.5, 1),
        (torch.tensor([1.0, 5.0]), torch.tensor([1.0, -1.0]), 0.1, 3),
        (torch.tensor([2.0, 0.5], dtype=torch.float64), torch.tensor([1.0, 3.0], dtype=torch.float64), 0.3, 6),
    ],
    wrong_answers=[
        WrongAnswer(only_the_last_step, "You detach the weights, so only the last step depends on the rate."),
        WrongAnswer(
            gradients_detached, "Your gradients are detached: they depend on the rate too, through the steps before."
        ),
        WrongAnswer(slope_of_one_step, "Your result does not depend on n_steps. Take all of them."),
        WrongAnswer(sign_turned, "That is the direction in which the loss falls. Return the derivative itself."),
        WrongAnswer(loss_not_halved, "The loss is half of the sum: the factor 1/2 is missing."),
        WrongAnswer(loss_instead, "That is the loss itself. Return its derivative."),
        WrongAnswer(sum_over_all_steps, "You add the slopes of the losses of all steps. Only the last loss counts."),
        WrongAnswer(one_step_too_many, "You take one step more than n_steps."),
    ],
    hints=[
        "Make the rate a tensor with requires_grad=True, and write the steps without in-place operations.",
        "After the loop call torch.autograd.grad(loss, rate)[0].item().",
    ],
    praise="It differentiates a whole training: the idea of gradient-based tuning.",
)

# ---------------------------------------------------------------------------------------- search_strategies.next_lr


def next_lr(
    lr: float,
    hyper_lr: float,
    gradient: list[float],
    last_gradient: list[float],
) -> float:
    """Return the learning rate after a step of hypergradient descent.

    The rate moves by hyper_lr times the scalar product of this gradient and the last
    one: up while they agree, down where they point against each other.
    """
    return lr + hyper_lr * sum(g * h for g, h in zip(gradient, last_gradient, strict=True))


def next_lr_with_numpy(lr, hyper_lr, gradient, last_gradient):
    """Next lr with numpy."""
    return float(lr + hyper_lr * np.dot(gradient, last_gradient))


def next_lr_in_a_loop(lr, hyper_lr, gradient, last_gradient):
    """Next lr in a loop."""
    for i in range(len(gradient)):
        lr += hyper_lr * gradient[i] * last_gradient[i]
    return lr


def rate_falls_while_they_agree(lr, hyper_lr, gradient, last_gradient):
    """Rate falls while they agree."""
    return 2 * lr - next_lr(lr, hyper_lr, gradient, last_gradient)


def square_of_this_gradient(lr, hyper_lr, gradient, last_gradient):  # noqa: ARG001
    """Square of this gradient."""
    return lr + hyper_lr * sum(g * g for g in gradient)


def old_rate_forgotten(lr, hyper_lr, gradient, last_gradient):
    """Old rate forgotten."""
    return next_lr(0.0 * lr, hyper_lr, gradient, last_gradient)


def mean_for_the_sum(lr, hyper_lr, gradient, last_gradient):
    """Mean for the sum."""
    return lr + hyper_lr * statistics.mean(g * h for g, h in zip(gradient, last_gradient, strict=True))


def factor_for_a_sum(lr, hyper_lr, gradient, last_gradient):
    """Factor for a sum."""
    return lr * (1 + hyper_lr * sum(g * h for g, h in zip(gradient, last_gradient, strict=True)))


def cosine_instead(lr, hyper_lr, gradient, last_gradient):
    """Cosine instead."""
    lengths = math.hypot(*gradient) * math.hypot(*last_gradient)
    return lr + hyper_lr * sum(g * h for g, h in zip(gradient, last_gradient, strict=True)) / (lengths or 1)


def never_down(lr, hyper_lr, gradient, last_gradient):
    """Never down."""
    return max(lr, next_lr(lr, hyper_lr, gradient, last_gradient))


NEXT_LR = Exercise(
    name="search_strategies.next_lr",
    difficulty=1,
    answer=next_lr,
    right_answers=[next_lr_with_numpy, next_lr_in_a_loop],
    cases=[
        (0.1, 0.01, [1.0, 2.0], [3.0, 1.0]),
        (0.1, 0.01, [1.0, -2.0], [1.0, 2.0]),
        (0.5, 0.1, [0.0, 0.0], [1.0, 1.0]),
    ],
    wrong_answers=[
        WrongAnswer(rate_falls_while_they_agree, "Your rate falls while the gradients agree. It should grow then."),
        WrongAnswer(square_of_this_gradient, "Multiply this gradient by the last one, not by itself."),
        WrongAnswer(old_rate_forgotten, "The product changes the rate. Add it to the old one."),
        WrongAnswer(mean_for_the_sum, "A scalar product is a sum over all entries, not a mean."),
        WrongAnswer(factor_for_a_sum, "The rule adds to the rate. It does not multiply the rate by a factor."),
        WrongAnswer(cosine_instead, "Do not divide by the lengths: long gradients change the rate more."),
        WrongAnswer(never_down, "If the gradients point against each other the rate falls. Let it."),
    ],
    hints=[
        "The scalar product is the sum of g * h over pairs of entries.",
        "Return lr + hyper_lr * that sum.",
    ],
    praise="A rate that tunes itself during the training, at the price of a new hyperparameter.",
)

EXERCISES = [
    CHANCE_OF_A_HIT,
    BEST_SO_FAR,
    POSTERIOR,
    IMPROVEMENT,
    HALVE,
    NEXT_PLACE,
    SHOULD_STOP,
    NEXT_GENERATION,
    LR_SLOPE,
    NEXT_LR,
]
