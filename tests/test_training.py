import copy
import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CyclicLR,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from torch.utils.data import DataLoader, TensorDataset

from helper_utils import (
    Callback,
    EachBatch,
    EarlyStopping,
    evaluate_accuracy,
    evaluate_loss,
    evaluate_metrics,
    set_seed,
    train_epoch,
    train_model,
)
from helper_utils.base.callbacks import ProgressBar
from helper_utils.schedulers import ReduceLROnPlateau as OurPlateau
from helper_utils.schedulers import lr_range_test

CROSS_ENTROPY = nn.CrossEntropyLoss()


def make_batches(n: int = 50, batch_size: int = 16, seed: int = 0) -> DataLoader:
    """Three classes in the plane that a linear model can tell apart."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.arange(n) % 3
    centres = torch.tensor([[2.0, 0.0], [-2.0, 1.0], [0.0, -2.0]])
    inputs = centres[targets] + 0.3 * torch.randn(n, 2, generator=generator)
    return DataLoader(TensorDataset(inputs, targets), batch_size)


def make_model(seed: int = 0) -> nn.Module:
    set_seed(seed)
    return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Dropout(0.0), nn.Linear(8, 3))


def make_optimizer(model: nn.Module, lr: float = 0.1) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=lr)


class FixedLogits(nn.Module):
    """Gives its inputs as logits; has a parameter so that an optimizer takes it."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs * self.scale


# --------------------------------------------------------------------------------------------------------- the loop


def test_train_epoch_is_the_loop_written_by_hand():
    ours, by_hand = make_model(), make_model()
    loss, accuracy = train_epoch(ours, make_batches(), make_optimizer(ours), CROSS_ENTROPY, "cpu")

    optimizer, losses, n_correct = make_optimizer(by_hand), [], 0
    for inputs, targets in make_batches():
        logits = by_hand(inputs)
        batch_loss = CROSS_ENTROPY(logits, targets)
        optimizer.zero_grad()
        batch_loss.backward()
        optimizer.step()
        losses += [batch_loss.item()] * len(targets)  # the last batch is smaller and weighs less
        n_correct += int((logits.argmax(1) == targets).sum())

    assert loss == pytest.approx(np.mean(losses))
    assert accuracy == n_correct / 50
    for a, b in zip(ours.parameters(), by_hand.parameters(), strict=True):
        assert torch.equal(a, b)


def test_training_learns_and_the_history_says_so():
    model = make_model()
    history = train_model(
        model, make_optimizer(model), make_batches(), 20, CROSS_ENTROPY, "cpu",
        val_dataloader=make_batches(seed=1), progress=False,
    )  # fmt: skip
    table = history.to_frame()
    assert list(table.index) == list(range(1, 21))
    assert list(table.columns) == ["train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr", "seconds"]
    assert table.val_loss.iloc[-1] < 0.3 * table.val_loss.iloc[0]
    assert table.val_accuracy.iloc[-1] == evaluate_accuracy(model, make_batches(seed=1), "cpu") > 0.95
    assert (table.seconds > 0).all()


def test_without_validation_data_its_columns_are_nan():
    model = make_model()
    history = train_model(model, make_optimizer(model), make_batches(), 1, CROSS_ENTROPY, "cpu", progress=False)
    assert math.isnan(history.val_loss[0])
    assert math.isnan(history.val_accuracy[0])


def test_the_same_seed_gives_the_same_history():
    histories = []
    for _ in range(2):
        model = make_model(3)
        history = train_model(model, make_optimizer(model), make_batches(), 3, CROSS_ENTROPY, "cpu", progress=False)
        histories.append((history.train_loss, history.train_accuracy))
    assert histories[0] == histories[1]


def test_regression_has_a_loss_and_no_accuracy():
    data = [(torch.ones(4, 2), torch.zeros(4, 3))]
    model = make_model()
    loss, accuracy = train_epoch(model, data, make_optimizer(model), nn.MSELoss(), "cpu")
    assert loss > 0
    assert math.isnan(accuracy)


