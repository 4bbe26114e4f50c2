import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, CyclicLR, LinearLR, OneCycleLR, ReduceLROnPlateau, StepLR
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


def test_a_scheduler_of_epochs_may_be_any_of_torch():
    _, history = lrs_of_training(lambda optimizer: CosineAnnealingLR(optimizer, T_max=3))
    assert history == pytest.approx([0.1 * (1 + math.cos(math.pi * epoch / 3)) / 2 for epoch in range(3)])


class RecordNorm(Callback):
    def __init__(self) -> None:
        self.norms, self.steps = [], 0

    def before_step(self, run):
        self.norms.append(nn.utils.get_total_norm(p.grad for p in run.model.parameters()).item())

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
        run.model.scale.data.fill_(self.values[run.epoch - 1])


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
    with pytest.raises(ValueError, match="at least 0"):
        EarlyStopping(-1)


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
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 3))
    model.train()
    model[1].eval()  # a frozen norm inside a model in training
    modes = [module.training for module in model.modules()]
    statistics = model[1].running_mean.clone()
    evaluate_accuracy(model, make_batches(), "cpu")
    evaluate_loss(model, make_batches(), CROSS_ENTROPY, "cpu")
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(model[1].running_mean, statistics)
    model.eval()
    evaluate_accuracy(model, make_batches(), "cpu")
    assert not model.training


def test_evaluation_restores_the_mode_after_an_error():
    model = make_model().train()
    with pytest.raises(RuntimeError):
        evaluate_accuracy(model, [(torch.ones(2, 99), torch.zeros(2))], "cpu")
    assert model.training


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
    expected = metrics.precision_recall_fscore_support(targets, predictions, average=average, zero_division=0)[:3]
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
