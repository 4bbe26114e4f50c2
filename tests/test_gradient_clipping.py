"""Clipping against torch's own, the callbacks against plain loops."""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from torch import Tensor, nn

from helper_utils.base.training import train_model
from helper_utils.gradient_clipping import (
    AdaptiveClip,
    GradientNorms,
    clip_grad_norm_,
    clip_grad_value_,
    gradient_norms,
    plot_gradient_flow,
    total_norm,
)

NORM_TYPES = (1, 2, 3.5, math.inf, "inf")
SHAPES = {
    "one number": [()],
    "a matrix": [(4, 3)],
    "a network": [(8, 5), (8,), (2, 8), (2,)],
    "a convolution": [(4, 3, 2, 2), (4,)],
}
SPECIAL = {
    "ordinary": None,
    "all zero": 0.0,
    "one infinite": math.inf,
    "one minus infinite": -math.inf,
    "one nan": math.nan,
}


def make_parameters(shapes, dtype=torch.float32, special=None, scale=1.0, missing=()) -> list[nn.Parameter]:
    """Parameters with random gradients; the first entry of the first one (or all, for 0) is the special value."""
    generator = torch.Generator().manual_seed(0)
    parameters = []
    for number, shape in enumerate(shapes):
        parameter = nn.Parameter(torch.zeros(shape, dtype=dtype))
        if number not in missing:
            gradient = scale * torch.randn(shape, generator=generator, dtype=dtype)
            if special == 0:
                gradient.zero_()
            elif special is not None and number == 0:
                gradient.view(-1)[0] = special
            parameter.grad = gradient
        parameters.append(parameter)
    return parameters


def assert_same_gradients(ours: list[nn.Parameter], theirs: list[nn.Parameter]) -> None:
    for our, their in zip(ours, theirs, strict=True):
        assert (our.grad is None) == (their.grad is None)
        if our.grad is not None:
            torch.testing.assert_close(our.grad, their.grad, equal_nan=True)


# ------------------------------------------------------------------------------------------------ as torch does it


@pytest.mark.parametrize("special", SPECIAL.values(), ids=SPECIAL.keys())
@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("norm_type", NORM_TYPES)
def test_clipping_by_norm_equals_torch(norm_type, shapes, special):
    for dtype, max_norm, scale in itertools.product(
        (torch.float32, torch.float64), (1e-3, 1.0, 5, math.inf), (1e-4, 1, 100)
    ):
        ours, theirs = (make_parameters(shapes, dtype, special, scale) for _ in range(2))
        norm = clip_grad_norm_(ours, max_norm, norm_type)
        expected = nn.utils.clip_grad_norm_(theirs, max_norm, float(norm_type))
        torch.testing.assert_close(norm, expected, equal_nan=True)
        assert norm.dtype == expected.dtype
        assert_same_gradients(ours, theirs)


@pytest.mark.parametrize("special", SPECIAL.values(), ids=SPECIAL.keys())
@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES.keys())
def test_clipping_by_value_equals_torch(shapes, special):
    for dtype, value, scale in itertools.product((torch.float32, torch.float64), (1e-3, 1, 5.0), (1e-4, 1, 100)):
        ours, theirs = (make_parameters(shapes, dtype, special, scale) for _ in range(2))
        assert clip_grad_value_(ours, value) is None
        nn.utils.clip_grad_value_(theirs, value)
        assert_same_gradients(ours, theirs)


@pytest.mark.parametrize("missing", [(0,), (1, 2), (0, 1, 2, 3)])
def test_parameters_without_a_gradient_are_left_out(missing):
    ours, theirs = (make_parameters(SHAPES["a network"], missing=missing, scale=10) for _ in range(2))
    torch.testing.assert_close(clip_grad_norm_(ours, 1.0), nn.utils.clip_grad_norm_(theirs, 1.0))
    assert_same_gradients(ours, theirs)
    clip_grad_value_(ours, 0.1)
    if len(missing) < len(ours):  # torch 2.14 breaks where no parameter at all has a gradient
        nn.utils.clip_grad_value_(theirs, 0.1)
    assert_same_gradients(ours, theirs)