INTEGERS_WITHOUT_AN_ACCURACY = {
    "a column": (nn.Linear(2, 3), torch.ones(4, 2), torch.zeros(4, 1, dtype=torch.long), "(4, 1): take targets.sq"),
    "one-hot": (nn.Linear(2, 3), torch.ones(3, 2), torch.eye(3, dtype=torch.long), "not (3, 3): take targets.argmax"),
    "one-hot for other outputs": (nn.Linear(2, 3), torch.ones(2, 2), torch.eye(2, dtype=torch.long), "not (2, 2)"),
    "a class a pixel": (nn.Conv2d(2, 3, 1), torch.ones(4, 2, 5, 5), torch.ones(4, 5, 5, dtype=torch.long), "(4, 5, 5)"),
    "one logit": (nn.Linear(2, 1), torch.ones(4, 2), torch.tensor([0, 1, 1, 0]), "not (4, 1): a single logit"),
    "outputs with a length": (nn.Linear(2, 3), torch.ones(4, 6, 2), torch.tensor([0, 1, 1, 0]), "not (4, 6, 3)"),
    "outputs of a batch too long": (nn.Flatten(0, 0), torch.ones(4, 2, 3), torch.tensor([0, 1]), "shape (2, classes)"),
}  # fmt: skip


@pytest.mark.parametrize("name", INTEGERS_WITHOUT_AN_ACCURACY)
def test_shapes_of_which_there_is_no_accuracy_are_refused(name):
    """PyTorch compares (N,) with (N, 1) as N by N pairs: the share of right ones would be wrong, or above 1."""
    model, inputs, targets, message = INTEGERS_WITHOUT_AN_ACCURACY[name]
    scaled = nn.Sequential(model, FixedLogits())  # so that each has a parameter
    before, optimizer = copy.deepcopy(scaled.state_dict()), make_optimizer(scaled)

    def loss_fcn(outputs: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        return outputs.square().mean()

    for measure in (
        lambda: train_epoch(scaled, [(inputs, targets)], optimizer, loss_fcn, "cpu"),
        lambda: train_model(scaled, optimizer, [(inputs, targets)], 1, loss_fcn, "cpu", progress=False),
        lambda: evaluate_accuracy(scaled, [(inputs, targets)], "cpu"),
        lambda: evaluate_metrics(scaled, [(inputs, targets)], "cpu", num_classes=3),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            measure()
    assert all(torch.equal(before[name], value) for name, value in scaled.state_dict().items())  # no step was taken

    train_loss, accuracy = train_epoch(scaled, [(inputs, targets)], optimizer, loss_fcn, "cpu", accuracy=False)
    assert train_loss > 0
    assert math.isnan(accuracy)
    history = train_model(
        scaled, optimizer, [(inputs, targets)], 1, loss_fcn, "cpu",
        val_dataloader=[(inputs, targets)], accuracy=False, progress=False,
    )  # fmt: skip
    assert evaluate_loss(scaled, [(inputs, targets)], loss_fcn, "cpu") == history.val_loss[-1]
    assert math.isnan(history.val_accuracy[-1])


def test_an_accuracy_on_soft_labels_is_refused():
    with pytest.raises(ValueError, match=r"integers, the numbers of the classes, not torch.float32"):
        evaluate_accuracy(FixedLogits(), [(torch.eye(3), torch.ones(3))], "cpu")


def test_a_model_that_the_optimizer_does_not_hold_is_refused():
    model = make_model()
    for train in (
        lambda optimizer: train_model(model, optimizer, make_batches(), 1, CROSS_ENTROPY, "cpu", progress=False),
        lambda optimizer: lr_range_test(model, optimizer, make_batches(), CROSS_ENTROPY, "cpu"),
    ):
        with pytest.raises(ValueError, match="does not hold the model's parameters"):
            train(make_optimizer(make_model()))
        with pytest.raises(TypeError, match="not the class SGD"):
            train(torch.optim.SGD)


def test_some_of_the_models_parameters_are_enough():
    model = make_model()
    head = make_optimizer(model[-1])  # type: ignore[index]
    assert len(train_model(model, head, make_batches(), 1, CROSS_ENTROPY, "cpu", progress=False)) == 1


def test_any_iterable_of_batches_will_do():
    model = make_model()
    batches = list(make_batches())
    history = train_model(model, make_optimizer(model), batches, 2, CROSS_ENTROPY, "cpu", progress=False)
    assert len(history) == 2


@pytest.mark.parametrize("progress", [False, True])
def test_no_batches_is_an_error_that_says_so(progress):
    model = make_model()
    with pytest.raises(ValueError, match="no batches"):
        train_model(model, make_optimizer(model), [], 1, CROSS_ENTROPY, "cpu", progress=progress)
    with pytest.raises(ValueError, match="no batches"):
        evaluate_accuracy(model, [], "cpu")
    with pytest.raises(ValueError, match="no batches"):
        evaluate_loss(model, [], CROSS_ENTROPY, "cpu")


def test_negative_epochs_are_refused_and_none_leave_the_model():
    model = make_model()
    with pytest.raises(ValueError, match="-1"):
        train_model(model, make_optimizer(model), make_batches(), -1, CROSS_ENTROPY, "cpu")
    assert len(train_model(model, make_optimizer(model), make_batches(), 0, CROSS_ENTROPY, "cpu", progress=False)) == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_before_the_step_and_says_where(bad):
    batches = [(torch.ones(2, 3), torch.tensor([0, 1])) for _ in range(4)]
    batches[2] = (torch.full((2, 3), bad), torch.tensor([0, 1]))
    model = FixedLogits()
    with pytest.raises(FloatingPointError, match="nan in epoch 1, batch 2"):
        train_model(model, make_optimizer(model), batches, 3, CROSS_ENTROPY, "cpu", progress=False)
    assert torch.isfinite(model.scale).all()


# ------------------------------------------------------------------------------------------------- around the loop


class RecordLr(Callback):
    def __init__(self) -> None:
        self.lrs = []

    def before_step(self, run):
        self.lrs.append(run.optimizer.param_groups[0]["lr"])


def lrs_of_training(scheduler_of, n_epochs: int = 3) -> tuple[list[float], list[float]]:
    """The rate of each step, and the rate in the history; four batches an epoch."""
    model, recorder = make_model(), RecordLr()
    optimizer = make_optimizer(model)
    history = train_model(
        model, optimizer, make_batches(), n_epochs, CROSS_ENTROPY, "cpu",
        scheduler=scheduler_of(optimizer), callbacks=[recorder], progress=False,
    )  # fmt: skip
    return recorder.lrs, history.lr


def test_a_scheduler_is_stepped_after_each_epoch():
    steps, history = lrs_of_training(lambda optimizer: StepLR(optimizer, 1, gamma=0.1))
    assert steps == pytest.approx([0.1] * 4 + [0.01] * 4 + [0.001] * 4)
    assert history == pytest.approx([0.1, 0.01, 0.001])


def test_a_marked_scheduler_is_stepped_after_each_batch():
    steps, history = lrs_of_training(lambda o: EachBatch(LinearLR(o, start_factor=0.1, total_iters=9)))
    assert steps == pytest.approx([0.01 * (1 + min(step, 9)) for step in range(12)])
    assert history == pytest.approx([0.01, 0.05, 0.09])


def test_schedulers_that_count_batches_must_be_marked():
    model = make_model()
    for scheduler_of in (lambda o: OneCycleLR(o, 0.1, 12), lambda o: CyclicLR(o, 0.01, 0.1, cycle_momentum=False)):
        with pytest.raises(ValueError, match="EachBatch"):
            lrs_of_training(scheduler_of)
    lrs_of_training(lambda o: EachBatch(OneCycleLR(o, 0.1, 12)))
    with pytest.raises(ValueError, match="ReduceLROnPlateau"):
        EachBatch(ReduceLROnPlateau(make_optimizer(model)))  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_plateau_scheduler_gets_the_metric_of_its_mode(mode, monkeypatch):
    """With the wrong metric (a loss for mode="max") a model that improves would look as if it got worse."""
    seen = []
    monkeypatch.setattr(ReduceLROnPlateau, "step", lambda _, metric: seen.append(metric))
    model = make_model()
    optimizer = make_optimizer(model)
    for val_dataloader in (None, make_batches(seed=1)):
        seen.clear()
        history = train_model(
            model, optimizer, make_batches(), 2, CROSS_ENTROPY, "cpu",
            val_dataloader=val_dataloader, scheduler=ReduceLROnPlateau(optimizer, mode), progress=False,
        )  # fmt: skip
        part = "train" if val_dataloader is None else "val"
        assert seen == getattr(history, f"{part}_{'loss' if mode == 'min' else 'accuracy'}")


class LikeAScheduler:
    """Has the method, as schedulers of other libraries do, and is none of torch's."""

    def step(self, epoch: int | None = None) -> None: ...


@pytest.mark.parametrize(
    ("scheduler_of", "named"),
    [
        (lambda _: LikeAScheduler(), "an object of type LikeAScheduler"),
        (lambda o: [StepLR(o, 1)], "an object of type list"),
        (lambda _: lambda epoch: 0.5**epoch, "an object of type function"),
        (lambda _: StepLR, "the class StepLR"),
        (lambda _: OurPlateau, "the class ReduceLROnPlateau"),
        (lambda _: EachBatch(LikeAScheduler()), "an object of type LikeAScheduler"),  # type: ignore[arg-type]
        (lambda _: EachBatch(StepLR), "the class StepLR"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_scheduler_is_refused_by_name(scheduler_of, named):
    with pytest.raises(TypeError, match=rf"torch\.optim\.lr_scheduler.*not {named}"):
        lrs_of_training(scheduler_of)


@pytest.mark.parametrize("marked", [False, True])
def test_a_scheduler_of_another_optimizer_is_refused(marked):
    def of_another(_: torch.optim.Optimizer):
        scheduler = StepLR(make_optimizer(make_model()), 1)
        return EachBatch(scheduler) if marked else scheduler

    with pytest.raises(ValueError, match="the StepLR was made for another optimizer"):
        lrs_of_training(of_another)
    with pytest.raises(ValueError, match="the ReduceLROnPlateau was made for another optimizer"):
        lrs_of_training(lambda _: ReduceLROnPlateau(make_optimizer(make_model())))


def test_a_scheduler_of_batches_is_found_inside_another():
    def chain(optimizer):
        return SequentialLR(optimizer, [StepLR(optimizer, 1), OneCycleLR(optimizer, 0.1, 12)], [1])

    with pytest.raises(ValueError, match=r"OneCycleLR counts batches.*EachBatch\(SequentialLR"):
        lrs_of_training(chain)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_courses_plateau_rule_does_what_torchs_does(mode):
    def rates(make_scheduler):
        model = make_model()
        optimizer = torch.optim.SGD([{"params": [p]} for p in model.parameters()], lr=0.1)
        train_model(
            model, optimizer, make_batches(), 4, CROSS_ENTROPY, "cpu",
            scheduler=make_scheduler(optimizer), callbacks=[recorder := RecordLr()], progress=False,
        )  # fmt: skip
        assert len({group["lr"] for group in optimizer.param_groups}) == 1
        return recorder.lrs

    settings = {"mode": mode, "factor": 0.5, "patience": 0, "threshold": 9.0, "threshold_mode": "abs"}
    ours, torchs = rates(lambda _: OurPlateau(0.1, **settings)), rates(lambda o: ReduceLROnPlateau(o, **settings))
    assert ours == pytest.approx(torchs)
    assert ours[0] > ours[-1]


def test_the_courses_plateau_rule_must_begin_at_the_optimizers_rate():
    with pytest.raises(ValueError, match=r"is at a rate of 0\.2, the optimizer at 0\.1"):
        lrs_of_training(lambda _: OurPlateau(0.2))
    with pytest.raises(ValueError, match="waits for a metric"):
        EachBatch(OurPlateau(0.1))  # type: ignore[arg-type]


def test_a_plateau_scheduler_refuses_an_accuracy_that_is_not_there():
    data, model = [(torch.ones(4, 2), torch.zeros(4, 3))], make_model()
    optimizer = make_optimizer(model)
    with pytest.raises(ValueError, match=r"ReduceLROnPlateau has no train_accuracy.*use train_loss"):
        train_model(
            model, optimizer, data, 1, nn.MSELoss(), "cpu",
            scheduler=ReduceLROnPlateau(optimizer, "max"), progress=False,
        )  # fmt: skip


def test_a_scheduler_of_epochs_may_be_any_of_torch():
    _, history = lrs_of_training(lambda optimizer: CosineAnnealingLR(optimizer, T_max=3))
    assert history == pytest.approx([0.1 * (1 + math.cos(math.pi * epoch / 3)) / 2 for epoch in range(3)])


class RecordNorm(Callback):
    def __init__(self) -> None:
        self.norms, self.steps = [], 0

    def before_step(self, run):
        self.norms.append(
            nn.utils.get_total_norm([p.grad for p in run.model.parameters() if p.grad is not None]).item()
        )

    def after_step(self, run):  # noqa: ARG002
        self.steps += 1


def test_clipping_bounds_what_a_step_may_move():
    """With plain descent a step moves by lr times the gradient's norm, so the clipped step is lr * clip_norm."""
    model, recorder = make_model(), RecordNorm()
    before = torch.cat([p.detach().flatten() for p in model.parameters()])
    one_batch = [next(iter(make_batches()))]
    train_model(
        model, make_optimizer(model, lr=0.5), one_batch, 1, CROSS_ENTROPY, "cpu",
        clip_norm=0.01, callbacks=[recorder], progress=False,
    )  # fmt: skip
    after = torch.cat([p.detach().flatten() for p in model.parameters()])
    assert recorder.norms[0] > 0.01  # callbacks of one's own see the gradient before it is clipped
    assert recorder.steps == 1
    assert (after - before).norm().item() == pytest.approx(0.5 * 0.01, rel=1e-3)


@pytest.mark.parametrize("clip_norm", [0.0, -1.0, math.nan])
def test_a_clip_norm_that_is_not_positive_is_refused(clip_norm):
    model = make_model()
    with pytest.raises(ValueError, match="positive"):
        train_model(model, make_optimizer(model), make_batches(), 1, CROSS_ENTROPY, "cpu", clip_norm=clip_norm)


class SetWeight(Callback):
    """Stands for learning: gives the only weight a chosen value after each epoch's steps."""

    def __init__(self, values: list[float]) -> None:
        self.values = values

    def after_step(self, run):
        run.model.get_parameter("scale").data.fill_(self.values[run.epoch - 1])


@pytest.mark.parametrize(("patience", "n_epochs"), [(0, 3), (1, 4), (2, 6), (9, 6)])
def test_early_stopping_waits_for_its_patience_and_restores_the_best(patience, n_epochs):
    """The larger the weight, the lower the loss: the best epoch is 2, and with patience it is 5."""
    weights = [1.0, 3.0, 2.0, 2.5, 5.0, 4.0]
    batches = [(torch.eye(3), torch.arange(3))]
    model, stopping = FixedLogits(), EarlyStopping(patience)
    history = train_model(
        model, make_optimizer(model), batches, 6, CROSS_ENTROPY, "cpu",
        val_dataloader=batches, callbacks=[SetWeight(weights), stopping], progress=False,
    )  # fmt: skip
    assert len(history) == n_epochs
    best = max(weights[:n_epochs])
    assert model.scale.item() == best
    assert stopping.best_epoch == weights.index(best) + 1


def test_early_stopping_on_accuracy_waits_for_a_rise():
    weights = [-1.0, 1.0, 1.0]
    batches = [(torch.eye(3), torch.arange(3))]
    model, stopping = FixedLogits(), EarlyStopping(5, "train_accuracy")
    train_model(
        model, make_optimizer(model), batches, 3, CROSS_ENTROPY, "cpu",
        callbacks=[SetWeight(weights), stopping], progress=False,
    )  # fmt: skip
    assert stopping.best_epoch == 1  # the accuracy of an epoch is taken before its step


def test_early_stopping_says_what_it_lacks():
    model = make_model()
    with pytest.raises(ValueError, match="pass val_dataloader"):
        train_model(
            model, make_optimizer(model), make_batches(), 1, CROSS_ENTROPY, "cpu",
            callbacks=[EarlyStopping(1)], progress=False,
        )  # fmt: skip
    with pytest.raises(ValueError, match="val_f1"):
        EarlyStopping(1, "val_f1")
    for patience, min_delta in ((-1, 0.0), (1, math.nan)):
        with pytest.raises(ValueError, match="at least 0"):
            EarlyStopping(patience, min_delta=min_delta)


def train_once(model: nn.Module, callbacks: list[Callback], n_epochs: int = 2, lr: float = 0.1, **options) -> None:
    train_model(
        model, make_optimizer(model, lr), make_batches(), n_epochs, CROSS_ENTROPY, "cpu",
        callbacks=callbacks, progress=False, **options,
    )  # fmt: skip


def test_early_stopping_forgets_an_earlier_training():
    """The first training is the better one: its weights must not come back in the second model."""
    stopping, first, second = EarlyStopping(5, "train_loss"), make_model(0), make_model(1)
    train_once(first, [stopping], n_epochs=10)
    train_once(second, [stopping], lr=1e-6)
    assert stopping.best_epoch == 2
    assert not torch.equal(first[0].weight, second[0].weight)  # type: ignore[index]
    train_once(nn.Linear(2, 3), [stopping])


def test_early_stopping_that_never_began_gives_no_weights_back():
    class Refusing(Callback):
        def before_training(self, run):  # noqa: ARG002
            raise RuntimeError("not today")

    stopping, second = EarlyStopping(5, "train_loss"), make_model(1)
    train_once(make_model(0), [stopping])
    before = copy.deepcopy(second.state_dict())
    with pytest.raises(RuntimeError, match="not today"):
        train_once(second, [Refusing(), stopping])
    assert all(torch.equal(before[name], value) for name, value in second.state_dict().items())


def test_early_stopping_tells_a_nan_from_what_is_missing():
    spoiled = [(torch.full((2, 2), math.nan), torch.tensor([0, 1]))]
    with pytest.raises(ValueError, match="val_loss is nan in epoch 1: look at the validation inputs"):
        train_once(make_model(), [EarlyStopping(1)], val_dataloader=spoiled)
    soft = [(torch.ones(4, 2), torch.ones(4, 3) / 3)]
    with pytest.raises(ValueError, match=r"no val_accuracy.* not class numbers: use val_loss"):
        train_once(make_model(), [EarlyStopping(1, "val_accuracy")], val_dataloader=soft)


class Counting(nn.Linear):
    """Keeps a list beside its weights, as an extra state."""

    def __init__(self) -> None:
        super().__init__(2, 3)
        self.calls = []

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - torch's name
        self.calls.append(len(input))
        return super().forward(input)

    def get_extra_state(self) -> list[int]:
        return self.calls

    def set_extra_state(self, state: list[int]) -> None:
        self.calls = state


def test_early_stopping_gives_back_a_state_that_is_no_tensor():
    model = Counting()
    train_once(model, [EarlyStopping(0, "train_loss", min_delta=1e9)], n_epochs=3)  # never better than the first epoch
    assert model.calls == [16, 16, 16, 2]


class Recorder(Callback):
    """Records the moments at which it is called."""

    def __init__(self, moments: list[str], name: str = "", fails: bool = False) -> None:
        self.moments, self.name, self.fails = moments, name, fails

    def before_training(self, run):
        assert run.epoch == 0
        self.moments.append(f"{self.name} before")

    def after_training(self, run):  # noqa: ARG002
        self.moments.append(f"{self.name} after")
        if self.fails:
            raise RuntimeError("cannot tidy up")


def test_callbacks_begin_and_end_in_order_also_when_one_fails():
    moments = []
    with pytest.raises(RuntimeError, match="cannot tidy up"):
        train_once(make_model(), [Recorder(moments, "a", fails=True), Recorder(moments, "b")])
    assert moments == ["a before", "b before", "a after", "b after"]


@pytest.mark.parametrize(
    ("callbacks_of", "named"),
    [
        (lambda _: EarlyStopping(1), "must be a list, not an object of type EarlyStopping"),
        (lambda _: [EarlyStopping], "not the class EarlyStopping"),
        (lambda o: [StepLR(o, 1)], "not an object of type StepLR"),
        (lambda _: [print], "not an object of type builtin_function"),
    ],
)
def test_what_is_no_callback_is_refused_by_name(callbacks_of, named):
    model = make_model()
    optimizer = make_optimizer(model)
    with pytest.raises(TypeError, match=named):
        train_model(
            model, optimizer, make_batches(), 1, CROSS_ENTROPY, "cpu",
            callbacks=callbacks_of(optimizer), progress=False,
        )  # fmt: skip


def test_one_progress_bar_serves_two_trainings(capsys):
    bar = ProgressBar()
    for _ in range(2):
        train_once(make_model(), [bar])
        shown = capsys.readouterr()
        assert "8/8" in shown.err + shown.out


def test_the_progress_bar_counts_batches_and_leaves_results_alone(capsys):
    results = []
    for progress in (True, False):
        model = make_model()
        optimizer = make_optimizer(model)
        history = train_model(model, optimizer, make_batches(), 2, CROSS_ENTROPY, "cpu", progress=progress)
        results.append(history.train_loss)
        shown = capsys.readouterr()
        assert ("8/8" in shown.err + shown.out) == progress
    assert results[0] == results[1]


# ------------------------------------------------------------------------------------------------------ evaluation


def test_evaluation_restores_the_mode_of_every_module():
    norm = nn.BatchNorm1d(4)
    model = nn.Sequential(nn.Linear(2, 4), norm, nn.Dropout(0.5), nn.Linear(4, 3))
    model.train()
    norm.eval()  # a frozen norm inside a model in training
    modes = [module.training for module in model.modules()]
    assert norm.running_mean is not None
    statistics = norm.running_mean.clone()
    evaluate_accuracy(model, make_batches(), "cpu")
    evaluate_loss(model, make_batches(), CROSS_ENTROPY, "cpu")
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(norm.running_mean, statistics)
    model.eval()
    evaluate_accuracy(model, make_batches(), "cpu")
    assert not model.training


def test_evaluation_restores_the_mode_after_an_error():
    model = make_model().train()
    with pytest.raises(RuntimeError):
        evaluate_accuracy(model, [(torch.ones(2, 99), torch.zeros(2))], "cpu")
    assert model.training


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("kind", ["frozen", "exported", "inside another"])
def test_networks_made_for_deployment_can_be_evaluated(kind):
    model = make_model().eval()
    expected = evaluate_accuracy(model, make_batches(n=48), "cpu")
    if kind == "frozen":
        deployed = torch.jit.freeze(torch.jit.script(model))
    else:
        n = torch.export.Dim("n", min=2)
        deployed = torch.export.export(model, (torch.ones(16, 2),), dynamic_shapes=({0: n},)).module()
    if kind == "inside another":
        deployed = nn.Sequential(nn.Dropout(0.9), deployed)  # the dropout must not drop here
    assert evaluate_accuracy(deployed, make_batches(n=48), "cpu") == expected
    if kind == "inside another":
        assert [module.training for module in (deployed, *deployed.children())][:2] == [True, True]


def test_evaluate_loss_is_the_mean_over_examples():
    model, loader = make_model().eval(), make_batches()
    inputs, targets = loader.dataset.tensors  # type: ignore[attr-defined]
    expected = CROSS_ENTROPY(model(inputs), targets).item()
    assert evaluate_loss(model, loader, CROSS_ENTROPY, "cpu") == pytest.approx(expected, rel=1e-5)


def batches_of(predictions: list[int], targets: list[int], n_classes: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    logits = nn.functional.one_hot(torch.tensor(predictions), n_classes).float()
    return list(zip(logits.split(3), torch.tensor(targets).split(3), strict=True))


labels = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30)


@given(labels, st.sampled_from(["macro", "micro", "weighted"]))
def test_metrics_are_those_of_scikit_learn_over_the_whole_data(pairs, average):
    from sklearn import metrics

    predictions, targets = map(list, zip(*pairs, strict=True))
    accuracy, precision, recall, f1 = evaluate_metrics(
        FixedLogits(), batches_of(predictions, targets, 5), "cpu", num_classes=5, average=average
    )
    zero: Any = 0  # the stubs of scikit-learn want a text
    expected = metrics.precision_recall_fscore_support(targets, predictions, average=average, zero_division=zero)[:3]
    assert (precision, recall, f1) == pytest.approx(expected, abs=1e-6)
    assert accuracy == pytest.approx(recall, abs=1e-6)  # with torchmetrics' averages the two are one
    if average == "micro":
        assert accuracy == pytest.approx(metrics.accuracy_score(targets, predictions), abs=1e-6)


def test_metrics_are_not_the_mean_of_the_batches():
    batches = batches_of([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 1], 2)
    whole = evaluate_metrics(FixedLogits(), batches, "cpu", num_classes=2)[3]
    by_batch = [evaluate_metrics(FixedLogits(), [batch], "cpu", num_classes=2)[3] for batch in batches]
    assert whole != pytest.approx(np.mean(by_batch), abs=0.01)


def test_metrics_refuse_what_they_cannot_average():
    with pytest.raises(ValueError, match="a label is 7, outside the classes 0 to 2"):
        evaluate_metrics(FixedLogits(), [(torch.eye(3), torch.tensor([0, 1, 7]))], "cpu", num_classes=3)
    with pytest.raises(ValueError, match="a label is -1"):
        evaluate_metrics(FixedLogits(), [(torch.eye(3), torch.tensor([0, 1, -1]))], "cpu", num_classes=3)
    with pytest.raises(ValueError, match="a prediction is 2"):
        evaluate_metrics(FixedLogits(), [(torch.eye(3), torch.tensor([0, 1, 1]))], "cpu", num_classes=2)
    with pytest.raises(ValueError, match="'none'"):
        evaluate_metrics(FixedLogits(), [], "cpu", average="none")  # type: ignore[arg-type]
