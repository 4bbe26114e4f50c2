"""Many networks trained at once, against the same networks trained one by one in the plain loop."""

from functools import partial

import pytest
import torch
from torch import nn

from helper_utils.base.many_runs import train_many
from helper_utils.base.seeds import set_seed, spawn_seeds
from helper_utils.data.datasets import Part

LRS = [0.001, 0.03, 0.2]
SEEDS = spawn_seeds(3, 2)
N_EPOCHS, BATCH_SIZE = 2, 16


def make_mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def make_batch_norm_network() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def make_cnn() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(24, 3))


@pytest.fixture
def part() -> Part:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(70, 1, 2, 3, generator=generator)  # 4 batches of 16 and a rest
    return Part(inputs, (inputs.flatten(1)[:, :3]).argmax(dim=1))


def train_alone(make_model, part, lr, seed, make_optimizer, schedule=None, clip_norm=None):
    """The plain loop. Returns the model and the losses of its batches."""
    set_seed(seed)
    model = make_model()
    optimizer = make_optimizer(model.parameters(), lr=lr)
    generator = torch.Generator().manual_seed(seed)
    losses = []
    for _ in range(N_EPOCHS):
        order = torch.randperm(len(part.targets), generator=generator)
        for chosen in order.split(BATCH_SIZE):
            if len(chosen) < BATCH_SIZE:
                continue
            loss = nn.functional.cross_entropy(model(part.inputs[chosen]), part.targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            if clip_norm:
                nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            if schedule:
                optimizer.param_groups[0]["lr"] = lr * schedule(len(losses))
            optimizer.step()
            losses.append(loss.item())
    return model, losses


@pytest.mark.parametrize("make_model", [make_mlp, make_cnn, make_batch_norm_network])
@pytest.mark.parametrize(
    "settings",
    [
        {"make_optimizer": torch.optim.SGD},
        {"make_optimizer": partial(torch.optim.SGD, momentum=0.9, weight_decay=0.01)},
        {"make_optimizer": torch.optim.Adam},
        {"make_optimizer": partial(torch.optim.AdamW, weight_decay=0.1)},
        {"make_optimizer": torch.optim.SGD, "schedule": lambda step: 0.5**step},
        {"make_optimizer": torch.optim.SGD, "clip_norm": 0.1},
    ],
    ids=["sgd", "momentum", "adam", "adamw", "schedule", "clipped"],
)
def test_each_run_is_the_run_of_the_plain_loop(part, make_model, settings):
    runs = train_many(
        make_model, part, lrs=LRS, seeds=SEEDS, n_epochs=N_EPOCHS, batch_size=BATCH_SIZE, val=part, **settings
    )
    losses, accuracies = runs.evaluate(part)
    torch.testing.assert_close((runs.val_losses[..., -1], runs.val_accuracies[..., -1]), (losses, accuracies))
    for i, lr in enumerate(LRS):
        for j, seed in enumerate(SEEDS):
            model, batch_losses = train_alone(make_model, part, lr, seed, **settings)
            torch.testing.assert_close(runs.batch_losses[i, j], torch.tensor(batch_losses), rtol=1e-3, atol=1e-4)
            for name, parameter in model.named_parameters():
                torch.testing.assert_close(runs.parameters[name][i, j], parameter.detach(), rtol=1e-3, atol=1e-4)
            logits = model.eval()(part.inputs)
            alone = nn.functional.cross_entropy(logits, part.targets)
            torch.testing.assert_close(losses[i, j], alone.detach(), rtol=1e-3, atol=1e-4)
            torch.testing.assert_close(accuracies[i, j], (logits.argmax(1) == part.targets).float().mean())


def test_a_fused_optimizer_takes_the_steps_of_the_plain_one(part):
    # torch's fused kernels on a CPU read a gradient as if it lay in memory as its weight does
    losses = [
        train_many(
            make_mlp, part, lrs=LRS, seeds=SEEDS, n_epochs=2, make_optimizer=partial(torch.optim.Adam, fused=fused)
        )
        for fused in (False, True)
    ]
    torch.testing.assert_close(losses[0].batch_losses, losses[1].batch_losses, rtol=1e-4, atol=1e-5)


def test_a_run_that_diverges_leaves_the_others_alone(part):
    runs = train_many(make_mlp, part, lrs=[0.1, 1e38], seeds=SEEDS, n_epochs=3, batch_size=BATCH_SIZE)
    alone = train_many(make_mlp, part, lrs=[0.1], seeds=SEEDS, n_epochs=3, batch_size=BATCH_SIZE)
    assert not runs.batch_losses[1].isfinite().all()
    torch.testing.assert_close(runs.batch_losses[0], alone.batch_losses[0])


def test_regression_has_a_loss_and_no_accuracy(part):
    regression = Part(part.inputs, part.inputs.flatten(1).sum(dim=1, keepdim=True))
    runs = train_many(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 1)),
        regression,
        lrs=[0.05],
        seeds=SEEDS,
        n_epochs=20,
        batch_size=BATCH_SIZE,
        loss_fcn=nn.functional.mse_loss,
        val=regression,
    )
    assert (runs.val_losses[0, :, -1] < 0.01 * runs.val_losses[0, :, 0]).all()
    assert runs.val_accuracies.isnan().all()


