"""Exercises of the lesson 09_regularization."""

import math
import statistics

import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer

# ---------------------------------------------------------------------------- regularization.best_noisy_accuracy


def best_noisy_accuracy(share: float, n_classes: int) -> float:
    """Return the accuracy on noisy labels that a model reaches if it knows all classes.

    The share `share` of the labels was drawn anew from n_classes equally likely
    classes, the right one included. The model predicts the true class of every image.
    """
    return 1 - share + share / n_classes


def one_minus_the_wrong_ones(share, n_classes):
    """One minus the wrong ones."""
    return 1 - share * (n_classes - 1) / n_classes


def kept_or_drawn_right(share, n_classes):
    """Kept or drawn right."""
    kept = 1 - share
    drawn_right = share * (1 / n_classes)
    return kept + drawn_right


def drawn_labels_are_all_wrong(share, n_classes):  # noqa: ARG001
    """Drawn labels are all wrong."""
    return 1 - share


def chance_added_whole(share, n_classes):
    """Chance added whole."""
    return 1 - share + 1 / n_classes


def only_the_drawn_ones(share, n_classes):
    """Only the drawn ones."""
    return share / n_classes


def share_is_the_kept_one(share, n_classes):
    """Share is the kept one."""
    return share + (1 - share) / n_classes


def drawn_from_the_other_classes(share, n_classes):
    """Drawn from the other classes."""
    return 1 - share + share / (n_classes - 1)


def all_labels_are_right(share, n_classes):  # noqa: ARG001
    """All labels are right."""
    return 1.0


def as_a_percentage(share, n_classes):
    """As a percentage."""
    return 100 * best_noisy_accuracy(share, n_classes)


BEST_NOISY_ACCURACY = Exercise(
    name="regularization.best_noisy_accuracy",
    difficulty=1,
    answer=best_noisy_accuracy,
    right_answers=[one_minus_the_wrong_ones, kept_or_drawn_right],
    cases=[(0.5, 2), (0.4, 10), (1.0, 4), (0.0, 3)],
    wrong_answers=[
        WrongAnswer(
            drawn_labels_are_all_wrong,
            "Some labels that were drawn anew are right by chance: one in n_classes of them.",
        ),
        WrongAnswer(
            chance_added_whole, "Only the labels that were drawn anew can be right by chance: share / n_classes of all."
        ),
        WrongAnswer(only_the_drawn_ones, "The labels that were not drawn anew are right as well. Add their share."),
        WrongAnswer(
            share_is_the_kept_one,
            "You treat `share` as the labels that were kept. It is the share that was drawn anew.",
        ),
        WrongAnswer(
            drawn_from_the_other_classes,
            "The right class is one of those that can be drawn, so there are n_classes possibilities.",
        ),
        WrongAnswer(all_labels_are_right, "The model is right, but the labels are not. Count how many agree with it."),
        WrongAnswer(as_a_percentage, "An accuracy is a share, from 0 to 1. Leave out the factor 100."),
    ],
    hints=[
        "A label agrees with the true class if it was kept, or if it was drawn and happens to be right.",
        "The first has the share 1 - share, the second the share share / n_classes.",
    ],
    praise="It says which accuracy on noisy labels is as good as perfect.",
)

# --------------------------------------------------------------------------------- regularization.weight_penalty


def weight_penalty(
    parameters: dict[str, torch.Tensor],
    l1: float,
    l2: float,
) -> torch.Tensor:
    """Return l1 * (sum of |w|) + l2 * (sum of w squared) over the matrices: a tensor.

    parameters: each name with its tensor, as from dict(model.named_parameters()).
    Matrices are the tensors with two or more dimensions; there is at least one. Biases
    and norms have one dimension and are left out. Gradients must reach the weights.
    """
    matrices = [w for w in parameters.values() if w.dim() >= 2]
    penalties = [l1 * w.abs().sum() + l2 * w.square().sum() for w in matrices]
    return torch.stack(penalties).sum()


def penalty_in_a_loop(parameters, l1, l2):
    """Penalty in a loop."""
    total = torch.tensor(0.0)
    for w in parameters.values():
        if w.ndim > 1:
            total = total + l1 * torch.abs(w).sum() + l2 * (w**2).sum()
    return total


def penalty_of_one_long_vector(parameters, l1, l2):
    """Penalty of one long vector."""
    weights = torch.cat([w.flatten() for w in parameters.values() if len(w.shape) >= 2])
    return l1 * weights.norm(1) + l2 * weights @ weights


def _matrices(parameters):
    return torch.cat([w.flatten() for w in parameters.values() if w.dim() >= 2])


def biases_penalised(parameters, l1, l2):
    """Biases penalised."""
    weights = torch.cat([w.flatten() for w in parameters.values()])
    return l1 * weights.abs().sum() + l2 * weights.square().sum()


def means_for_sums(parameters, l1, l2):
    """Means for sums."""
    weights = _matrices(parameters)
    return l1 * weights.abs().mean() + l2 * weights.square().mean()


def squares_halved(parameters, l1, l2):
    """Squares halved."""
    weights = _matrices(parameters)
    return l1 * weights.abs().sum() + l2 / 2 * weights.square().sum()


def signs_left_in(parameters, l1, l2):
    """Signs left in."""
    weights = _matrices(parameters)
    return l1 * weights.sum() + l2 * weights.square().sum()


def norm_without_square(parameters, l1, l2):
    """Norm without square."""
    weights = _matrices(parameters)
    return l1 * weights.abs().sum() + l2 * weights.norm()


