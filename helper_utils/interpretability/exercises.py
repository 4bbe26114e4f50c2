"""Exercises of the lesson 19_interpretability."""

import math
import statistics

import numpy as np
import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer


def _numbers(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# -------------------------------------------------------------------------------------- interpretability.to_heat_map


def to_heat_map(gradients: torch.Tensor) -> torch.Tensor:
    """Return the sum of the absolute values over the channels, a number for each pixel.

    gradients: shape (N, C, H, W). The result has the shape (N, H, W).
    """
    return gradients.abs().sum(dim=1)


def heat_by_norm(gradients):
    """The 1-norm over the channels."""
    return torch.linalg.vector_norm(gradients, ord=1, dim=1)


def heat_channel_by_channel(gradients):
    """Adds the channels one after the other."""
    total = torch.zeros_like(gradients[:, 0])
    for channel in range(gradients.shape[1]):
        total = total + torch.abs(gradients[:, channel])
    return total


def signs_kept(gradients):
    """The sum with its signs."""
    return gradients.sum(dim=1)


def absolute_of_the_sum(gradients):
    """Absolute value after the sum."""
    return gradients.sum(dim=1).abs()


def mean_over_channels(gradients):
    """The mean over the channels."""
    return gradients.abs().mean(dim=1)


def largest_channel(gradients):
    """The largest channel."""
    return gradients.abs().amax(dim=1)


def squares_added(gradients):
    """Squares in place of absolute values."""
    return gradients.square().sum(dim=1)


def scaled_to_its_maximum(gradients):
    """Each map divided by its maximum."""
    heat = gradients.abs().sum(dim=1)
    return heat / heat.amax(dim=(1, 2), keepdim=True)


def positive_part_only(gradients):
    """Negative gradients are dropped."""
    return gradients.clamp_min(0).sum(dim=1)


TO_HEAT_MAP = Exercise(
    name="interpretability.to_heat_map",
    difficulty=1,
    answer=to_heat_map,
    right_answers=[heat_by_norm, heat_channel_by_channel],
    cases=[
        (torch.tensor([[[[1.0, -2.0]], [[-1.0, 0.5]]]]),),
        (_numbers(0, 2, 3, 2, 2),),
        (_numbers(1, 1, 1, 2, 3),),
    ],
    wrong_answers=[
        WrongAnswer(signs_kept, "Channels with opposite signs cancel. Take absolute values before you add."),
        WrongAnswer(
            absolute_of_the_sum, "The channels have cancelled before you take the absolute value. Take it first."
        ),
        WrongAnswer(mean_over_channels, "That is the mean over the channels. The task asks for the sum."),
        WrongAnswer(largest_channel, "You keep the largest channel. Add all of them."),
        WrongAnswer(squares_added, "You add squares. Add absolute values."),
        WrongAnswer(
            scaled_to_its_maximum,
            "You scale each map to its own maximum, so a map of noise looks as strong as any. Leave out the division.",
        ),
        WrongAnswer(positive_part_only, "Negative gradients count too: use .abs(), not the positive part."),
    ],
    hints=["The channels are dimension 1.", "Chain two methods: .abs(), and then .sum(dim=1)."],
    praise="A pixel counts if a change of any of its channels changes the logit.",
)

# ------------------------------------------------------------------------------------- interpretability.inside_share


def inside_share(maps: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Return the share of each map's absolute sum that lies inside its mask.

    maps has the shape (N, H, W), and no map is zero everywhere. masks are bool, of the
    same shape. The result has the shape (N,).
    """
    strength = maps.abs()
    return (strength * masks).sum(dim=(1, 2)) / strength.sum(dim=(1, 2))


def share_map_by_map(maps, masks):
    """Map by map."""
    return torch.stack([m[mask].abs().sum() / m.abs().sum() for m, mask in zip(maps, masks, strict=True)])


def share_by_what_is_left(maps, masks):
    """One minus what lies outside."""
    strength = maps.abs().flatten(1)
    outside = strength.masked_fill(masks.flatten(1), 0).sum(dim=1)
    return 1 - outside / strength.sum(dim=1)


def signed_share(maps, masks):
    """Signs are kept."""
    return (maps * masks).sum(dim=(1, 2)) / maps.sum(dim=(1, 2))


def share_outside(maps, masks):
    """The share outside."""
    return (maps.abs() * ~masks).sum(dim=(1, 2)) / maps.abs().sum(dim=(1, 2))


def inside_to_outside(maps, masks):
    """Inside divided by outside."""
    return (maps.abs() * masks).sum(dim=(1, 2)) / (maps.abs() * ~masks).sum(dim=(1, 2))


def pooled_share(maps, masks):
    """One share for all maps."""
    return ((maps.abs() * masks).sum() / maps.abs().sum()).expand(len(maps))


def area_of_the_mask(maps, masks):  # noqa: ARG001 - that is the mistake
    """The mask's share of the image."""
    return masks.float().mean(dim=(1, 2))


def mean_inside(maps, masks):
    """The mean value inside."""
    return (maps.abs() * masks).sum(dim=(1, 2)) / masks.sum(dim=(1, 2))


def share_of_positive_values(maps, masks):
    """Only positive values count."""
    strength = maps.clamp_min(0)
    return (strength * masks).sum(dim=(1, 2)) / strength.sum(dim=(1, 2))


def inside_of_all_maps(maps, masks):
    """What is inside in all maps, divided by each map's sum."""
    return maps[masks].abs().sum() / maps.abs().sum(dim=(1, 2))


_LEFT = torch.tensor([[True, False], [True, False]])
_TOP = torch.tensor([[True, True], [False, False]])
_CORNER = torch.tensor([[True, False], [False, False]])

INSIDE_SHARE = Exercise(
    name="interpretability.inside_share",
    difficulty=1,
    answer=inside_share,
    right_answers=[share_map_by_map, share_by_what_is_left],
    cases=[
        (torch.tensor([[[1.0, 2.0], [2.0, 3.0]]]), _LEFT[None]),
        (torch.tensor([[[1.0, -2.0], [-2.0, 0.5]]]), _LEFT[None]),
        (
            torch.tensor([[[4.0, 1.0], [2.0, 3.0]], [[-1.0, 0.5], [0.25, 3.0]], [[1.0, 1.0], [2.0, -0.5]]]),
            torch.stack([_LEFT, _TOP, _CORNER]),
        ),
    ],
    wrong_answers=[
        WrongAnswer(signed_share, "Negative values cancel positive ones. Take absolute values first."),
        WrongAnswer(share_outside, "That is the share outside the mask."),
        WrongAnswer(inside_to_outside, "You divide by what lies outside. Divide by the sum of the whole map."),
        WrongAnswer(pooled_share, "You pool all maps, so strong maps decide. Give each map its own share."),
        WrongAnswer(area_of_the_mask, "That is the mask's share of the image, which a random map gets on average."),
        WrongAnswer(mean_inside, "You divide by the number of pixels in the mask. Divide by the map's sum."),
        WrongAnswer(inside_of_all_maps, "maps[masks] joins all images. Multiply by the masks to keep them apart."),
        WrongAnswer(share_of_positive_values, "Negative values are attributions too: use .abs()."),
    ],
    hints=[
        "Multiplying by the mask sets everything outside it to 0.",
        "Sum over the dimensions 1 and 2, with the mask and without it, and divide.",
    ],
    praise="Compare it with the share of a map that knows nothing about the image.",
)

# ------------------------------------------------------------------------------------ interpretability.pointing_hits


def pointing_hits(maps: torch.Tensor, masks: torch.Tensor) -> float:
    """Return the share of the images whose largest map value lies inside the mask.

    maps has the shape (N, H, W), and each has one largest value. masks are bool, of the
    same shape.
    """
    places = maps.flatten(1).argmax(dim=1)
    hits = masks.flatten(1)[torch.arange(len(maps)), places]
    return hits.float().mean().item()


def hits_by_two_maxima(maps, masks):
    """The maximum inside equals the maximum."""
    inside = maps.masked_fill(~masks, -math.inf).amax(dim=(1, 2))
    return (inside == maps.amax(dim=(1, 2))).double().mean().item()


def hits_in_a_loop(maps, masks):
    """Image by image."""
    hits = 0
    for values, mask in zip(maps, masks, strict=True):
        row, column = divmod(int(values.argmax()), values.shape[1])
        hits += bool(mask[row, column])
    return hits / len(maps)


def number_of_hits(maps, masks):
    """The number of hits."""
    return hits_in_a_loop(maps, masks) * len(maps)


def largest_absolute_value(maps, masks):
    """The largest absolute value."""
    return hits_in_a_loop(maps.abs(), masks)


def smallest_value(maps, masks):
    """The smallest value."""
    return hits_in_a_loop(-maps, masks)


def misses(maps, masks):
    """The share of misses."""
    return 1 - hits_in_a_loop(maps, masks)


def mean_share_inside(maps, masks):
    """The share inside."""
    return ((maps.abs() * masks).sum(dim=(1, 2)) / maps.abs().sum(dim=(1, 2))).mean().item()


def one_place_for_all(maps, masks):
    """The largest value of all maps together."""
    return float(masks.flatten()[int(maps.argmax())])


def place_of_the_mean_map(maps, masks):
    """The largest value of the mean map."""
    place = int(maps.mean(dim=0).argmax())
    return masks.flatten(1)[:, place].float().mean().item()


def every_place_in_every_mask(maps, masks):
    """Each place looked up in all masks."""
    places = maps.flatten(1).argmax(dim=1)
    return masks.flatten(1)[:, places].float().mean().item()


POINTING_HITS = Exercise(
    name="interpretability.pointing_hits",
    difficulty=2,
    answer=pointing_hits,
    right_answers=[hits_by_two_maxima, hits_in_a_loop],
    cases=[
        (torch.tensor([[[0.5, 2.0], [2.5, 1.0]], [[1.0, 4.0], [2.0, 3.0]]]), torch.stack([_LEFT, _LEFT])),
        (
            torch.tensor([[[1.0, -2.0], [-3.0, 0.5]], [[0.1, -4.0], [0.2, 0.3]], [[-1.0, -2.0], [-3.0, -4.0]]]),
            torch.stack([_LEFT, _TOP, _CORNER]),
        ),
        (_numbers(2, 5, 2, 2), torch.stack([_LEFT, _TOP, _CORNER, ~_LEFT, ~_CORNER])),
    ],
    wrong_answers=[
        WrongAnswer(number_of_hits, "That is the number of hits. Divide it by the number of images."),
        WrongAnswer(
            largest_absolute_value, "You take the largest absolute value. The task asks for the largest value."
        ),
        WrongAnswer(smallest_value, "You look at the smallest value of each map."),
        WrongAnswer(misses, "That is the share of the misses."),
        WrongAnswer(mean_share_inside, "That is the share inside the mask. Here only one pixel of each map counts."),
        WrongAnswer(one_place_for_all, "You look for one largest value in all maps. Each map has its own."),
        WrongAnswer(
            every_place_in_every_mask,
            "[:, places] looks up each place in every mask. Pair them: index the rows with torch.arange(N) as well.",
        ),
        WrongAnswer(place_of_the_mean_map, "You average the maps first. Each map points to its own place."),
    ],
    hints=[
        "maps.flatten(1).argmax(dim=1) gives the place of each largest value.",
        "Look these places up in masks.flatten(1), one in each row, and take the mean.",
    ],
    praise="It ignores how far the rest of the map is spread, which the share inside does not.",
)

# -------------------------------------------------------------------------------- interpretability.path_attributions


def path_attributions(
    gradients: torch.Tensor,
    inputs: torch.Tensor,
    baseline: torch.Tensor,
) -> torch.Tensor:
    """Return integrated gradients from the gradients at the places of a path.

    gradients: shape (n_steps, N, features), the logit's gradients at n_steps evenly
    spread places of the straight line from baseline to inputs, both (N, features).
    Multiply the difference of the two ends by the mean gradient.
    """
    return (inputs - baseline) * gradients.mean(dim=0)


def small_steps_added(gradients, inputs, baseline):
    """Adds up small steps."""
    step = (inputs - baseline) / len(gradients)
    total = torch.zeros_like(inputs)
    for gradient in gradients:
        total = total + gradient * step
    return total


def products_averaged(gradients, inputs, baseline):
    """The mean of the products."""
    return torch.einsum("snf,nf->nf", gradients, inputs - baseline) / gradients.shape[0]


def path_without_its_factor(gradients, inputs, baseline):  # noqa: ARG001 - that is the mistake
    """The mean gradient alone."""
    return gradients.mean(dim=0)


def sum_of_gradients(gradients, inputs, baseline):
    """The sum in place of the mean."""
    return (inputs - baseline) * gradients.sum(dim=0)


def gradient_at_the_input_only(gradients, inputs, baseline):
    """The last gradient only."""
    return (inputs - baseline) * gradients[-1]


def gradient_at_the_baseline_only(gradients, inputs, baseline):
    """The first gradient only."""
    return (inputs - baseline) * gradients[0]


def times_the_input(gradients, inputs, baseline):  # noqa: ARG001 - that is the mistake
    """Multiplied by the input."""
    return inputs * gradients.mean(dim=0)


def from_input_to_baseline(gradients, inputs, baseline):
    """The difference turned round."""
    return (baseline - inputs) * gradients.mean(dim=0)


def absolute_gradients(gradients, inputs, baseline):
    """Absolute gradients."""
    return (inputs - baseline) * gradients.abs().mean(dim=0)


PATH_ATTRIBUTIONS = Exercise(
    name="interpretability.path_attributions",
    difficulty=2,
    answer=path_attributions,
    right_answers=[small_steps_added, products_averaged],
    cases=[
        (torch.tensor([[[1.0, -2.0]], [[3.0, -4.0]]]), torch.tensor([[2.0, 1.0]]), torch.tensor([[1.0, 3.0]])),
        (_numbers(3, 4, 2, 3), _numbers(4, 2, 3), _numbers(5, 2, 3)),
        (_numbers(6, 3, 1, 2), _numbers(7, 1, 2), torch.zeros(1, 2)),
    ],
    wrong_answers=[
        WrongAnswer(
            path_without_its_factor, "The factor is missing: multiply by the difference of the path's two ends."
        ),
        WrongAnswer(sum_of_gradients, "You add the gradients, so the result grows with n_steps. Take their mean."),
        WrongAnswer(
            gradient_at_the_input_only, "You use the last gradient only, near the input. Average the whole path."
        ),
        WrongAnswer(gradient_at_the_baseline_only, "You use the first gradient only, near the baseline."),
        WrongAnswer(times_the_input, "You multiply by the input, which is right only for a baseline of 0."),
        WrongAnswer(from_input_to_baseline, "The path leads from the baseline to the input: inputs - baseline."),
        WrongAnswer(absolute_gradients, "Keep the signs: otherwise the sum is not the difference of the logits."),
    ],
    hints=["gradients.mean(dim=0) is the mean over the path.", "Multiply it by inputs - baseline."],
    praise="Its sum over the features is the difference of the logits, up to the error of the sum.",
)

# ------------------------------------------------------------------------------------ interpretability.grad_cam_maps


def grad_cam_maps(activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """Return Grad-CAM maps of a layer, shape (N, h, w).

    activations: the layer's output, shape (N, channels, h, w). gradients: those of the
    logit with respect to them, the same shape. The weight of a channel is the mean of
    its gradients over the places. The map is the weighted sum of the channels, and
    negative values of this sum become 0.
    """
    weights = gradients.mean(dim=(2, 3), keepdim=True)
    return (weights * activations).sum(dim=1).clamp_min(0)


def cam_by_einsum(activations, gradients):
    """By einsum."""
    return torch.relu(torch.einsum("nc,nchw->nhw", gradients.flatten(2).mean(dim=2), activations))


def cam_channel_by_channel(activations, gradients):
    """Channel by channel."""
    total = torch.zeros_like(activations[:, 0])
    for channel in range(activations.shape[1]):
        weight = gradients[:, channel].mean(dim=(1, 2))
        total = total + weight[:, None, None] * activations[:, channel]
    return torch.where(total > 0, total, 0.0)


def relu_forgotten(activations, gradients):
    """Without the ReLU."""
    return (gradients.mean(dim=(2, 3), keepdim=True) * activations).sum(dim=1)


def relu_before_the_sum(activations, gradients):
    """The ReLU before the sum."""
    return (gradients.mean(dim=(2, 3), keepdim=True) * activations).clamp_min(0).sum(dim=1)


def weights_of_each_place(activations, gradients):
    """Each place keeps its own gradient."""
    return (gradients * activations).sum(dim=1).clamp_min(0)


def summed_weights(activations, gradients):
    """Weights by a sum."""
    return (gradients.sum(dim=(2, 3), keepdim=True) * activations).sum(dim=1).clamp_min(0)


def channels_averaged(activations, gradients):
    """The mean over the channels."""
    return (gradients.mean(dim=(2, 3), keepdim=True) * activations).mean(dim=1).clamp_min(0)


def activations_alone(activations, gradients):  # noqa: ARG001 - that is the mistake
    """No weights."""
    return activations.sum(dim=1).clamp_min(0)


def absolute_in_place_of_relu(activations, gradients):
    """The absolute value."""
    return (gradients.mean(dim=(2, 3), keepdim=True) * activations).sum(dim=1).abs()


def positive_weights_only(activations, gradients):
    """The ReLU on the weights."""
    return (gradients.mean(dim=(2, 3), keepdim=True).clamp_min(0) * activations).sum(dim=1).clamp_min(0)


def weights_of_all_images(activations, gradients):
    """One weight of a channel for all images."""
    return (gradients.mean(dim=(0, 2, 3), keepdim=True) * activations).sum(dim=1).clamp_min(0)


GRAD_CAM_MAPS = Exercise(
    name="interpretability.grad_cam_maps",
    difficulty=2,
    answer=grad_cam_maps,
    right_answers=[cam_by_einsum, cam_channel_by_channel],
    cases=[
        (
            torch.tensor([[[[1.0, 2.0, 0.0]], [[2.0, 0.0, 1.0]]]]),
            torch.tensor([[[[1.0, 2.0, 0.0]], [[-1.0, -3.0, 1.0]]]]),
        ),
        (_numbers(8, 2, 3, 2, 2), _numbers(9, 2, 3, 2, 2)),
        (_numbers(10, 3, 4, 2, 3).abs(), _numbers(11, 3, 4, 2, 3)),
    ],
    wrong_answers=[
        WrongAnswer(
            relu_forgotten, "The ReLU at the end is missing: what speaks against the class should not be shown."
        ),
        WrongAnswer(relu_before_the_sum, "You drop negative products before you add. Add the channels first."),
        WrongAnswer(weights_of_each_place, "Each channel has one weight: the mean of its gradients over all places."),
        WrongAnswer(summed_weights, "You add the gradients over the places. Their mean is asked for."),
        WrongAnswer(weights_of_all_images, "You average over the images as well. Each image has its own weights."),
        WrongAnswer(channels_averaged, "You average over the channels. Add them."),
        WrongAnswer(activations_alone, "You ignore the gradients, so the map does not depend on the class."),
        WrongAnswer(absolute_in_place_of_relu, "The absolute value also shows what speaks against the class."),
        WrongAnswer(positive_weights_only, "You drop channels with negative weights. They may lower the sum."),
    ],
    hints=[
        "Which dimensions are the places? A channel needs one number, so average over these.",
        "keepdim=True keeps the weights in the shape (N, channels, 1, 1). Sum over the channels before the ReLU.",
    ],
    praise="The maps are as coarse as the layer: a pixel of the map stands for several of the image.",
)

# --------------------------------------------------------------------------------- interpretability.shuffled_together


def shuffled_together(
    inputs: torch.Tensor,
    columns: list[int],
    order: torch.Tensor,
) -> torch.Tensor:
    """Return a copy of the inputs in which some columns come from other rows.

    inputs: shape (N, features). In row i of the result, the given columns are those of
    row order[i], and all other columns stay as they are.
    """
    shuffled = inputs.clone()
    shuffled[:, columns] = inputs[order][:, columns]
    return shuffled


def shuffled_by_a_mask(inputs, columns, order):
    """Chooses by a mask."""
    moves = torch.zeros(inputs.shape[1], dtype=torch.bool)
    moves[columns] = True
    return torch.where(moves, inputs[order], inputs)


def shuffled_row_by_row(inputs, columns, order):
    """Row by row."""
    rows = []
    for i, row in enumerate(inputs):
        new = row.clone()
        for column in columns:
            new[column] = inputs[order[i], column]
        rows.append(new)
    return torch.stack(rows)


def whole_rows(inputs, columns, order):  # noqa: ARG001 - that is the mistake
    """Whole rows move."""
    return inputs[order]


def first_column_only(inputs, columns, order):
    """Only the first of the columns."""
    return shuffled_together(inputs, columns[:1], order)


def set_to_zero(inputs, columns, order):  # noqa: ARG001 - that is the mistake
    """The columns become 0."""
    changed = inputs.clone()
    changed[:, columns] = 0
    return changed


def set_to_the_mean(inputs, columns, order):  # noqa: ARG001 - that is the mistake
    """The columns become their mean."""
    changed = inputs.clone()
    changed[:, columns] = inputs[:, columns].mean(dim=0)
    return changed


def rows_sent_away(inputs, columns, order):
    """Row i goes to order[i]."""
    return shuffled_together(inputs, columns, torch.argsort(order))


def the_other_columns(inputs, columns, order):
    """The other columns move."""
    return shuffled_together(inputs, [c for c in range(inputs.shape[1]) if c not in columns], order)


def nothing_moves(inputs, columns, order):  # noqa: ARG001 - that is the mistake
    """The copy is not changed."""
    return inputs.clone()


def each_column_moves_differently(inputs, columns, order):
    """Each column has its own order."""
    changed = inputs.clone()
    for number, column in enumerate(columns):
        changed[:, column] = inputs[order.roll(number), column]
    return changed


SHUFFLED_TOGETHER = Exercise(
    name="interpretability.shuffled_together",
    difficulty=2,
    answer=shuffled_together,
    right_answers=[shuffled_by_a_mask, shuffled_row_by_row],
    cases=[
        (torch.arange(12.0).view(3, 4), [1], torch.tensor([2, 0, 1])),
        (torch.arange(12.0).view(3, 4), [0, 2], torch.tensor([1, 2, 0])),
        (_numbers(12, 4, 3), [2, 1], torch.tensor([3, 0, 2, 1])),
    ],
    wrong_answers=[
        WrongAnswer(whole_rows, "Whole rows move, and a score does not depend on their order. Move the columns only."),
        WrongAnswer(first_column_only, "Only the first of the columns moves. All of them move together."),
        WrongAnswer(set_to_zero, "You set the columns to 0, a value that may never occur. Take those of other rows."),
        WrongAnswer(set_to_the_mean, "You set the columns to their mean. Take the values of the row order[i]."),
        WrongAnswer(rows_sent_away, "You send row i to order[i]. Row i must receive the columns of row order[i]."),
        WrongAnswer(the_other_columns, "You move the columns that should stay."),
        WrongAnswer(nothing_moves, "Nothing has moved: index with the columns on the left of the assignment as well."),
        WrongAnswer(
            each_column_moves_differently, "Each column takes a different row. They belong together: one order for all."
        ),
    ],
    hints=[
        "Start with a copy: inputs.clone(). inputs[order] has the rows in the new order.",
        "Assign inputs[order][:, columns] to the same columns of the copy.",
    ],
    praise="What the score loses is what these columns are worth to the model.",
)

# ------------------------------------------------------------------------------- interpretability.ranks_in_agreement


def ranks_in_agreement(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return Spearman's rank correlation: the correlation of the ranks of two maps.

    a and b are 1-D, of the same length, and neither holds a value twice. The rank of a
    value is how many values of its map are smaller.
    """
    ranks = torch.stack([a.argsort().argsort(), b.argsort().argsort()])
    return torch.corrcoef(ranks.float())[0, 1].item()


def ranks_by_counting(a, b):
    """Ranks by counting smaller values."""
    ranks_a, ranks_b = ((x[:, None] > x[None]).sum(dim=1).double() for x in (a, b))
    ranks_a, ranks_b = ranks_a - ranks_a.mean(), ranks_b - ranks_b.mean()
    return ((ranks_a * ranks_b).sum() / (ranks_a.square().sum() * ranks_b.square().sum()).sqrt()).item()


def by_the_differences(a, b):
    """By Spearman's formula."""
    n = len(a)
    differences = (a.argsort().argsort() - b.argsort().argsort()).double()
    return (1 - 6 * differences.square().sum() / (n * (n * n - 1))).item()


def correlation_of_the_values(a, b):
    """The correlation of the values."""
    return torch.corrcoef(torch.stack([a, b]))[0, 1].item()


def sorted_once(a, b):
    """The correlation of the sorting orders."""
    return torch.corrcoef(torch.stack([a.argsort(), b.argsort()]).float())[0, 1].item()


def both_sorted(a, b):
    """The correlation of the sorted values."""
    return torch.corrcoef(torch.stack([a.sort().values, b.sort().values]))[0, 1].item()


def absolute_correlation(a, b):
    """Without its sign."""
    return abs(by_the_differences(a, b))


def ranks_of_absolute_values(a, b):
    """Ranks of the absolute values."""
    return by_the_differences(a.abs(), b.abs())


def factor_six_forgotten(a, b):
    """The formula without its 6."""
    n = len(a)
    differences = (a.argsort().argsort() - b.argsort().argsort()).double()
    return (1 - differences.square().sum() / (n * (n * n - 1))).item()


def one_of_them_ranked(a, b):
    """Ranks against values."""
    return torch.corrcoef(torch.stack([a.argsort().argsort().float(), b]))[0, 1].item()


RANKS_IN_AGREEMENT = Exercise(
    name="interpretability.ranks_in_agreement",
    difficulty=2,
    answer=ranks_in_agreement,
    right_answers=[ranks_by_counting, by_the_differences],
    cases=[
        (torch.tensor([3.0, 10.0, 1.0, 2.0]), torch.tensor([1.0, 8.0, 5.0, 2.0])),
        (torch.tensor([0.5, -3.0, 4.0, 1.0, 2.0]), torch.tensor([-5.0, 9.0, -7.0, 2.0, -2.5])),
        (_numbers(13, 8), _numbers(14, 8)),
    ],
    wrong_answers=[
        WrongAnswer(
            correlation_of_the_values, "You correlate the values, so one strong pixel decides. Use their ranks."
        ),
        WrongAnswer(
            sorted_once, "One argsort gives the places in sorted order, not the ranks. Take argsort of it again."
        ),
        WrongAnswer(both_sorted, "You sort both maps, so the pixels are no longer paired."),
        WrongAnswer(absolute_correlation, "Keep the sign: -1 means the opposite order."),
        WrongAnswer(ranks_of_absolute_values, "You rank absolute values. Rank the values as they are."),
        WrongAnswer(factor_six_forgotten, "In Spearman's formula the sum of squares is multiplied by 6."),
        WrongAnswer(one_of_them_ranked, "You rank one of the two only."),
    ],
    hints=[
        "x.argsort().argsort() gives the rank of each value, from 0.",
        "torch.corrcoef takes the two rows of ranks, as floats; the result is its entry [0, 1].",
    ],
    praise="1 says that both maps order the pixels in the same way, and 0 that they do not agree.",
)

# ------------------------------------------------------------------------------------- interpretability.cover_pixels


def cover_pixels(images: torch.Tensor, maps: torch.Tensor, n: int) -> torch.Tensor:
    """Return copies of the images, with 0 where the map values are highest.

    images: shape (N, C, H, W). maps: shape (N, H, W), no value twice in a map. In each
    image the n pixels with the highest values of its map become 0, in all channels.
    """
    covered = images.clone().flatten(2)
    for image, values in zip(covered, maps.flatten(1), strict=True):
        image[:, values.topk(n).indices] = 0
    return covered.view_as(images)


def covered_by_ranks(images, maps, n):
    """By the rank of each pixel."""
    ranks = maps.flatten(1).argsort(dim=1, descending=True).argsort(dim=1).view_as(maps)
    return torch.where((ranks < n)[:, None], 0.0, images)


def covered_by_multiplying(images, maps, n):
    """By a factor of 0 or 1."""
    kept = torch.ones_like(maps).flatten(1)
    kept.scatter_(1, maps.flatten(1).topk(n, dim=1).indices, 0.0)
    return images * kept.view(len(maps), 1, *maps.shape[1:])


def lowest_covered(images, maps, n):
    """The lowest values."""
    return covered_by_ranks(images, -maps, n)


def only_these_kept(images, maps, n):
    """Everything else is covered."""
    return images - covered_by_ranks(images, maps, n)


def one_pixel_more(images, maps, n):
    """One pixel more."""
    return covered_by_ranks(images, maps, n + 1)


def first_channel_only(images, maps, n):
    """One channel only."""
    changed = images.clone()
    changed[:, 0] = covered_by_ranks(images, maps, n)[:, 0]
    return changed


def highest_absolute_values(images, maps, n):
    """The highest absolute values."""
    return covered_by_ranks(images, maps.abs(), n)


def places_of_the_first_map(images, maps, n):
    """The first map for all images."""
    return covered_by_ranks(images, maps[:1].expand_as(maps), n)


def brightest_covered(images, maps, n):  # noqa: ARG001 - that is the mistake
    """The strongest pixels of the image."""
    return covered_by_ranks(images, images.abs().sum(dim=1), n)


def highest_of_all_maps(images, maps, n):
    """One threshold for all maps."""
    ranks = maps.flatten().argsort(descending=True).argsort().view_as(maps)
    return torch.where((ranks < n * len(maps))[:, None], 0.0, images)


def places_of_every_map(images, maps, n):
    """The places of all maps in each image."""
    changed = images.clone().flatten(2)
    changed[:, :, maps.flatten(1).topk(n, dim=1).indices.flatten()] = 0
    return changed.view_as(images)


COVER_PIXELS = Exercise(
    name="interpretability.cover_pixels",
    difficulty=2,
    answer=cover_pixels,
    right_answers=[covered_by_ranks, covered_by_multiplying],
    cases=[
        (torch.tensor([[[[1.0, 2.0], [4.0, 3.0]]]]), torch.tensor([[[0.1, 0.8], [-0.9, 0.3]]]), 1),
        (_numbers(15, 2, 3, 2, 2), _numbers(16, 2, 2, 2) + torch.tensor([0.0, 3.0])[:, None, None], 2),
        (_numbers(17, 3, 2, 2, 3), _numbers(18, 3, 2, 3), 3),
        (_numbers(15, 2, 3, 2, 2), _numbers(16, 2, 2, 2), 0),
        (_numbers(15, 2, 3, 2, 2), _numbers(16, 2, 2, 2), 4),  # all pixels
    ],
    wrong_answers=[
        WrongAnswer(lowest_covered, "You cover the lowest values. The highest ones come first."),
        WrongAnswer(only_these_kept, "You keep these pixels and cover all others."),
        WrongAnswer(one_pixel_more, "You cover one pixel too many."),
        WrongAnswer(first_channel_only, "You cover one channel, and the others still show the pixel."),
        WrongAnswer(highest_absolute_values, "You rank by absolute value. A strongly negative pixel comes last."),
        WrongAnswer(places_of_the_first_map, "You use the first map for all images. Each image has its own map."),
        WrongAnswer(
            places_of_every_map, "You cover the places of every map in each image. Pair them: go image by image."
        ),
        WrongAnswer(brightest_covered, "You rank by the image. Rank by the map."),
        WrongAnswer(highest_of_all_maps, "One threshold for all maps covers unequal numbers of pixels. Go map by map."),
    ],
    hints=[
        "values.topk(n).indices gives the places of the highest values of a flattened map.",
        "Flatten the pixels with images.clone().flatten(2), and set these places to 0 in all channels.",
    ],
    praise="If the map is true, the class's probability falls faster than with pixels covered at random.",
)

# ----------------------------------------------------------------------------------- interpretability.shapley_weight


def shapley_weight(n_players: int, n_before: int) -> float:
    """Return the probability that just a given group has joined before a given player.

    All orders of the n_players players are equally likely. The group has n_before
    members, from 0 to n_players - 1, and does not hold the player. Count the orders in
    which its members come first, then the player, then all others; divide by the number
    of all orders.
    """
    before, after = math.factorial(n_before), math.factorial(n_players - n_before - 1)
    return before * after / math.factorial(n_players)


def weight_by_binomials(n_players, n_before):
    """By a binomial coefficient."""
    return 1 / (n_players * math.comb(n_players - 1, n_before))


def weight_as_a_product(n_players, n_before):
    """As a product of fractions."""
    weight = 1 / n_players
    for i in range(n_before):
        weight *= (i + 1) / (n_players - 1 - i)
    return weight


def without_the_factorials(n_players, n_before):
    """Without the factorials."""
    return n_before * (n_players - n_before - 1) / n_players


def all_subsets_alike(n_players, n_before):  # noqa: ARG001 - that is the mistake
    """All groups count the same."""
    return 1 / 2 ** (n_players - 1)


def all_sizes_alike(n_players, n_before):  # noqa: ARG001 - that is the mistake
    """One over the number of players."""
    return 1 / n_players


def player_counted_as_after(n_players, n_before):
    """The player is counted among those after."""
    return math.factorial(n_before) * math.factorial(n_players - n_before) / math.factorial(n_players)


def order_of_the_others_forgotten(n_players, n_before):
    """The order of those after is forgotten."""
    return math.factorial(n_before) / math.factorial(n_players)


def order_of_the_group_forgotten(n_players, n_before):
    """The order of the group is forgotten."""
    return math.factorial(n_players - n_before - 1) / math.factorial(n_players)


def not_divided(n_players, n_before):
    """Not divided by all orders."""
    return float(math.factorial(n_before) * math.factorial(n_players - n_before - 1))


def one_of_the_groups(n_players, n_before):
    """One over the number of groups of that size."""
    return 1 / math.comb(n_players - 1, n_before)


SHAPLEY_WEIGHT = Exercise(
    name="interpretability.shapley_weight",
    difficulty=1,
    answer=shapley_weight,
    right_answers=[weight_by_binomials, weight_as_a_product],
    cases=[(3, 1), (2, 0), (4, 3), (5, 2), (6, 1), (1, 0)],
    wrong_answers=[
        WrongAnswer(without_the_factorials, "The factorials are missing: n members have n! orders."),
        WrongAnswer(
            all_subsets_alike, "All groups do not count the same: small and large ones are more probable each."
        ),
        WrongAnswer(all_sizes_alike, "That is the probability of a size. There are several groups of this size."),
        WrongAnswer(player_counted_as_after, "The player itself is not among those that come after: subtract 1."),
        WrongAnswer(order_of_the_others_forgotten, "Those that come after may stand in any order, too."),
        WrongAnswer(order_of_the_group_forgotten, "The members of the group may stand in any order, too."),
        WrongAnswer(not_divided, "That is the number of such orders. Divide it by the number of all orders."),
        WrongAnswer(
            one_of_the_groups, "That is the probability among groups of this size. Divide by n_players as well."
        ),
    ],
    hints=[
        "The group has math.factorial(n_before) orders, and n_players - n_before - 1 players come after.",
        "Multiply the two numbers of orders, and divide by math.factorial(n_players).",
    ],
    praise="Summed over all groups without the player, these weights are 1.",
)

# ---------------------------------------------------------------------------------- interpretability.passes_all_checks


def passes_all_checks(results: dict[str, dict[str, list[float]]]) -> list[str]:
    """Return the names of the methods that pass three checks, in the order of the dict.

    Each list has one number for each network. "inside" and "other": the share inside
    the image's own mask, and inside masks of different images. "deletion" and "random":
    the mean probability while pixels are deleted by the map, and at random. In every
    network inside must be above other, and deletion below random.
    "renewed": the rank correlation with the map of the network whose weights are new.
    "floor": the same with that network's map of a different image. The mean of renewed
    must be nearer to the mean of floor than to 1, the correlation of equal maps.
    """
    passed = []
    for name, r in results.items():
        localises = all(a > b for a, b in zip(r["inside"], r["other"], strict=True))
        deletes = all(a < b for a, b in zip(r["deletion"], r["random"], strict=True))
        renewed, floor = (sum(r[key]) / len(r[key]) for key in ("renewed", "floor"))
        if localises and deletes and renewed < (1 + floor) / 2:
            passed.append(name)
    return passed


def passed_by_arrays(results):
    """With arrays."""
    found = []
    for name in results:
        r = {key: np.array(values) for key, values in results[name].items()}
        renewed, floor = r["renewed"].mean(), r["floor"].mean()
        checks = [(r["inside"] > r["other"]).all(), renewed - floor < 1 - renewed, (r["deletion"] < r["random"]).all()]
        if all(checks):
            found.append(name)
    return found


def failed_removed(results):
    """Removes what fails."""
    left = dict(results)
    for name, r in results.items():
        n = len(r["inside"])
        bad = any(r["inside"][i] <= r["other"][i] or r["deletion"][i] >= r["random"][i] for i in range(n))
        if bad or 2 * sum(r["renewed"]) >= n + sum(r["floor"]):
            del left[name]
    return list(left)


def _all_pairs(lower, higher):
    return all(a < b for a, b in zip(lower, higher, strict=True))


def _near_the_floor(renewed, floor):
    return statistics.fmean(renewed) < (1 + statistics.fmean(floor)) / 2


def _passing(results, *, pairs=_all_pairs, changes=_near_the_floor, inside=True, deletion=True):
    """Those that pass the checks that are named."""
    return [
        name
        for name, r in results.items()
        if (not inside or pairs(r["other"], r["inside"]))
        and (not deletion or pairs(r["deletion"], r["random"]))
        and changes(r["renewed"], r["floor"])
    ]


def renewing_left_out(results):
    """The new weights are ignored."""
    return _passing(results, changes=lambda _renewed, _floor: True)


def mask_left_out(results):
    """The masks are ignored."""
    return _passing(results, inside=False)


def deletion_left_out(results):
    """The deletion is ignored."""
    return _passing(results, deletion=False)


def high_correlation_wanted(results):
    """A map that does not change is taken."""
    return _passing(results, changes=lambda renewed, floor: not _near_the_floor(renewed, floor))


def floor_left_out(results):
    """A fixed limit in place of the floor."""
    return _passing(results, changes=lambda renewed, _floor: statistics.fmean(renewed) < 0.5)


def below_the_floor(results):
    """The correlation must not exceed the floor."""
    return _passing(results, changes=lambda renewed, floor: statistics.fmean(renewed) < statistics.fmean(floor))


def high_probability_wanted(results):
    """The deletion is read the wrong way round."""
    turned = {name: r | {"deletion": r["random"], "random": r["deletion"]} for name, r in results.items()}
    return _passing(turned)


def means_compared(results):
    """Means in place of every network."""
    return _passing(results, pairs=lambda lower, higher: statistics.fmean(lower) < statistics.fmean(higher))


def lists_compared(results):
    """Lists compared as a whole."""
    return _passing(results, pairs=lambda lower, higher: lower < higher)


def extremes_compared(results):
    """The largest against the smallest."""
    return _passing(results, pairs=lambda lower, higher: max(lower) < min(higher))


def every_correlation_low(results):
    """Each correlation must be near its floor."""
    return _passing(
        results, changes=lambda renewed, floor: all(2 * a < 1 + b for a, b in zip(renewed, floor, strict=True))
    )


def one_check_is_enough(results):
    """One check is enough."""
    passed = {*mask_left_out(results), *deletion_left_out(results), *renewing_left_out(results)}
    return [name for name in results if name in passed]


_GOOD: dict[str, list[float]] = {
    "inside": [0.5, 0.6, 0.55],
    "other": [0.3, 0.4, 0.35],
    "renewed": [0.3, 0.8, 0.25],
    "floor": [0.25, 0.3, 0.2],
    "deletion": [0.6, 0.65, 0.6],
    "random": [0.8, 0.7, 0.85],
}
_EDGES = _GOOD | {"renewed": [1.0, 1.0, 1.0]}
_NOISE = _GOOD | {"inside": [0.3, 0.4, 0.35], "renewed": [0.0, 0.1, -0.1], "floor": [0.1, 0.0, 0.0]}

PASSES_ALL_CHECKS = Exercise(
    name="interpretability.passes_all_checks",
    difficulty=3,
    answer=passes_all_checks,
    right_answers=[passed_by_arrays, failed_removed],
    cases=[
        ({"gradients": _GOOD, "edges": _EDGES, "noise": _NOISE},),
        ({"elsewhere": _GOOD | {"inside": [0.2, 0.3, 0.3]}, "gradients": _GOOD},),
        ({"harmless": _GOOD | {"deletion": [0.9, 0.9, 0.9]}, "low": _GOOD | {"renewed": [0.1, 0.2, 0.3]}},),
        ({"once": _GOOD | {"inside": [0.9, 0.9, 0.34]}, "later": _GOOD | {"deletion": [0.1, 0.1, 0.86]}},),
        ({"first only": _GOOD | {"inside": [0.35, 0.1, 0.1]}},),
        ({"paired": _GOOD | {"inside": [0.32, 0.5, 0.4], "deletion": [0.75, 0.65, 0.8]}},),
        ({"smooth": _GOOD | {"renewed": [0.6, 0.62, 0.58], "floor": [0.4, 0.42, 0.38]}},),
        ({"stubborn": _GOOD | {"renewed": [0.45, 0.48, 0.47], "floor": [-0.2, -0.1, -0.2]}},),
    ],
    wrong_answers=[
        WrongAnswer(renewing_left_out, "You let a map pass that stays the same when the weights are drawn anew."),
        WrongAnswer(mask_left_out, "You let a map pass that is no more in its own mask than in that of another image."),
        WrongAnswer(deletion_left_out, "You let a map pass whose pixels matter less than random ones."),
        WrongAnswer(high_correlation_wanted, "A map must change when the weights do: it has to come near the floor."),
        WrongAnswer(floor_left_out, "A fixed limit of 0.5 ignores the floor. Take the middle between floor and 1."),
        WrongAnswer(below_the_floor, "It need not fall below the floor. It must be nearer to the floor than to 1."),
        WrongAnswer(high_probability_wanted, "Deleting important pixels lowers the probability: below random is good."),
        WrongAnswer(means_compared, "You compare means for the masks or the deletion. Every network has to pass."),
        WrongAnswer(
            lists_compared, "Python compares lists by the first entries that differ. Compare all pairs: all(...)."
        ),
        WrongAnswer(extremes_compared, "You compare across networks. Pair the numbers of the same network with zip."),
        WrongAnswer(every_correlation_low, "For the correlation the mean counts: one network may lie higher."),
        WrongAnswer(one_check_is_enough, "A method has to pass all three checks."),
    ],
    hints=[
        "Go through results.items(), and write each check as one line with all(...) or sum(...) / len(...).",
        "zip pairs inside with other, and deletion with random. The middle between floor and 1 is (1 + floor) / 2.",
    ],
    praise="A heat map that passes has survived three ways to be wrong, which does not prove that it is right.",
)

EXERCISES = [
    TO_HEAT_MAP,
    INSIDE_SHARE,
    POINTING_HITS,
    PATH_ATTRIBUTIONS,
    GRAD_CAM_MAPS,
    SHUFFLED_TOGETHER,
    RANKS_IN_AGREEMENT,
    COVER_PIXELS,
    SHAPLEY_WEIGHT,
    PASSES_ALL_CHECKS,
]