@pytest.mark.parametrize("targets", [torch.zeros(70, 1, dtype=torch.long), torch.zeros(70, 3, dtype=torch.long)])
def test_validation_targets_that_are_no_list_of_classes_are_refused(part, targets):
    with pytest.raises(ValueError, match=r"targets must have shape \(N,\), not \(70, [13]\): take targets\."):
        train_many(make_mlp, part, lrs=LRS, seeds=SEEDS, n_epochs=1, val=Part(part.inputs, targets))


def test_dropout_draws_for_each_run_and_only_in_training(part):
    runs = train_many(
        lambda: nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(6, 3)),
        part,
        lrs=[0.0, 0.0],
        seeds=SEEDS[:1],
        n_epochs=1,
        batch_size=BATCH_SIZE,
        val=part,
    )
    assert (runs.batch_losses[0] != runs.batch_losses[1]).any()
    torch.testing.assert_close(runs.val_losses[0], runs.val_losses[1])


def test_two_calls_with_the_same_seeds_give_the_same_numbers(part):
    first, second = (train_many(make_mlp, part, lrs=LRS, seeds=SEEDS, n_epochs=1) for _ in range(2))
    assert torch.equal(first.batch_losses, second.batch_losses)


def test_runs_name_their_axes_in_one_line(part):
    runs = train_many(make_mlp, part, lrs=LRS, seeds=SEEDS, n_epochs=2, batch_size=BATCH_SIZE, val=part)
    assert repr(runs) == "ManyRuns(3 rates x 2 seeds x 8 steps, 2 validations)"


def test_without_epochs_nothing_is_trained(part):
    runs = train_many(make_mlp, part, lrs=LRS, seeds=SEEDS, n_epochs=0)
    assert runs.batch_losses.shape == runs.val_losses.shape == (3, 2, 0)
    assert runs.evaluate(part)[0].shape == (3, 2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"lrs": []}, "at least one rate and one seed, not 0 and 2"),
        ({"seeds": []}, "at least one rate and one seed, not 3 and 0"),
        ({"batch_size": 71}, "from 1 to the 70 training examples, not 71"),
        ({"batch_size": 0}, "from 1 to the 70 training examples, not 0"),
        ({"n_epochs": -1}, "n_epochs must be at least 0, not -1"),
        ({"clip_norm": 0.0}, "must be positive, not 0"),
        ({"clip_norm": float("nan")}, "must be positive, not nan"),
    ],
)
def test_bad_arguments_are_named(part, changed, message):
    with pytest.raises(ValueError, match=message):
        train_many(make_mlp, part, **{"lrs": LRS, "seeds": SEEDS, "n_epochs": 1, **changed})


def test_a_schedule_can_give_each_run_its_own_factor(part):
    def of_each_run(step: int) -> torch.Tensor:
        return torch.tensor([0.5**step, 1.0]).repeat_interleave(len(SEEDS))  # the first rate halved, the second kept

    together = train_many(make_mlp, part, lrs=[0.1, 0.1], seeds=SEEDS, n_epochs=2, schedule=of_each_run)
    for row, schedule in enumerate([lambda step: 0.5**step, None]):
        alone = train_many(make_mlp, part, lrs=[0.1], seeds=SEEDS, n_epochs=2, schedule=schedule)
        torch.testing.assert_close(together.batch_losses[row], alone.batch_losses[0])


def test_after_each_epoch_the_runs_can_be_evaluated_on_further_parts(part):
    found = []
    runs = train_many(
        make_mlp, part, lrs=[0.1, 0.01], seeds=[1, 2], n_epochs=3, batch_size=8, val=part,
        after_epoch=lambda evaluate: found.append(evaluate(part)),
    )  # fmt: skip
    assert len(found) == 3
    torch.testing.assert_close(torch.stack([loss for loss, _ in found], dim=2), runs.val_losses)
    torch.testing.assert_close(torch.stack([accuracy for _, accuracy in found], dim=2), runs.val_accuracies)