@pytest.mark.parametrize("make_iterable", [list, tuple, iter, lambda p: (x for x in p), lambda p: p[0]])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(clip_grad_norm_, nn.utils.clip_grad_norm_), (clip_grad_value_, nn.utils.clip_grad_value_)],
)
def test_one_tensor_or_any_iterable(make_iterable, ours, theirs):
    parameters, expected = (make_parameters([(3, 2), (4,)], scale=10) for _ in range(2))
    result, expected_result = ours(make_iterable(parameters), 0.5), theirs(make_iterable(expected), 0.5)
    if expected_result is None:
        assert result is None
    else:
        torch.testing.assert_close(result, expected_result)
    assert_same_gradients(parameters, expected)


@pytest.mark.parametrize("norm_type", [1, 2])  # an empty tensor has no largest entry
def test_a_parameter_may_be_empty(norm_type):
    ours, theirs = (make_parameters([(3,), (0,)], scale=10) for _ in range(2))
    torch.testing.assert_close(clip_grad_norm_(ours, 1.0, norm_type), nn.utils.clip_grad_norm_(theirs, 1.0, norm_type))
    assert_same_gradients(ours, theirs)


def test_types_may_be_mixed():
    ours, theirs = (
        [*make_parameters([(3,)], torch.float32, scale=9), *make_parameters([(4,)], torch.float64, scale=9)]
        for _ in range(2)
    )
    torch.testing.assert_close(clip_grad_norm_(ours, 1.0), nn.utils.clip_grad_norm_(theirs, 1.0))
    assert_same_gradients(ours, theirs)


@pytest.mark.parametrize("special", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("norm_type", NORM_TYPES)
def test_a_norm_that_is_not_finite_raises_on_request_and_changes_nothing(norm_type, special):
    parameters = make_parameters(SHAPES["a network"], special=special)
    before = copy.deepcopy([p.grad for p in parameters])
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(parameters, 1.0, float(norm_type), error_if_nonfinite=True)
    with pytest.raises(RuntimeError, match=r"norm of the gradients is (nan|inf)"):
        clip_grad_norm_(parameters, 1.0, norm_type, error_if_nonfinite=True)
    torch.testing.assert_close([p.grad for p in parameters], before, equal_nan=True, rtol=0, atol=0)


def test_neither_is_part_of_the_graph():
    weight = torch.ones(3, requires_grad=True)
    [gradient] = torch.autograd.grad((weight**2).sum(), weight, create_graph=True)
    weight.grad = gradient.clone()
    assert not clip_grad_norm_(weight, 1.0).requires_grad


# ------------------------------------------------------------------------------------------------------- properties

numbers = st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=12)
thresholds = st.floats(1e-3, 1e4)
norm_types = st.sampled_from([1.0, 2.0, math.inf])


def with_gradient(values: list[float]) -> tuple[list[nn.Parameter], Tensor]:
    """Two parameters that share the values between them as their gradients; and the whole gradient."""
    gradient = torch.tensor(values, dtype=torch.float64)
    parameters = [nn.Parameter(torch.zeros(len(part), dtype=torch.float64)) for part in gradient.tensor_split(2)]
    for parameter, part in zip(parameters, gradient.tensor_split(2), strict=True):
        parameter.grad = part.clone()
    return [p for p in parameters if len(p)], gradient


def whole_gradient(parameters: list[nn.Parameter]) -> Tensor:
    return torch.cat([p.grad for p in parameters if p.grad is not None])


@given(numbers, thresholds, norm_types)
def test_clipping_by_norm_keeps_the_direction_and_the_bound_and_never_scales_up(values, max_norm, norm_type):
    parameters, before = with_gradient(values)
    norm = clip_grad_norm_(parameters, max_norm, norm_type)
    after = whole_gradient(parameters)
    assert total_norm([after], norm_type) <= max_norm * (1 + 1e-6)
    assert total_norm([after], norm_type) <= norm * (1 + 1e-12)  # the two norms are not summed in the same order
    # one factor for all entries, and none of them has changed its sign
    torch.testing.assert_close(after * norm, before * total_norm([after], norm_type), rtol=1e-9, atol=1e-30)
    assert (after * before >= 0).all()


