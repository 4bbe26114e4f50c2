"""Distillation against its definition in plain loops, torch's own losses, gradients in closed form, and its limits."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import vmap
from torch.nn.functional import cross_entropy, kl_div

from helper_utils.base.many_runs import train_many
from helper_utils.base.training import train_model
from helper_utils.data import Part
from helper_utils.distillation import (
    DistillationLoss,
    TaughtLoader,
    distillation_loss,
    ensemble_logits,
    predict_logits,
    with_teacher,
)

TEMPERATURES = (0.5, 1.0, 2.0, 4, 20.0)
ALPHAS = (0, 0.3, 0.9, 1.0)
SIZES = ((1, 2), (3, 5), (7, 10))
each_size = pytest.mark.parametrize(("n_examples", "n_classes"), SIZES)


def make_case(n_examples: int, n_classes: int, dtype=torch.float64, scale=3.0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(n_examples * n_classes)
    student, teacher = scale * torch.randn(2, n_examples, n_classes, generator=generator, dtype=torch.float64)
    targets = torch.randint(n_classes, (n_examples,), generator=generator)
    return student.to(dtype), teacher.to(dtype), targets


def probabilities(logits: list[float], temperature: float) -> list[float]:
    weights = [math.exp(value / temperature) for value in logits]
    return [weight / sum(weights) for weight in weights]


def by_definition(student: Tensor, teacher: Tensor, targets: Tensor, temperature: float, alpha: float) -> float:
    total = 0.0
    for z, v, y in zip(student.tolist(), teacher.tolist(), targets.tolist(), strict=True):
        pairs = zip(probabilities(v, temperature), probabilities(z, temperature), strict=True)
        divergence = sum(p * math.log(p / q) for p, q in pairs)
        total += alpha * temperature**2 * divergence - (1 - alpha) * math.log(probabilities(z, 1.0)[y])
    return total / len(targets)


def soft_term(student: Tensor, teacher: Tensor, temperature: float) -> float:
    return distillation_loss(student, teacher, None, temperature, 1.0).item()


# ----------------------------------------------------------------------------------------------- the definition


@each_size
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-11), (torch.float32, 2e-4), (torch.float16, 2e-4), (torch.bfloat16, 2e-4)],
)
def test_it_is_the_definition(n_examples, n_classes, dtype, tolerance):
    student, teacher, targets = make_case(n_examples, n_classes, dtype)
    for temperature, alpha in itertools.product(TEMPERATURES, ALPHAS):
        loss = distillation_loss(student, teacher, targets, temperature, alpha)
        assert loss.shape == ()
        assert loss.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        expected = by_definition(student.double(), teacher.double(), targets, temperature, alpha)
        assert loss.item() == pytest.approx(expected, rel=tolerance, abs=tolerance)


@each_size
def test_it_is_what_torch_computes(n_examples, n_classes):
    student, teacher, targets = make_case(n_examples, n_classes)
    for temperature in TEMPERATURES:
        log_p = (teacher / temperature).log_softmax(dim=1)
        log_q = (student / temperature).log_softmax(dim=1)
        ours = soft_term(student, teacher, temperature) / temperature**2
        divergence = kl_div(log_q, log_p, reduction="batchmean", log_target=True).item()
        assert ours == pytest.approx(divergence, abs=1e-12)
        with pytest.warns(UserWarning, match="divides the total loss by both the batch size and the support size"):
            too_small = kl_div(log_q, log_p.exp()).item()  # the default reduction
        assert ours == pytest.approx(n_classes * too_small, abs=1e-12)
        entropy = -(log_p.exp() * log_p).sum(dim=1).mean()
        soft_labels = cross_entropy(student / temperature, log_p.exp())
        assert ours == pytest.approx((soft_labels - entropy).item(), abs=1e-12)
        hard = distillation_loss(student, teacher, targets, temperature, 0.0)
        assert hard.item() == pytest.approx(cross_entropy(student, targets).item())


@each_size
def test_the_gradient_in_closed_form(n_examples, n_classes):
    student, teacher, targets = make_case(n_examples, n_classes)
    student.requires_grad_()
    teacher.requires_grad_()
    labels = nn.functional.one_hot(targets, n_classes)
    for temperature, alpha in itertools.product(TEMPERATURES, ALPHAS):
        loss = distillation_loss(student, teacher, targets, temperature, alpha)
        (gradient,) = torch.autograd.grad(loss, student)
        p, q = (teacher / temperature).softmax(dim=1), (student / temperature).softmax(dim=1)
        expected = alpha * temperature * (q - p) + (1 - alpha) * (student.softmax(dim=1) - labels)
        torch.testing.assert_close(gradient, (expected / n_examples).detach())
        assert torch.autograd.gradcheck(
            lambda z, t=temperature, a=alpha: distillation_loss(z, teacher, targets, t, a), student
        )


def test_no_gradient_reaches_the_teacher():
    student, teacher, targets = make_case(3, 5)
    student.requires_grad_()
    teacher.requires_grad_()
    distillation_loss(student, teacher, targets, 4.0, 0.9).backward()
    assert student.grad is not None
    assert teacher.grad is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e2, 1e4])
def test_large_logits_stay_finite(dtype, scale):
    student, teacher, targets = make_case(7, 10, dtype, scale)
    student.requires_grad_()
    for temperature in (0.5, 1.0, 4.0):
        loss = distillation_loss(student, teacher, targets, temperature, 0.5)
        (gradient,) = torch.autograd.grad(loss, student)
        assert loss.isfinite()
        assert gradient.isfinite().all()
        assert gradient.dtype == dtype


def test_integer_types_of_targets_and_mixed_precision():
    student, teacher, targets = make_case(7, 10, torch.float32)
    expected = distillation_loss(student, teacher, targets, 4.0, 0.5)
    for dtype in (torch.int32, torch.uint8):
        assert distillation_loss(student, teacher, targets.to(dtype), 4.0, 0.5) == expected
    assert distillation_loss(student, teacher.double(), targets, 4.0, 0.5).dtype == torch.float32


# -------------------------------------------------------------------------------------------------- limits


@each_size
def test_a_high_temperature_matches_centred_logits(n_examples, n_classes):
    student, teacher, _ = make_case(n_examples, n_classes)
    difference = (student - student.mean(dim=1, keepdim=True)) - (teacher - teacher.mean(dim=1, keepdim=True))
    expected = difference.square().sum() / (2 * n_classes * n_examples)
    errors = [abs(soft_term(student, teacher, t) / expected.item() - 1) for t in (1e2, 1e3, 1e4)]
    assert errors[2] < 2e-3
    assert errors[0] > errors[1] > errors[2]  # the difference falls with the temperature

    student.requires_grad_()
    (gradient,) = torch.autograd.grad(distillation_loss(student, teacher, None, 1e5, 1.0), student)
    torch.testing.assert_close(gradient, difference / (n_classes * n_examples), rtol=2e-3, atol=1e-5)


def test_without_the_factor_the_gradient_falls_with_the_square_of_the_temperature():
    student, teacher, _ = make_case(7, 10)
    student.requires_grad_()
    norms = []
    for temperature in (1e3, 1e4):
        loss = distillation_loss(student, teacher, None, temperature, 1.0) / temperature**2
        norms.append(torch.autograd.grad(loss, student)[0].norm().item())
    assert norms[0] / norms[1] == pytest.approx(100, rel=0.01)


@each_size
def test_a_student_that_is_the_teacher(n_examples, n_classes):
    student, _, targets = make_case(n_examples, n_classes)
    student.requires_grad_()
    for temperature in TEMPERATURES:
        loss = distillation_loss(student, student, None, temperature, 1.0)
        assert loss.item() == pytest.approx(0, abs=1e-12)
        assert torch.autograd.grad(loss, student)[0].norm() < 1e-12
        mixed = distillation_loss(student, student, targets, temperature, 0.25).item()
        assert mixed == pytest.approx(0.75 * cross_entropy(student, targets).item())


rows = st.lists(st.lists(st.floats(-30, 30), min_size=4, max_size=4), min_size=1, max_size=5)
temperatures = st.floats(0.2, 50)


@given(rows, st.randoms(use_true_random=False), temperatures, st.floats(-100, 100))
def test_properties_of_the_soft_term(values, random, temperature, constant):
    student = torch.tensor(values, dtype=torch.float64)
    order = list(range(4))
    random.shuffle(order)
    teacher = student.flip(0).roll(1, dims=1)
    loss = soft_term(student, teacher, temperature)
    assert loss >= -1e-11 * temperature**2
    for a, b in ((student + constant, teacher), (student, teacher - constant), (student[:, order], teacher[:, order])):
        assert soft_term(a, b, temperature) == pytest.approx(loss, rel=1e-8, abs=1e-9)
    # scaling logits and temperature alike leaves the probabilities, and T² makes up for the scale
    assert soft_term(2 * student, 2 * teacher, 2 * temperature) == pytest.approx(4 * loss, rel=1e-8, abs=1e-9)


# -------------------------------------------------------------------------------------- targets with a teacher


def test_the_loss_of_targets_with_a_teacher():
    student, teacher, targets = make_case(7, 10, torch.float32)
    loss_fcn = DistillationLoss(temperature=4.0, alpha=0.9)
    together = with_teacher(targets, teacher)
    assert together.shape == (7, 11)
    torch.testing.assert_close(loss_fcn(student, together), distillation_loss(student, teacher, targets, 4.0, 0.9))
    torch.testing.assert_close(loss_fcn(student, targets), cross_entropy(student, targets))
    students = torch.stack([student, 2 * student])
    each = torch.stack([loss_fcn(student, together), loss_fcn(2 * student, together)])
    torch.testing.assert_close(vmap(loss_fcn, in_dims=(0, None))(students, together), each)


@pytest.mark.parametrize(
    "targets",
    [torch.rand(4), torch.rand(4, 3), torch.rand(4, 4, 1), torch.zeros(4, 1, dtype=torch.long), torch.tensor([0, 1])],
)
def test_targets_of_another_shape_are_refused(targets):
    with pytest.raises(ValueError, match=r"targets must be|logits have the shape"):
        DistillationLoss(4.0, 0.5)(torch.randn(4, 3), targets)


def test_pictures_without_labels_have_the_soft_term_only():
    student, teacher, targets = make_case(7, 10, torch.float32)
    without = with_teacher(None, teacher)
    labelled = with_teacher(targets, teacher)
    assert torch.equal(without[:, :-1], labelled[:, :-1])
    assert DistillationLoss(4.0, 1.0)(student, without) == DistillationLoss(4.0, 1.0)(student, labelled)
    with pytest.raises(IndexError, match="out of bounds"):
        DistillationLoss(4.0, 0.9)(student, without)


def test_labels_survive_beside_logits_of_half_precision():
    targets = torch.tensor([2047, 2049, 99_999])  # float16 and bfloat16 cannot hold these
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        together = with_teacher(targets, torch.zeros(3, 4, dtype=dtype))
        assert torch.equal(together[:, -1].long(), targets)
        assert together.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)


def make_data() -> Part:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(40, 6, generator=generator)
    return Part(inputs, inputs[:, :3].argmax(dim=1))


def test_logits_are_predicted_in_eval_mode_and_modes_come_back():
    inputs = make_data().inputs
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3))
    model[1].eval()
    logits = predict_logits(model, inputs, batch_size=7)
    assert [module.training for module in model] == [True, False, True, True]
    assert not logits.requires_grad
    assert model[1].num_batches_tracked == 0
    torch.testing.assert_close(logits, model.eval()(inputs))


def test_a_student_learns_from_cached_logits_in_both_ways_of_training():
    data = make_data()
    teacher_logits = 5 * nn.functional.one_hot(data.targets, 3).float() + 0.1 * data.inputs[:, 3:]
    taught = Part(data.inputs, with_teacher(data.targets, teacher_logits))
    loss_fcn = DistillationLoss(temperature=2.0, alpha=0.9)
    runs = train_many(
        lambda: nn.Linear(6, 3), taught, lrs=[0.1], seeds=[3], n_epochs=4, batch_size=8, loss_fcn=loss_fcn, val=data
    )
    assert runs.val_accuracies[0, 0, -1] > runs.val_accuracies[0, 0, 0]

    torch.manual_seed(3)
    model = nn.Linear(6, 3)
    order = torch.Generator().manual_seed(3)
    batches = [
        (taught.inputs[rows], taught.targets[rows])
        for _ in range(4)
        for rows in torch.randperm(40, generator=order).split(8)
    ]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    history = train_model(
        model, optimizer, batches, 1, loss_fcn, "cpu", val_dataloader=[(data.inputs, data.targets)], progress=False
    )
    torch.testing.assert_close(model.weight.detach(), runs.parameters["weight"][0, 0], rtol=1e-4, atol=1e-5)
    assert history.val_loss[0] == pytest.approx(runs.val_losses[0, 0, -1].item(), rel=1e-4)
    assert history.val_accuracy[0] == runs.val_accuracies[0, 0, -1]


def test_a_taught_loader_asks_the_teacher_about_each_batch():
    data = make_data()
    teacher = nn.Sequential(nn.Linear(6, 3), nn.Dropout())
    batches = [(data.inputs[:25], data.targets[:25]), (data.inputs[25:] + 1, data.targets[25:])]
    loader = TaughtLoader(batches, teacher, "cpu")
    assert len(loader) == 2
    for _ in range(2):  # it can be iterated over again
        for (inputs, targets), (expected_inputs, labels) in zip(loader, batches, strict=True):
            assert torch.equal(inputs, expected_inputs)
            assert torch.equal(targets, with_teacher(labels, teacher[0](inputs)))
            assert not targets.requires_grad
    assert teacher.training


# ---------------------------------------------------------------------------------------------------- ensembles


def test_an_ensemble_gives_the_mean_of_probabilities_at_its_temperature():
    logits = torch.stack([make_case(7, 10, scale=scale)[1] for scale in (1.0, 3.0, 10.0)])
    for temperature in TEMPERATURES:
        mean = (logits / temperature).softmax(dim=2).mean(dim=0)
        torch.testing.assert_close((ensemble_logits(logits, temperature) / temperature).softmax(dim=1), mean)
    assert ensemble_logits(1e4 * logits).isfinite().all()
    torch.testing.assert_close(ensemble_logits(logits[:1], 3.0).softmax(dim=1), logits[0].softmax(dim=1))
    at_once, afterwards = ((ensemble_logits(logits, t) / 4).softmax(dim=1) for t in (4.0, 1.0))
    assert (at_once - afterwards).abs().max() > 0.01


# ---------------------------------------------------------------------------------------------------- bad input

STUDENT, TEACHER, TARGETS = make_case(3, 5)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"temperature": 0}, ValueError, "above 0 and finite, not 0"),
        ({"temperature": -1.0}, ValueError, "not -1.0"),
        ({"temperature": math.inf}, ValueError, "not inf"),
        ({"temperature": math.nan}, ValueError, "not nan"),
        ({"alpha": 1.1}, ValueError, "from 0 .* to 1 .*, not 1.1"),
        ({"alpha": -0.1}, ValueError, "not -0.1"),
        ({"alpha": math.nan}, ValueError, "not nan"),
        ({"teacher_logits": TEACHER[:, :4]}, ValueError, r"\(3, 4\), the student's \(3, 5\)"),
        ({"teacher_logits": TEACHER[:1]}, ValueError, r"\(1, 5\), the student's \(3, 5\)"),  # no broadcasting
        ({"teacher_logits": TARGETS}, ValueError, r"\(3,\), the student's"),
        ({"teacher_logits": TEACHER.long()}, TypeError, "not torch.int64: are they labels"),
        ({"student_logits": STUDENT[0]}, ValueError, r"\(N, classes\) and not be empty, not \(5,\)"),
        ({"student_logits": STUDENT[:0]}, ValueError, r"not \(0, 5\)"),
        ({"targets": TARGETS.double()}, TypeError, "integers, not torch.float64"),
        ({"targets": TARGETS > 1}, TypeError, "integers, not torch.bool"),
        ({"targets": TARGETS[:2]}, ValueError, r"\(3,\), not \(2,\)"),
        ({"targets": nn.functional.one_hot(TARGETS, 5)}, ValueError, r"not \(3, 5\)"),
        ({"targets": None}, ValueError, "without labels only alpha = 1"),
        ({"targets": TARGETS + 5}, IndexError, "out of bounds"),
        ({"targets": TARGETS - 100}, IndexError, "out of bounds"),  # not passed over in silence
        ({"targets": torch.full((3,), -100)}, IndexError, "Target -100 is out of bounds"),
    ],
)
def test_bad_input_says_what_is_wrong(change, error, message):
    arguments = {
        "student_logits": STUDENT,
        "teacher_logits": TEACHER,
        "targets": TARGETS,
        "temperature": 4.0,
        "alpha": 0.5,
    }
    with pytest.raises(error, match=message):
        distillation_loss(**{**arguments, **change})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DistillationLoss(0.0, 0.5), "temperature must be"),
        (lambda: DistillationLoss(1.0, 2), "alpha must be"),
        (lambda: with_teacher(TARGETS[:2], TEACHER), r"\(3,\), not \(2,\)"),
        (lambda: with_teacher(TARGETS, TEACHER[0]), "N, classes"),
        (lambda: ensemble_logits(TEACHER), r"\(teachers, N, classes\), not \(3, 5\): stack them"),
        (lambda: ensemble_logits(TEACHER[None], 0.0), "temperature must be"),
        (lambda: DistillationLoss(1.0, 0.5)(STUDENT, TEACHER), r"the teacher's logits have the shape \(3, 4\)"),
    ],
)
def test_bad_input_of_the_rest(call, message):
    with pytest.raises(ValueError, match=message):
        call()