def strengths_exchanged(parameters, l1, l2):
    """Strengths exchanged."""
    weights = _matrices(parameters)
    return l2 * weights.abs().sum() + l1 * weights.square().sum()


def last_matrix_only(parameters, l1, l2):
    """Last matrix only."""
    w = [w for w in parameters.values() if w.dim() >= 2][-1]
    return l1 * w.abs().sum() + l2 * w.square().sum()


def square_of_the_sum(parameters, l1, l2):
    """Square of the sum."""
    weights = _matrices(parameters)
    return l1 * weights.abs().sum() + l2 * weights.abs().sum() ** 2


def penalty_as_a_float(parameters, l1, l2):
    """Penalty as a float."""
    weights = _matrices(parameters)
    return (l1 * weights.abs().sum() + l2 * weights.square().sum()).item()


_SMALL_NETWORK = {"0.weight": torch.tensor([[1.0, -2.0], [0.5, 0.0]]), "0.bias": torch.tensor([3.0, -1.0])}
_TWO_LAYERS = {
    "0.weight": torch.tensor([[1.0, -3.0]]),
    "0.bias": torch.tensor([2.0]),
    "1.weight": torch.tensor([2.0]),
    "2.weight": torch.tensor([[-1.0], [0.5], [2.0]]),
}

WEIGHT_PENALTY = Exercise(
    name="regularization.weight_penalty",
    difficulty=2,
    answer=weight_penalty,
    right_answers=[penalty_in_a_loop, penalty_of_one_long_vector],
    cases=[
        (_SMALL_NETWORK, 0.0, 1.0),
        (_SMALL_NETWORK, 1.0, 0.0),
        (_TWO_LAYERS, 0.1, 0.3),
        ({"kernel": torch.tensor([[[[1.0, -1.0], [2.0, 0.0]]]]), "scale": torch.tensor([1.0])}, 0.5, 0.2),
    ],
    wrong_answers=[
        WrongAnswer(
            biases_penalised, "Your penalty includes the tensors with one dimension. Biases and norms stay without it."
        ),
        WrongAnswer(means_for_sums, "You take means over the weights. A penalty is a sum over all of them."),
        WrongAnswer(
            squares_halved,
            "You halve the squares, as some books do. Here the penalty is l2 times the whole sum.",
        ),
        WrongAnswer(signs_left_in, "Negative weights lower your L1 term. Take absolute values before the sum."),
        WrongAnswer(norm_without_square, "That is the norm, the root of the sum of squares. Leave out the root."),
        WrongAnswer(
            strengths_exchanged, "l1 belongs to the absolute values and l2 to the squares; you exchanged them."
        ),
        WrongAnswer(last_matrix_only, "Only the last matrix counts in your sum. Add up all matrices."),
        WrongAnswer(square_of_the_sum, "Square each weight first and add up then; you square the sum."),
        WrongAnswer(
            penalty_as_a_float, "A plain number has no gradient. Return the tensor, without `.item()` or `float`."
        ),
    ],
    hints=[
        "Go through parameters.values() and keep the tensors with w.dim() >= 2.",
        "For each of them add l1 * w.abs().sum() + l2 * w.square().sum().",
    ],
    praise="Added to the loss, this is all that L1 and L2 regularization need.",
)

# --------------------------------------------------------------------------------- regularization.soft_threshold