@given(numbers, thresholds, norm_types)
def test_clipping_twice_is_clipping_once(values, threshold, norm_type):
    parameters, _ = with_gradient(values)
    clip_grad_norm_(parameters, threshold, norm_type)
    once = whole_gradient(parameters).clone()
    clip_grad_norm_(parameters, threshold, norm_type)
    torch.testing.assert_close(whole_gradient(parameters), once, rtol=1e-5 / min(threshold, 1), atol=0)

    parameters, _ = with_gradient(values)
    clip_grad_value_(parameters, threshold)
    once = whole_gradient(parameters).clone()
    clip_grad_value_(parameters, threshold)
    assert torch.equal(whole_gradient(parameters), once)


@given(numbers, st.floats(1.001, 100))
def test_a_threshold_above_the_norm_changes_no_bit(values, ratio):
    parameters, before = with_gradient(values)
    clip_grad_norm_(parameters, ratio * before.norm().item() + 1e-5)
    assert torch.equal(whole_gradient(parameters), before)
    clip_grad_value_(parameters, ratio * before.abs().max().item() + 1e-5)
    assert torch.equal(whole_gradient(parameters), before)


@given(numbers, thresholds)
def test_clipping_by_value_turns_where_it_binds_on_some_entries_only(values, clip_value):
    parameters, before = with_gradient(values)
    clip_grad_value_(parameters, clip_value)
    after = whole_gradient(parameters)
    assert after.abs().max() <= clip_value
    # An entry far smaller than the rest turns the gradient by less than rounding does.
    free = (before.abs() < clip_value) & (before.abs() > 1e-3 * clip_value)
    assume(free.any() and (before.abs() > 1.1 * clip_value).any())
    assert nn.functional.cosine_similarity(before, after, dim=0) < 1 - 1e-14


@pytest.mark.parametrize("threshold", [0, -1.0, math.nan, -math.inf])
def test_a_threshold_must_be_positive(threshold):
    parameters = make_parameters([(3,)])
    with pytest.raises(ValueError, match=f"max_norm must be positive, not {threshold}"):
        clip_grad_norm_(parameters, threshold)
    with pytest.raises(ValueError, match=f"clip_value must be positive, not {threshold}"):
        clip_grad_value_(parameters, threshold)
    with pytest.raises(ValueError, match=f"norm_type must be positive, not {threshold}"):
        clip_grad_norm_(parameters, 1.0, threshold)


@pytest.mark.parametrize("clip", [clip_grad_norm_, clip_grad_value_])
def test_a_generator_that_is_used_up_is_an_error(clip):
    parameters = iter(make_parameters([(3,)]))
    clip(parameters, 1.0)
    with pytest.raises(ValueError, match="used up"):
        clip(parameters, 1.0)


def test_the_total_norm_is_that_of_one_long_vector():
    tensors = [torch.tensor([[3.0]]), torch.tensor([0.0, -4.0])]
    assert total_norm(tensors).item() == 5
    assert total_norm(tensors, 1).item() == 7
    assert total_norm(tensors, math.inf).item() == 4
    assert total_norm([]).item() == 0


# -------------------------------------------------------------------------------------------------------- callbacks