def soft_threshold(weights: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return the weights, each moved towards 0 by the threshold (at least 0).

    A weight that is not further from 0 than the threshold becomes exactly 0. Leave the
    tensor that you get unchanged.
    """
    return weights.sign() * (weights.abs() - threshold).clamp(min=0)


def softshrink_of_torch(weights, threshold):
    """Softshrink of torch."""
    return torch.nn.functional.softshrink(weights, threshold)


def two_relus(weights, threshold):
    """Two relus."""
    return torch.relu(weights - threshold) - torch.relu(-weights - threshold)


def case_by_case(weights, threshold):
    """Case by case."""
    moved = torch.where(weights > 0, weights - threshold, weights + threshold)
    return torch.where(weights.abs() <= threshold, torch.zeros_like(weights), moved)


def hard_threshold_with_ties(weights, threshold):
    """Hard threshold that keeps a weight exactly at the threshold."""
    return torch.where(weights.abs() < threshold, torch.zeros_like(weights), weights)


def hard_threshold(weights, threshold):
    """Hard threshold."""
    return torch.where(weights.abs() <= threshold, torch.zeros_like(weights), weights)


def moved_past_zero(weights, threshold):
    """Moved past zero."""
    return weights - threshold * weights.sign()


def threshold_with_the_wrong_sign(weights, threshold):
    """Threshold with the wrong sign."""
    return weights.sign() * (weights.abs() + threshold)


def sign_lost(weights, threshold):
    """Sign lost."""
    return (weights.abs() - threshold).clamp(min=0)


def positive_weights_only(weights, threshold):
    """Positive weights only."""
    return (weights - threshold).clamp(min=0)


def clipped_instead(weights, threshold):
    """Clipped instead."""
    return weights.clamp(-threshold, threshold)


def scaled_instead(weights, threshold):
    """Scaled instead."""
    return weights * (1 - threshold)


SOFT_THRESHOLD = Exercise(
    name="regularization.soft_threshold",
    difficulty=1,
    answer=soft_threshold,
    right_answers=[softshrink_of_torch, two_relus, case_by_case],
    cases=[
        (torch.tensor([3.0, -3.0, 0.5]), 1.0),
        (torch.tensor([[0.2, -0.2], [0.1, 0.0]]), 0.1),
        (torch.tensor([1.0, -2.0]), 0.0),
        (torch.tensor([5.0, -4.0, 2.0, -2.0]), 2.0),
    ],
    wrong_answers=[
        WrongAnswer(
            hard_threshold, "Small weights are 0, but the others kept their value. Move them by the threshold as well."
        ),
        WrongAnswer(
            hard_threshold_with_ties,
            "You set small weights to 0 and keep the others. Every weight moves towards 0 by the threshold.",
        ),
        WrongAnswer(
            moved_past_zero,
            "A weight nearer to 0 than the threshold lands on the other side. It must stop at exactly 0.",
        ),
        WrongAnswer(
            threshold_with_the_wrong_sign, "Your weights move away from 0. Subtract the threshold from |w| instead."
        ),
        WrongAnswer(sign_lost, "Negative weights come out positive. Give each weight its sign back."),
        WrongAnswer(positive_weights_only, "All negative weights become 0. They move towards 0 from below."),
        WrongAnswer(
            clipped_instead, "That limits large weights to the threshold. Here every weight moves by the threshold."
        ),
        WrongAnswer(
            scaled_instead, "You multiply each weight, as L2 does. L1 moves every weight by the same distance."
        ),
    ],
    hints=[
        "Subtract the threshold from the absolute value, and cut the result at 0 from below.",
        "Multiply by weights.sign() at the end.",
    ],
    praise="This is the proximal step: it is why the lasso has exact zeros.",
)

# ---------------------------------------------------------------------------------------- regularization.dropout


def dropout(inputs: torch.Tensor, kept: torch.Tensor, p: float) -> torch.Tensor:
    """Return the inputs after dropout in training, as in PyTorch.

    kept: booleans of the same shape, True with probability 1 - p. Values that are not
    kept become 0. The others are scaled so that the expected output is the input.
    """
    return inputs * kept / (1 - p)


def dropout_with_where(inputs, kept, p):
    """Dropout with where."""
    return torch.where(kept, inputs / (1 - p), torch.zeros_like(inputs))


def dropout_with_masked_fill(inputs, kept, p):
    """Dropout with masked fill."""
    return inputs.masked_fill(~kept, 0.0) * (1 / (1 - p))


def scale_forgotten(inputs, kept, p):  # noqa: ARG001
    """Scale forgotten."""
    return inputs * kept


def scaled_by_p(inputs, kept, p):
    """Scaled by p."""
    return inputs * kept / p if p else inputs * kept


def scaled_down(inputs, kept, p):
    """Scaled down."""
    return inputs * kept * (1 - p)


def scaled_twice(inputs, kept, p):
    """Scaled twice."""
    return inputs * kept / (1 - p) ** 2


def dropped_for_kept(inputs, kept, p):
    """Dropped for kept."""
    return inputs * ~kept / (1 - p)


def divided_by_the_share_of_this_mask(inputs, kept, p):  # noqa: ARG001
    """Divided by the share of this mask."""
    return inputs * kept / kept.float().mean()


def scaled_by_the_root(inputs, kept, p):
    """Scaled by the root."""
    return inputs * kept / (1 - p) ** 0.5


def only_scaled(inputs, kept, p):  # noqa: ARG001
    """Only scaled."""
    return inputs / (1 - p)


DROPOUT = Exercise(
    name="regularization.dropout",
    difficulty=1,
    answer=dropout,
    right_answers=[dropout_with_where, dropout_with_masked_fill],
    cases=[
        (torch.tensor([1.0, 2.0, 3.0]), torch.tensor([True, False, True]), 0.75),
        (torch.tensor([[1.0, -1.0], [2.0, 0.5]]), torch.tensor([[True, True], [False, True]]), 0.2),
        (torch.tensor([1.0, -2.0]), torch.tensor([True, True]), 0.0),
    ],
    wrong_answers=[
        WrongAnswer(
            scale_forgotten, "You dropped values and left the others as they are, so the mean falls. Divide by 1 - p."
        ),
        WrongAnswer(scaled_by_p, "You divide by p, the share that is dropped. Divide by the share that is kept."),
        WrongAnswer(
            scaled_down, "You make the kept values smaller. They must make up for those that are missing, so divide."
        ),
        WrongAnswer(scaled_twice, "You divide by 1 - p twice. Once keeps the mean."),
        WrongAnswer(dropped_for_kept, "You keep the values where kept is False. Keep those where it is True."),
        WrongAnswer(
            divided_by_the_share_of_this_mask,
            "You divide by the share that this mask happens to keep. Divide by its expected value, which p gives.",
        ),
        WrongAnswer(
            scaled_by_the_root, "You divide by the root of 1 - p, which keeps the mean square. Keep the mean instead."
        ),
        WrongAnswer(only_scaled, "Nothing is dropped. Values that are not kept become 0."),
    ],
    hints=[
        "A value is kept with probability 1 - p. Its expected output is (1 - p) times what you return for kept ones.",
        "Multiply by kept, and divide by 1 - p.",
    ],
    praise="Because the scale is in the training, evaluation can leave the values alone.",
)

# ------------------------------------------------------------------------------------- regularization.stop_early


def stop_early(
    losses: list[float],
    patience: int,
    min_delta: float,
) -> tuple[int, int]:
    """Return the best epoch and the last epoch of a training with early stopping.

    losses: the validation loss after each epoch; epochs count from 1, and none is nan.
    The first epoch is the best one so far. A later epoch improves if its loss is below
    the best loss so far by more than min_delta. Up to patience epochs in a row may pass
    without an improvement; the training ends with the next one that has none, or with
    the last loss. Losses 3, 2, 2.5, 2.6, 1 and patience 1 give (2, 4).
    """
    best_epoch, best_loss = 1, losses[0]
    for epoch, loss in enumerate(losses, start=1):
        if loss < best_loss - min_delta:
            best_epoch, best_loss = epoch, loss
        if epoch - best_epoch > patience:
            return best_epoch, epoch
    return best_epoch, len(losses)


def stop_with_a_counter(losses, patience, min_delta):
    """Stop with a counter."""
    best, best_epoch, waited = losses[0], 1, 0
    for i in range(1, len(losses)):
        if best - losses[i] > min_delta:
            best, best_epoch, waited = losses[i], i + 1, 0
        else:
            waited += 1
            if waited == patience + 1:
                return best_epoch, i + 1
    return best_epoch, len(losses)


def stop_with_while(losses, patience, min_delta):
    """Stop with while."""
    epoch, best = 1, 1
    while epoch < len(losses) and epoch - best <= patience:
        epoch += 1
        if losses[epoch - 1] + min_delta < losses[best - 1]:
            best = epoch
    return best, epoch


def _stop(losses, patience, min_delta, *, reset=True, first=1):
    best, best_epoch, waited = losses[0], first, 0
    for epoch, loss in enumerate(losses[1:], start=first + 1):
        if loss < best - min_delta:
            best, best_epoch = loss, epoch
            waited = 0 if reset else waited
        else:
            waited += 1
            if waited > patience:
                return best_epoch, epoch
    return best_epoch, len(losses) - 1 + first


def patience_off_by_one(losses, patience, min_delta):
    """Patience off by one."""
    return _stop(losses, max(patience - 1, 0), min_delta)


def one_epoch_too_patient(losses, patience, min_delta):
    """One epoch too patient."""
    return _stop(losses, patience + 1, min_delta)


def counter_never_reset(losses, patience, min_delta):
    """Counter never reset."""
    return _stop(losses, patience, min_delta, reset=False)


def min_delta_ignored(losses, patience, min_delta):  # noqa: ARG001
    """Min delta ignored."""
    return _stop(losses, patience, 0.0)


def compared_with_the_epoch_before(losses, patience, min_delta):
    """Compared with the epoch before."""
    best_epoch, waited = 1, 0
    for epoch in range(2, len(losses) + 1):
        if losses[epoch - 1] < losses[epoch - 2] - min_delta:
            best_epoch, waited = epoch, 0
        else:
            waited += 1
            if waited > patience:
                return best_epoch, epoch
    return best_epoch, len(losses)


def counted_from_zero(losses, patience, min_delta):
    """Counted from zero."""
    return _stop(losses, patience, min_delta, first=0)


def last_epoch_twice(losses, patience, min_delta):
    """Last epoch twice."""
    last = _stop(losses, patience, min_delta)[1]
    return last, last


def best_of_the_whole_curve(losses, patience, min_delta):
    """Best of the whole curve."""
    return losses.index(min(losses)) + 1, _stop(losses, patience, min_delta)[1]


def equal_counts_as_better(losses, patience, min_delta):
    """Equal counts as better."""
    best_epoch, best_loss = 1, losses[0]
    for epoch, loss in enumerate(losses[1:], start=2):
        if loss <= best_loss - min_delta:
            best_epoch, best_loss = epoch, loss
        if epoch - best_epoch > patience:
            return best_epoch, epoch
    return best_epoch, len(losses)


def treats_losses_as_accuracies(losses, patience, min_delta):
    """Treats losses as accuracies."""
    return _stop([-loss for loss in losses], patience, min_delta)


STOP_EARLY = Exercise(
    name="regularization.stop_early",
    difficulty=2,
    answer=stop_early,
    right_answers=[stop_with_a_counter, stop_with_while],
    cases=[
        ([3.0, 2.0, 2.5, 2.6, 1.0], 1, 0.0),
        ([3.0, 2.0, 2.5, 2.6, 1.0], 2, 0.0),
        ([3.0, 2.0, 1.0], 0, 0.0),
        ([2.0, 3.0, 1.0, 1.5, 0.5, 0.7, 0.75, 0.2], 1, 0.0),
        ([3.0, 2.75, 2.5, 2.0, 2.0, 2.0, 2.0], 2, 0.5),
        ([3.0, 2.75, 2.5, 2.25, 2.125], 2, 1.0),
        ([1.0, 1.0, 1.0, 1.0, 0.5], 2, 0.0),
        ([4.0, 2.0, 3.0, 2.5, 2.25, 2.125, 2.0625], 1, 0.0),
    ],
    wrong_answers=[
        WrongAnswer(
            patience_off_by_one,
            "You stop one epoch too early, as Keras counts: here patience epochs pass, and the next one ends it.",
        ),
        WrongAnswer(
            one_epoch_too_patient,
            "You stop one epoch too late: the first epoch after patience epochs without an improvement ends it.",
        ),
        WrongAnswer(counter_never_reset, "An improvement starts the count anew. Your counter goes on."),
        WrongAnswer(min_delta_ignored, "A small improvement counts in your version. It must be more than min_delta."),
        WrongAnswer(
            compared_with_the_epoch_before,
            "You compare with the epoch before. Compare with the best loss so far.",
        ),
        WrongAnswer(counted_from_zero, "Your epochs count from 0. The first one is number 1."),
        WrongAnswer(last_epoch_twice, "The first entry is the best epoch, whose weights are kept, not the last one."),
        WrongAnswer(
            best_of_the_whole_curve,
            "You know losses that come after the stop, or that were not better by more than min_delta.",
        ),
        WrongAnswer(
            equal_counts_as_better,
            "A loss that is better by exactly min_delta is no improvement. It must be better by more.",
        ),
        WrongAnswer(treats_losses_as_accuracies, "You wait for the loss to rise. A lower loss is better."),
    ],
    hints=[
        "Remember the best loss and its epoch; an improvement replaces both.",
        "The epochs without an improvement are epoch - best_epoch. Stop when there are more than patience.",
    ],
    praise="`hu.EarlyStopping` does this while a model trains, and gives the model its best weights back.",
)

# -------------------------------------------------------------------------------- regularization.choose_strength


def choose_strength(val_losses: dict[float, list[float]]) -> float:
    """Return the strength that the one-standard-error rule chooses.

    val_losses: for each strength its validation losses, one for each seed, two or more.
    Find the strength with the lowest mean loss, and the standard error of that mean
    (standard deviation with n - 1, divided by the root of n). Of all strengths whose
    mean is at most one such standard error above the lowest mean, take the largest.
    """
    means = {s: torch.tensor(v).double().mean().item() for s, v in val_losses.items()}
    best = min(means, key=lambda strength: means[strength])
    losses = torch.tensor(val_losses[best]).double()
    limit = means[best] + losses.std().item() / len(losses) ** 0.5
    return max(strength for strength, mean in means.items() if mean <= limit)


def one_error_with_statistics(val_losses):
    """One error with statistics."""
    means = {strength: statistics.fmean(losses) for strength, losses in val_losses.items()}
    lowest = min(means.values())
    [losses, *_] = [val_losses[strength] for strength in val_losses if means[strength] == lowest]
    error = statistics.stdev(losses) / math.sqrt(len(losses))
    return max(filter(lambda strength: means[strength] - lowest <= error, means))


def one_error_with_sorting(val_losses):
    """One error with sorting."""
    rows = sorted((sum(losses) / len(losses), strength) for strength, losses in val_losses.items())
    mean, best = rows[0]
    n = len(val_losses[best])
    error = (sum((x - mean) ** 2 for x in val_losses[best]) / (n - 1) / n) ** 0.5
    chosen = best
    for other, strength in rows:
        if other <= mean + error and strength > chosen:
            chosen = strength
    return chosen


def _one_error(val_losses, error, pick=max):
    means = {strength: statistics.fmean(losses) for strength, losses in val_losses.items()}
    best = min(means, key=lambda strength: means[strength])
    return pick(strength for strength, mean in means.items() if mean <= means[best] + error(val_losses[best]))


def lowest_mean(val_losses):
    """Lowest mean."""
    return min(val_losses, key=lambda strength: statistics.fmean(val_losses[strength]))


def whole_standard_deviation(val_losses):
    """Whole standard deviation."""
    return _one_error(val_losses, statistics.stdev)


def smallest_strength(val_losses):
    """Smallest strength."""
    return _one_error(val_losses, lambda losses: statistics.stdev(losses) / math.sqrt(len(losses)), min)


def deviation_without_bessel(val_losses):
    """Deviation without bessel."""
    return _one_error(val_losses, lambda losses: statistics.pstdev(losses) / math.sqrt(len(losses)))


def divided_by_n(val_losses):
    """Divided by n."""
    return _one_error(val_losses, lambda losses: statistics.stdev(losses) / len(losses))


def two_standard_errors(val_losses):
    """Two standard errors."""
    return _one_error(val_losses, lambda losses: 2 * statistics.stdev(losses) / math.sqrt(len(losses)))


def largest_of_all(val_losses):
    """Largest of all."""
    return max(val_losses)


def lowest_single_loss(val_losses):
    """Lowest single loss."""
    return min(val_losses, key=lambda strength: min(val_losses[strength]))


def error_of_each_strength(val_losses):
    """Error of each strength."""
    means = {strength: statistics.fmean(losses) for strength, losses in val_losses.items()}
    lowest = min(means.values())
    errors = {s: statistics.stdev(losses) / math.sqrt(len(losses)) for s, losses in val_losses.items()}
    return max(strength for strength in means if means[strength] <= lowest + errors[strength])


def highest_mean(val_losses):
    """Highest mean."""
    return max(val_losses, key=lambda strength: statistics.fmean(val_losses[strength]))


CHOOSE_STRENGTH = Exercise(
    name="regularization.choose_strength",
    difficulty=3,
    answer=choose_strength,
    right_answers=[one_error_with_statistics, one_error_with_sorting],
    # In every case the limits of several misconceptions lie on different sides of a strength.
    cases=[
        ({0.1: [1.0, 2.0], 0.2: [1.1, 2.1], 0.4: [2.3, 2.4], 0.8: [6.0, 6.0]},),
        ({1.0: [2.0, 2.0, 2.6], 3.0: [1.0, 1.0, 1.6], 10.0: [1.5, 1.5, 1.25], 30.0: [3.0, 3.0, 3.0]},),
        ({1.0: [1.0, 1.0, 1.6, 1.6], 2.0: [1.4, 1.45, 1.5, 1.45], 4.0: [1.49, 1.47, 1.48, 1.48], 8.0: [1.6, 1.6]},),
        ({1.0: [0.0, 2.0, 0.0, 2.0], 2.0: [1.4, 1.45, 1.4, 1.45], 3.0: [1.54, 1.54], 5.0: [1.9, 1.9]},),
        ({0.5: [2.0, 2.0, 2.3], 0.3: [0.9, 1.0, 1.1], 0.7: [0.1, 3.2, 0.2], 0.2: [1.01, 1.02, 1.03]},),
    ],
    wrong_answers=[
        WrongAnswer(lowest_mean, "That is the strength with the lowest mean. The rule goes on to larger ones."),
        WrongAnswer(
            whole_standard_deviation,
            "You allow a whole standard deviation. A standard error is smaller by the root of n.",
        ),
        WrongAnswer(
            smallest_strength, "Of those within one standard error take the largest strength, not the smallest."
        ),
        WrongAnswer(deviation_without_bessel, "Your standard deviation divides by n. Divide by n - 1."),
        WrongAnswer(divided_by_n, "You divide the standard deviation by n. Divide it by the root of n."),
        WrongAnswer(two_standard_errors, "You allow two standard errors. The rule allows one."),
        WrongAnswer(largest_of_all, "That is the largest strength of all. Look at its mean loss first."),
        WrongAnswer(lowest_single_loss, "You look at the best seed of each strength. Compare means over the seeds."),
        WrongAnswer(
            error_of_each_strength,
            "You allow each strength its own standard error. The limit is set by the best one's.",
        ),
        WrongAnswer(highest_mean, "You look for the highest loss. The lowest is the best."),
    ],
    hints=[
        "Compute the mean loss of each strength, and find the lowest one.",
        "limit = lowest mean + standard error of the best strength's losses (n - 1, root of n).",
        "Return the largest strength whose mean is at most the limit.",
    ],
    praise="Among strengths that cannot be told apart it takes the simplest model.",
)

# ---------------------------------------------------------------------------------- regularization.ridge_weights


def ridge_weights(
    inputs: torch.Tensor,
    targets: torch.Tensor,
    strength: float,
) -> torch.Tensor:
    """Return the weights of a linear model that minimise loss + strength * w @ w.

    The loss is ((inputs @ w - targets) ** 2).mean(). inputs have the shape (N, F),
    targets (N,), the result w (F,). Set the gradient to zero, and solve for w.
    """
    n_examples, n_features = inputs.shape
    matrix = inputs.T @ inputs / n_examples + strength * torch.eye(n_features)
    return torch.linalg.solve(matrix, inputs.T @ targets / n_examples)


def ridge_by_more_examples(inputs, targets, strength):
    """Ridge by more examples."""
    n_examples, n_features = inputs.shape
    extra = (n_examples * strength) ** 0.5 * torch.eye(n_features)
    stacked = torch.cat([inputs, extra]), torch.cat([targets, torch.zeros(n_features)])
    return torch.linalg.lstsq(stacked[0], stacked[1][:, None]).solution[:, 0]


def ridge_by_the_inverse(inputs, targets, strength):
    """Ridge by the inverse."""
    n = len(inputs)
    return torch.inverse(inputs.T @ inputs + n * strength * torch.eye(inputs.shape[1])) @ inputs.T @ targets


def _ridge(inputs, targets, strength):
    n = len(inputs)
    return torch.linalg.solve(inputs.T @ inputs / n + strength * torch.eye(inputs.shape[1]), inputs.T @ targets / n)


def sums_for_means(inputs, targets, strength):
    """Sums for means."""
    return _ridge(inputs, targets, strength / len(inputs))


def strength_left_out(inputs, targets, strength):  # noqa: ARG001
    """Strength left out."""
    return _ridge(inputs, targets, 0.0)


def strength_subtracted(inputs, targets, strength):
    """Strength subtracted."""
    return _ridge(inputs, targets, -strength)


def strength_halved(inputs, targets, strength):
    """Strength halved."""
    return _ridge(inputs, targets, strength / 2)


def strength_doubled(inputs, targets, strength):
    """Strength doubled."""
    return _ridge(inputs, targets, 2 * strength)


def strength_in_every_entry(inputs, targets, strength):
    """Strength in every entry."""
    n = len(inputs)
    return torch.linalg.solve(inputs.T @ inputs / n + strength, inputs.T @ targets / n)


def targets_not_averaged(inputs, targets, strength):
    """Targets not averaged."""
    return len(inputs) * _ridge(inputs, targets, strength)


def strength_squared(inputs, targets, strength):
    """Strength squared."""
    return _ridge(inputs, targets, strength**2)


_RIDGE_INPUTS = torch.tensor([[1.0, 0.0], [0.5, 1.0], [-1.0, 2.0], [0.0, 1.5]])
_RIDGE_TARGETS = torch.tensor([1.0, 2.0, 0.5, -1.0])

RIDGE_WEIGHTS = Exercise(
    name="regularization.ridge_weights",
    difficulty=2,
    answer=ridge_weights,
    right_answers=[ridge_by_more_examples, ridge_by_the_inverse],
    tolerance=1e-4,
    cases=[
        (torch.tensor([[1.0], [1.0]]), torch.tensor([2.0, 4.0]), 0.5),
        (_RIDGE_INPUTS, _RIDGE_TARGETS, 0.3),
        (_RIDGE_INPUTS, _RIDGE_TARGETS, 3.0),
    ],
    wrong_answers=[
        WrongAnswer(
            sums_for_means, "Your squared errors are a sum over the examples. The loss is their mean: divide by N."
        ),
        WrongAnswer(strength_left_out, "That is least squares without a penalty. Add strength times the identity."),
        WrongAnswer(strength_subtracted, "The penalty has the wrong sign in the equations: add it to the matrix."),
        WrongAnswer(
            strength_halved, "Both gradients have a factor of 2, which cancels. You divide the strength by 2 as well."
        ),
        WrongAnswer(
            strength_doubled, "Both gradients have a factor of 2, which cancels. You kept it in the penalty only."
        ),
        WrongAnswer(
            strength_in_every_entry, "You add the strength to every entry of the matrix. Add it on the diagonal only."
        ),
        WrongAnswer(
            targets_not_averaged, "The left side is divided by N and the right side is not. Divide both of them."
        ),
        WrongAnswer(strength_squared, "You square the strength. It enters the equations as it is."),
    ],
    hints=[
        "The gradient is 2 XᵀX w / N - 2 Xᵀy / N + 2 strength w. Set it to zero and divide by 2.",
        "torch.linalg.solve(matrix, vector) solves the equations; torch.eye(F) is the identity.",
    ],
    praise="A closed form gives something exact to compare noise and early stopping with.",
)

# -------------------------------------------------------------------------------------- regularization.interaction


def interaction(
    none: list[float],
    first: list[float],
    second: list[float],
    both: list[float],
) -> float:
    """Return the gain of two methods together, minus the sum of their single gains.

    Each list has the accuracies without a method, with the first, with the second, and
    with both, one for each seed. A gain is the difference to none. Return the mean over
    the seeds; it is negative where the gains do not add up.
    """
    runs = zip(none, first, second, both, strict=True)
    return sum((b - n) - (f - n) - (s - n) for n, f, s, b in runs) / len(none)


def interaction_of_means(none, first, second, both):
    """Interaction of means."""
    n, f, s, b = (sum(values) / len(values) for values in (none, first, second, both))
    return b - f - s + n


def change_of_a_gain(none, first, second, both):
    """Change of a gain."""
    seeds = range(len(none))
    return sum((both[i] - second[i]) - (first[i] - none[i]) for i in seeds) / len(none)


def gain_of_both(none, first, second, both):  # noqa: ARG001
    """Gain of both."""
    return sum(b - n for n, b in zip(none, both, strict=True)) / len(none)


def compared_with_the_better_one(none, first, second, both):
    """Compared with the better one."""
    n, f, s, b = (sum(values) / len(values) for values in (none, first, second, both))
    return (b - n) - max(f - n, s - n)


def none_subtracted_twice(none, first, second, both):
    """None subtracted twice."""
    n, f, s, b = (sum(values) / len(values) for values in (none, first, second, both))
    return b - f - s - n


def none_forgotten(none, first, second, both):  # noqa: ARG001
    """None forgotten."""
    f, s, b = (sum(values) / len(values) for values in (first, second, both))
    return b - f - s


def interaction_with_the_other_sign(none, first, second, both):
    """Interaction with the other sign."""
    return -interaction(none, first, second, both)


def interaction_summed(none, first, second, both):
    """Interaction summed."""
    return len(none) * interaction(none, first, second, both)


def distance_of_each_seed(none, first, second, both):
    """Distance of each seed."""
    runs = zip(none, first, second, both, strict=True)
    return sum(abs(b - f - s + n) for n, f, s, b in runs) / len(none)


INTERACTION = Exercise(
    name="regularization.interaction",
    difficulty=2,
    answer=interaction,
    right_answers=[interaction_of_means, change_of_a_gain],
    cases=[
        ([0.5, 0.6], [0.7, 0.7], [0.6, 0.8], [0.75, 0.85]),
        ([0.5, 0.5], [0.6, 0.6], [0.5, 0.7], [0.9, 0.6]),
        ([0.2], [0.4], [0.5], [0.7]),
    ],
    wrong_answers=[
        WrongAnswer(gain_of_both, "That is the gain of both together. Subtract the two single gains from it."),
        WrongAnswer(
            compared_with_the_better_one,
            "You compare with the better of the two. Compare with the sum of their gains.",
        ),
        WrongAnswer(
            none_subtracted_twice,
            "Write the three gains out: the accuracy without a method comes once with a minus and twice with a plus.",
        ),
        WrongAnswer(none_forgotten, "A gain is a difference to none. You work with the accuracies themselves."),
        WrongAnswer(
            interaction_with_the_other_sign,
            "The sign is the other way round: start from the gain of both, and subtract.",
        ),
        WrongAnswer(interaction_summed, "That is the sum over the seeds. Return the mean."),
        WrongAnswer(distance_of_each_seed, "You take absolute values. Seeds of different sign must cancel."),
    ],
    hints=[
        "For one seed there are three gains: both - none, first - none and second - none.",
        "Take the first minus the other two, and the mean over the seeds.",
    ],
    praise="If the second method adds nothing to the first, the interaction is minus its gain.",
)

# --------------------------------------------------------------------------------------- regularization.ema_update


def ema_update(
    average: torch.Tensor,
    weights: torch.Tensor,
    decay: float,
) -> torch.Tensor:
    """Return the exponential moving average of the weights after one more step.

    The old average counts with the factor decay (close to 1), the weights with the
    rest. Leave the tensors that you get unchanged.
    """
    return decay * average + (1 - decay) * weights


def ema_as_a_step(average, weights, decay):
    """Ema as a step."""
    return average + (1 - decay) * (weights - average)


def ema_with_lerp(average, weights, decay):
    """Ema with lerp."""
    return torch.lerp(weights, average, decay)


def factors_exchanged(average, weights, decay):
    """Factors exchanged."""
    return (1 - decay) * average + decay * weights


def whole_weights_added(average, weights, decay):
    """Whole weights added."""
    return decay * average + weights


def plain_mean(average, weights, decay):  # noqa: ARG001
    """Plain mean."""
    return (average + weights) / 2


def average_does_not_move(average, weights, decay):  # noqa: ARG001
    """Average does not move."""
    return average.clone()


def latest_weights(average, weights, decay):  # noqa: ARG001
    """Latest weights."""
    return weights.clone()


def average_changed_in_place(average, weights, decay):
    """Average changed in place."""
    return average.mul_(decay).add_(weights, alpha=1 - decay)


def difference_added(average, weights, decay):
    """Difference added."""
    return average + decay * (weights - average) + (1 - decay)


EMA_UPDATE = Exercise(
    name="regularization.ema_update",
    difficulty=1,
    answer=ema_update,
    right_answers=[ema_as_a_step, ema_with_lerp],
    cases=[
        (torch.tensor([1.0, 2.0]), torch.tensor([3.0, -2.0]), 0.75),
        (torch.tensor([[0.5], [1.0]]), torch.tensor([[1.5], [0.0]]), 0.9),
    ],
    wrong_answers=[
        WrongAnswer(
            factors_exchanged, "Your average follows the newest weights. The old average has the factor decay."
        ),
        WrongAnswer(
            whole_weights_added, "The factors must add up to 1, or the average grows. Weigh the weights by 1 - decay."
        ),
        WrongAnswer(plain_mean, "You give both the factor one half. Use decay and 1 - decay."),
        WrongAnswer(average_does_not_move, "The average stays where it was. The weights must enter it."),
        WrongAnswer(latest_weights, "That returns the weights themselves. Most of the result is the old average."),
        WrongAnswer(
            average_changed_in_place,
            "The value is right, but you changed the tensor that you got. Make a new one.",
        ),
        WrongAnswer(difference_added, "You add 1 - decay as a number. It is a factor of the weights."),
    ],
    hints=["The two factors are decay and 1 - decay.", "decay * average + (1 - decay) * weights."],
    praise="It remembers about 1 / (1 - decay) steps and costs one copy of the weights.",
)

# ------------------------------------------------------------------------------- regularization.mean_probabilities


def mean_probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Return the class probabilities that several passes through a network agree on.

    logits have the shape (passes, N, classes). Turn each pass into probabilities, and
    return their mean over the passes, of shape (N, classes).
    """
    return logits.softmax(dim=2).mean(dim=0)


def mean_with_exponentials(logits):
    """Mean with exponentials."""
    weights = (logits - logits.amax(dim=-1, keepdim=True)).exp()
    return (weights / weights.sum(dim=-1, keepdim=True)).sum(dim=0) / len(logits)


def mean_pass_by_pass(logits):
    """Mean pass by pass."""
    total = torch.zeros_like(logits[0])
    for one in logits:
        total = total + torch.log_softmax(one, dim=1).exp()
    return total / logits.shape[0]


def softmax_of_the_mean(logits):
    """Softmax of the mean."""
    return logits.mean(dim=0).softmax(dim=1)


def softmax_over_the_images(logits):
    """Softmax over the images."""
    return logits.softmax(dim=1).mean(dim=0)


def softmax_over_the_passes(logits):
    """Softmax over the passes."""
    return logits.softmax(dim=0).mean(dim=0)


def mean_of_the_logits(logits):
    """Mean of the logits."""
    return logits.mean(dim=0)


def mean_over_the_images(logits):
    """Mean over the images."""
    return logits.softmax(dim=2).mean(dim=1)


def sum_over_the_passes(logits):
    """Sum over the passes."""
    return logits.softmax(dim=2).sum(dim=0)


def first_pass_only(logits):
    """First pass only."""
    return logits[0].softmax(dim=1)


def mean_of_the_logarithms(logits):
    """Mean of the logarithms."""
    return logits.log_softmax(dim=2).mean(dim=0)


MEAN_PROBABILITIES = Exercise(
    name="regularization.mean_probabilities",
    difficulty=1,
    answer=mean_probabilities,
    right_answers=[mean_with_exponentials, mean_pass_by_pass],
    cases=[
        (torch.tensor([[[2.0, 0.0]], [[-6.0, 0.0]]]),),
        (
            torch.tensor(
                [
                    [[1.0, 0.0, 3.0], [0.5, 2.0, 0.0]],
                    [[0.0, 4.0, 1.0], [2.0, 0.0, 1.0]],
                    [[2.0, 0.0, 0.0], [1.0, 0.0, 5.0]],
                ]
            ),
        ),
    ],
    wrong_answers=[
        WrongAnswer(
            softmax_of_the_mean, "You average the logits first. Turn each pass into probabilities before the mean."
        ),
        WrongAnswer(softmax_over_the_images, "Your softmax runs over the images. The classes are the last axis."),
        WrongAnswer(softmax_over_the_passes, "Your softmax runs over the passes. The classes are the last axis, 2."),
        WrongAnswer(mean_of_the_logits, "These are mean logits. They do not add up to 1: a softmax is missing."),
        WrongAnswer(mean_over_the_images, "You average over the images. The passes are the first axis."),
        WrongAnswer(sum_over_the_passes, "That is the sum over the passes. Probabilities add up to 1: take the mean."),
        WrongAnswer(first_pass_only, "Only the first pass counts in your result. Use all of them."),
        WrongAnswer(mean_of_the_logarithms, "You average logarithms of probabilities. Average the probabilities."),
    ],
    hints=[
        "logits.softmax(dim=2) gives the probabilities of each pass.",
        "The passes are the first axis: mean(dim=0).",
    ],
    praise="Averaged probabilities are how many ensembles predict.",
)

EXERCISES = [
    BEST_NOISY_ACCURACY,
    WEIGHT_PENALTY,
    SOFT_THRESHOLD,
    DROPOUT,
    STOP_EARLY,
    CHOOSE_STRENGTH,
    RIDGE_WEIGHTS,
    INTERACTION,
    EMA_UPDATE,
    MEAN_PROBABILITIES,
]