def make_training(n_batches=6):
    """A small network, its optimizer, and batches whose targets differ in size."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1))
    batches = [(torch.randn(8, 4), 10.0 ** (i % 3) * torch.randn(8, 1)) for i in range(n_batches)]
    return model, torch.optim.SGD(model.parameters(), lr=0.01), batches


def train(model, optimizer, batches, callbacks, n_epochs=2, **options):
    loss_fcn = nn.functional.mse_loss
    return train_model(
        model, optimizer, batches, n_epochs, loss_fcn, "cpu", callbacks=callbacks, progress=False, **options
    )


@pytest.mark.parametrize("percentile", [5, 10, 50, 100])
def test_adaptive_clipping_is_the_loop_of_its_paper(percentile):
    model, optimizer, batches = make_training()
    clip = AdaptiveClip(percentile)
    train(model, optimizer, batches, [clip])

    expected_model, expected_optimizer, _ = make_training()
    history, thresholds = [], []
    for inputs, targets in batches * 2:
        expected_optimizer.zero_grad()
        nn.functional.mse_loss(expected_model(inputs), targets).backward()
        gradient = torch.cat([p.grad.flatten() for p in expected_model.parameters() if p.grad is not None])
        history.append(gradient.norm().item())
        thresholds.append(float(np.percentile(history, percentile)))
        nn.utils.clip_grad_norm_(expected_model.parameters(), thresholds[-1])
        expected_optimizer.step()
    assert clip.norms == pytest.approx(history, rel=1e-4)
    assert clip.thresholds == pytest.approx(thresholds, rel=1e-4)
    for ours, theirs in zip(model.parameters(), expected_model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_callbacks_forget_an_earlier_training():
    used, fresh = (AdaptiveClip(50), GradientNorms()), (AdaptiveClip(50), GradientNorms())
    model, optimizer, batches = make_training()
    train(model, optimizer, [(100 * inputs, targets) for inputs, targets in batches], used)
    for callbacks in (used, fresh):
        model, optimizer, batches = make_training()
        train(model, optimizer, batches, callbacks)
    assert used[0].thresholds == fresh[0].thresholds
    assert used[0].norms == fresh[0].norms
    assert used[1].to_frame().equals(fresh[1].to_frame())


def test_the_hundredth_percentile_never_clips():
    model, optimizer, batches = make_training()
    train(model, optimizer, batches, [AdaptiveClip(100)])
    plain, plain_optimizer, _ = make_training()
    train(plain, plain_optimizer, batches, [])
    for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_adaptive_clipping_skips_gradients_of_zero():
    model = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(model.weight)
    batches = [(torch.zeros(3, 2), torch.zeros(3, 1)), (torch.ones(3, 2), torch.ones(3, 1))]
    clip = AdaptiveClip(50)
    train(model, torch.optim.SGD(model.parameters(), lr=0.1), batches, [clip], n_epochs=1)
    assert len(clip.norms) == len(clip.thresholds) == 1
    assert (model.weight > 0).all()


def test_adaptive_clipping_stops_at_a_gradient_that_is_not_finite():
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    batches = [(torch.ones(2, 1), torch.ones(2, 1)), (torch.zeros(2, 1), torch.zeros(2, 1))]

    def root_loss(predictions, targets):  # the root has an infinite slope at 0, where the loss itself is finite
        return (predictions - targets).abs().sqrt().mean()

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(FloatingPointError, match=r"epoch 1, batch 1 \(counted from 0\)"):
        train_model(model, optimizer, batches, 1, root_loss, "cpu", callbacks=[AdaptiveClip()], progress=False)
    assert model.weight.isfinite().all()


@pytest.mark.parametrize("percentile", [0, -1, 100.1, math.nan])
def test_a_percentile_outside_its_range_is_an_error(percentile):
    with pytest.raises(ValueError, match=f"percentile must be above 0 and at most 100, not {percentile}"):
        AdaptiveClip(percentile)


def test_the_record_has_a_row_for_each_step():
    model, optimizer, batches = make_training()
    record = GradientNorms()
    history = train(model, optimizer, batches, [record])
    frame = record.to_frame()
    assert list(frame.columns) == ["total", "0", "2"]
    assert frame.index.names == ["epoch", "batch"]
    assert list(frame.index) == list(itertools.product((1, 2), range(len(batches))))
    np.testing.assert_allclose(frame["total"], np.hypot(frame["0"], frame["2"]), rtol=1e-6)
    plain, plain_optimizer, _ = make_training()  # recording changes nothing
    assert train(plain, plain_optimizer, batches, []).train_loss == history.train_loss


def test_the_record_of_parameters_has_a_column_for_each():
    model, optimizer, batches = make_training()
    record = GradientNorms(by="parameter")
    train(model, optimizer, batches, [record], n_epochs=1)
    assert list(record.to_frame().columns) == ["total", "0.weight", "0.bias", "2.weight", "2.bias"]


def test_the_record_sees_what_its_place_lets_it_see():
    model, optimizer, batches = make_training()
    before, after = GradientNorms(), GradientNorms()
    train(model, optimizer, batches, [before, AdaptiveClip(30), after], clip_norm=0.01)
    assert all(b >= a - 1e-9 for b, a in zip(before.totals, after.totals, strict=True))
    assert max(before.totals) > max(after.totals) > 0.01  # clip_norm comes after all callbacks


def test_the_record_of_a_training_that_breaks_keeps_the_steps_before():
    model, optimizer, batches = make_training()
    batches[4] = (batches[4][0] * math.nan, batches[4][1])
    record = GradientNorms()
    with pytest.raises(FloatingPointError, match="batch 4"):
        train(model, optimizer, batches, [record])
    assert record.steps == [(1, batch) for batch in range(4)]


def test_missing_gradients_are_told_from_zero():
    last = nn.Linear(1, 1)
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1), last)
    model[0].requires_grad_(False)
    nn.init.zeros_(last.weight)
    model(torch.ones(1, 2)).sum().backward()
    norms = gradient_norms(model)
    assert norms["0"] is None
    assert norms["1"] == 0
    assert norms["2"] is not None
    assert norms["2"] >= 1  # the bias
    assert gradient_norms(model, by="parameter")["0.bias"] is None
    assert list(gradient_norms(model[2])) == ["Linear"]


def test_a_record_shows_missing_gradients_as_nan():
    model, optimizer, batches = make_training()
    model[0].requires_grad_(False)
    record = GradientNorms()
    train(model, optimizer, batches, [record])
    assert bool(record.to_frame()["0"].isna().all())
    assert bool(record.to_frame()["2"].notna().all())


@pytest.mark.parametrize("make", [GradientNorms, lambda by: gradient_norms(nn.Linear(1, 1), by)])
def test_norms_are_by_layer_or_by_parameter(make):
    with pytest.raises(ValueError, match="by must be 'layer' or 'parameter', not 'weight'"):
        make("weight")


def test_a_model_without_parameters_has_no_norms():
    with pytest.raises(ValueError, match="ReLU, has no parameters"):
        gradient_norms(nn.ReLU())


# ---------------------------------------------------------------------------------------------------------- picture


def test_the_picture_of_a_model_shows_norms_and_marks():
    third, last = nn.Linear(3, 1), nn.Linear(1, 1)
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3), third, last)
    model[0].requires_grad_(False)
    nn.init.zeros_(last.weight)
    model(torch.ones(1, 2)).sum().backward()
    third.weight.grad = torch.full_like(third.weight, math.nan)
    figure = plot_gradient_flow(model)
    [axis] = figure.axes
    assert axis.get_yscale() == "log"
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0", "1", "2", "3"]
    expected = np.array([np.nan, np.nan, np.nan, gradient_norms(model)["3"]], dtype=float)
    np.testing.assert_allclose(np.asarray(axis.lines[0].get_ydata(), dtype=float), expected)
    legend = axis.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "no gradient", "gradient is 0", "nan or infinite"
    ]  # fmt: skip
    assert [np.asarray(points.get_offsets())[:, 0].tolist() for points in axis.collections] == [[0], [1], [2]]
    plt.close(figure)


def test_the_picture_of_a_record_shows_the_median_over_the_steps():
    model, optimizer, batches = make_training()
    record = GradientNorms()
    train(model, optimizer, batches, [record])
    figure, given_axis = plt.subplots()
    assert plot_gradient_flow(record, axis=given_axis) is figure
    expected = record.to_frame()[["0", "2"]].median()
    np.testing.assert_allclose(np.asarray(given_axis.lines[0].get_ydata(), dtype=float), expected)
    assert given_axis.get_legend() is None
    plt.close(figure)


@pytest.mark.parametrize("source", [nn.Linear(2, 2), GradientNorms()])
def test_nothing_to_draw_is_an_error(source):
    with pytest.raises(ValueError, match="call backward"):
        plot_gradient_flow(source)
