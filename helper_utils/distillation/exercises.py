"""Exercises of the lesson 18_distillation."""

import torch
from torch.nn.functional import cross_entropy

from helper_utils.teaching.registry import Exercise, WrongAnswer

# --------------------------------------------------------------------------------------------- distillation.soften


def soften(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return the probabilities of each row at this temperature.

    logits: shape (N, classes). The result has the same shape.
    """
    return (logits / temperature).softmax(dim=1)


def exponentials_over_their_sum(logits, temperature):
    """By the definition."""
    exponentials = (logits / temperature).exp()
    return exponentials / exponentials.sum(dim=1, keepdim=True)


def function_of_torch(logits, temperature):
    """The last dimension by its negative number."""
    return torch.nn.functional.softmax(logits.div(temperature), dim=-1)


def divides_the_probabilities(logits, temperature):
    """The temperature after softmax."""
    return logits.softmax(dim=1) / temperature


def multiplies_by_the_temperature(logits, temperature):
    """Sharper, not softer."""
    return (logits * temperature).softmax(dim=1)


def softens_along_the_batch(logits, temperature):
    """The other dimension."""
    return (logits / temperature).softmax(dim=0)


def softens_probabilities(logits, temperature):
    """Softmax of softmax."""
    return (logits.softmax(dim=1) / temperature).softmax(dim=1)


def gives_logarithms(logits, temperature):
    """Log-probabilities."""
    return (logits / temperature).log_softmax(dim=1)


def forgets_the_temperature(logits, temperature):  # noqa: ARG001 - that is the mistake
    """Plain probabilities."""
    return logits.softmax(dim=1)


SOFTEN = Exercise(
    name="distillation.soften",
    answer=soften,
    cases=[
        (torch.tensor([[0.0, 2.0]]), 2.0),
        (torch.tensor([[4.0, 0.0, 2.0], [1.0, 1.0, 3.0]]), 4.0),
        (torch.tensor([[1.0, 2.0, 3.0]]), 0.5),
        (torch.tensor([[8.0, 0.0], [0.0, 4.0], [2.0, 2.0]]), 1.0),
    ],
    wrong_answers=[
        WrongAnswer(
            divides_the_probabilities,
            "You divided the probabilities, so a row no longer sums to 1. The temperature divides the logits, before "
            "the softmax.",
        ),
        WrongAnswer(
            multiplies_by_the_temperature,
            "You multiplied the logits: that makes a high temperature sharper. Divide them, so that they come closer "
            "together.",
        ),
        WrongAnswer(
            softens_along_the_batch,
            "Your columns sum to 1, not your rows: softmax ran along the batch. Each picture has its own distribution "
            "over the classes, dimension 1.",
        ),
        WrongAnswer(
            softens_probabilities,
            "That is a softmax of a softmax: probabilities lie between 0 and 1, so the second one makes them nearly "
            "equal. Divide the logits.",
        ),
        WrongAnswer(
            gives_logarithms,
            "These are logarithms of the probabilities. A loss wants those; here the probabilities themselves are "
            "asked for.",
        ),
        WrongAnswer(
            forgets_the_temperature,
            "These are the probabilities at temperature 1. Divide the logits by the temperature first.",
        ),
    ],
    hints=[
        "The temperature acts on the logits, the softmax comes after it.",
        "Softmax needs to know its dimension: the classes are dimension 1.",
        "`(logits / temperature).softmax(dim=1)`.",
    ],
    praise="With one number you now choose how much of the wrong classes a student gets to see.",
    difficulty=1,
    right_answers=[exponentials_over_their_sum, function_of_torch],
)

# ------------------------------------------------------------------------------------------ distillation.total_loss


def total_loss(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    targets: torch.Tensor,
    temperature: float,
    alpha: float,
) -> torch.Tensor:
    """Return alpha T² KL(teacher, student at T) + (1 - alpha) cross-entropy, a tensor.

    Both logits: shape (N, classes). targets: class numbers, shape (N,). Each term is the
    mean over the N rows; the cross-entropy is at temperature 1.
    """
    log_q = (student_logits / temperature).log_softmax(dim=1)
    log_p = (teacher_logits / temperature).log_softmax(dim=1)
    soft = (log_p.exp() * (log_p - log_q)).sum(dim=1).mean()
    hard = torch.nn.functional.cross_entropy(student_logits, targets)
    return alpha * temperature**2 * soft + (1 - alpha) * hard


def kl_div_of_torch(student_logits, teacher_logits, targets, temperature, alpha):
    """With the reduction that is the mean over the rows."""
    log_q = (student_logits / temperature).log_softmax(dim=1)
    log_p = (teacher_logits / temperature).log_softmax(dim=1)
    soft = torch.nn.functional.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
    return alpha * soft * temperature**2 + (1 - alpha) * cross_entropy(student_logits, targets)


def cross_entropy_minus_entropy(student_logits, teacher_logits, targets, temperature, alpha):
    """KL is the cross-entropy with the teacher's probabilities, without their own entropy."""
    p = (teacher_logits / temperature).softmax(dim=1)
    soft = cross_entropy(student_logits / temperature, p) - cross_entropy(teacher_logits / temperature, p)
    rows = torch.arange(len(targets))
    hard = -student_logits.log_softmax(dim=1)[rows, targets].mean()
    return alpha * temperature**2 * soft + (1 - alpha) * hard


def divergence(student_logits, teacher_logits, temperature):
    """The soft term as it should be, for the wrong answers about the rest."""
    return total_loss(student_logits, teacher_logits, torch.zeros(len(student_logits)).long(), temperature, 1.0)


def once_the_temperature(student_logits, teacher_logits, targets, temperature, alpha):
    """T instead of T²."""
    soft = divergence(student_logits, teacher_logits, temperature) / temperature
    return alpha * soft + (1 - alpha) * cross_entropy(student_logits, targets)


def without_the_temperature(student_logits, teacher_logits, targets, temperature, alpha):
    """No factor at all."""
    soft = divergence(student_logits, teacher_logits, temperature) / temperature**2
    return alpha * soft + (1 - alpha) * cross_entropy(student_logits, targets)


def mean_over_the_classes(student_logits, teacher_logits, targets, temperature, alpha):
    """The default reduction of kl_div."""
    soft = divergence(student_logits, teacher_logits, temperature) / student_logits.shape[1]
    return alpha * soft + (1 - alpha) * cross_entropy(student_logits, targets)


def sum_over_the_batch(student_logits, teacher_logits, targets, temperature, alpha):
    """The reduction "sum"."""
    soft = divergence(student_logits, teacher_logits, temperature) * len(student_logits)
    return alpha * soft + (1 - alpha) * cross_entropy(student_logits, targets)


def alpha_swapped(student_logits, teacher_logits, targets, temperature, alpha):
    """Alpha on the labels."""
    return total_loss(student_logits, teacher_logits, targets, temperature, 1 - alpha)


def student_first(student_logits, teacher_logits, targets, temperature, alpha):
    """The divergence the other way round."""
    soft = divergence(teacher_logits, student_logits, temperature)
    return alpha * soft + (1 - alpha) * cross_entropy(student_logits, targets)


def softmax_twice(student_logits, teacher_logits, targets, temperature, alpha):
    """Probabilities taken for logits."""
    soft = divergence(student_logits.softmax(dim=1), teacher_logits.softmax(dim=1), temperature)
    return alpha * soft + (1 - alpha) * cross_entropy(student_logits, targets)


def hard_term_softened(student_logits, teacher_logits, targets, temperature, alpha):
    """The cross-entropy at temperature T."""
    soft = divergence(student_logits, teacher_logits, temperature)
    return alpha * soft + (1 - alpha) * cross_entropy(student_logits / temperature, targets)


def entropy_left_in(student_logits, teacher_logits, targets, temperature, alpha):
    """Cross-entropy with soft labels for the divergence."""
    soft = cross_entropy(student_logits / temperature, (teacher_logits / temperature).softmax(dim=1))
    return alpha * temperature**2 * soft + (1 - alpha) * cross_entropy(student_logits, targets)


def factor_on_both_terms(student_logits, teacher_logits, targets, temperature, alpha):
    """T² times the labels too."""
    soft = divergence(student_logits, teacher_logits, temperature)
    return alpha * soft + (1 - alpha) * temperature**2 * cross_entropy(student_logits, targets)


def probabilities_without_logarithm(student_logits, teacher_logits, targets, temperature, alpha):
    """The student's probabilities where kl_div wants their logarithms."""
    q, p = (student_logits / temperature).softmax(dim=1), (teacher_logits / temperature).softmax(dim=1)
    soft = torch.nn.functional.kl_div(q, p, reduction="batchmean")
    return alpha * temperature**2 * soft + (1 - alpha) * cross_entropy(student_logits, targets)


TOTAL_LOSS = Exercise(
    name="distillation.total_loss",
    answer=total_loss,
    cases=[
        (torch.tensor([[0.0, 2.0]]), torch.tensor([[0.0, 4.0]]), torch.tensor([1]), 2.0, 1.0),
        (torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]]), torch.tensor([0]), 4.0, 0.0),
        (
            torch.tensor([[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]]),
            torch.tensor([[0.0, 4.0, 2.0], [2.0, 2.0, 0.0]]),
            torch.tensor([1, 0]),
            4.0,
            0.75,
        ),
        (torch.tensor([[1.0, 3.0, 0.0]]), torch.tensor([[1.0, 3.0, 0.0]]), torch.tensor([2]), 2.0, 0.5),
        (torch.tensor([[0.0, 3.0]]), torch.tensor([[3.0, 0.0]]), torch.tensor([1]), 3.0, 0.5),
    ],
    wrong_answers=[
        WrongAnswer(
            once_the_temperature,
            "Your soft term is multiplied by T. Its gradient falls like 1/T², once from the derivative and once "
            "because the distributions come closer: the factor is T².",
        ),
        WrongAnswer(
            without_the_temperature,
            "Your soft term has no factor. Its gradient falls like 1/T², so at a high temperature the teacher is "
            "hardly heard: multiply by T².",
        ),
        WrongAnswer(
            mean_over_the_classes,
            "Your soft term is too small by the number of classes: it is a mean over all entries, the default of "
            "kl_div. Sum over the classes, then take the mean over the rows (`batchmean`).",
        ),
        WrongAnswer(
            sum_over_the_batch,
            "Your soft term grows with the batch: it is a sum over the rows. Take their mean, as the cross-entropy "
            "does.",
        ),
        WrongAnswer(
            alpha_swapped,
            "The two weights have changed places: alpha belongs to the teacher's term, 1 - alpha to the labels.",
        ),
        WrongAnswer(
            student_first,
            "Your divergence is KL(student, teacher). The teacher's probabilities weigh the logarithms: p (log p - "
            "log q). In kl_div the student comes first, as logarithms.",
        ),
        WrongAnswer(
            softmax_twice,
            "You took a softmax of probabilities. Both arguments are logits: softmax once, after the division by T.",
        ),
        WrongAnswer(
            hard_term_softened,
            "Your cross-entropy with the labels is at temperature T. Only the comparison with the teacher is softened.",
        ),
        WrongAnswer(
            entropy_left_in,
            "Your soft term is the cross-entropy with the teacher's probabilities: too large by the teacher's "
            "entropy. The gradient is right, but a student equal to its teacher should have a soft term of 0.",
        ),
        WrongAnswer(
            factor_on_both_terms,
            "You multiplied the labels' term by T² too. Only the gradient of the soft term falls with the temperature; "
            "the factor is there to restore its balance with the other.",
        ),
        WrongAnswer(
            probabilities_without_logarithm,
            "kl_div wants the logarithms of the student's probabilities and got the probabilities. Use log_softmax for "
            "the student, softmax for the teacher.",
        ),
    ],
    hints=[
        "Start with the logarithms: `(student_logits / temperature).log_softmax(dim=1)`, and the teacher's likewise.",
        "KL is the sum over the classes of p (log p - log q), with p of the teacher; then the mean over the rows.",
        "The soft term gets the factor alpha · T², `cross_entropy(student_logits, targets)` the factor 1 - alpha.",
    ],
    praise="The value is right. To train with it, the gradient must reach the student's logits: detach the teacher's, "
    "never the student's. Values do not show this (see section 11).",
    difficulty=2,
    right_answers=[kl_div_of_torch, cross_entropy_minus_entropy],
)

# ----------------------------------------------------------------------------------- distillation.average_teachers


def average_teachers(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return the mean of the teachers' probabilities at this temperature.

    logits: one teacher after the other, shape (teachers, N, classes). The result has the
    shape (N, classes), and each row sums to 1.
    """
    return (logits / temperature).softmax(dim=2).mean(dim=0)


def teacher_by_teacher(logits, temperature):
    """A list of distributions, one for each teacher."""
    return torch.stack([(of_one / temperature).softmax(dim=1) for of_one in logits]).mean(dim=0)


def sum_over_their_number(logits, temperature):
    """The mean by its definition, the softmax along the last dimension."""
    return torch.nn.functional.softmax(logits / temperature, dim=-1).sum(dim=0) / len(logits)


def averages_the_logits(logits, temperature):
    """The mean before the softmax."""
    return (logits.mean(dim=0) / temperature).softmax(dim=1)


def softens_afterwards(logits, temperature):
    """The mean at temperature 1, softened."""
    return (logits.softmax(dim=2).mean(dim=0).log() / temperature).softmax(dim=1)


def softens_the_mean(logits, temperature):
    """The mean probabilities taken for logits."""
    return (logits.softmax(dim=2).mean(dim=0) / temperature).softmax(dim=1)


def averages_over_the_pictures(logits, temperature):
    """The wrong axis of the mean."""
    return (logits / temperature).softmax(dim=2).mean(dim=1)


def softmax_over_the_teachers(logits, temperature):
    """The wrong axis of the softmax: what a missing dim does with three dimensions."""
    return (logits / temperature).softmax(dim=0).mean(dim=0)


def sums_the_teachers(logits, temperature):
    """A sum for the mean."""
    return (logits / temperature).softmax(dim=2).sum(dim=0)


def forgets_to_soften(logits, temperature):  # noqa: ARG001 - that is the mistake
    """The mean at temperature 1."""
    return logits.softmax(dim=2).mean(dim=0)


def sharpens_the_mean(logits, temperature):
    """The logits of the mean, without the division by T that they are made for."""
    return (temperature * (logits / temperature).softmax(dim=2).mean(dim=0).log()).softmax(dim=1)


def softmax_over_the_pictures(logits, temperature):
    """The other wrong axis of the softmax."""
    return (logits / temperature).softmax(dim=1).mean(dim=0)


def counts_votes(logits, temperature):  # noqa: ARG001 - that is the mistake
    """A vote for each teacher."""
    votes = torch.nn.functional.one_hot(logits.argmax(dim=2), logits.shape[2])
    return votes.to(logits.dtype).mean(dim=0)


AVERAGE_TEACHERS = Exercise(
    name="distillation.average_teachers",
    answer=average_teachers,
    cases=[
        (torch.tensor([[[0.0, 4.0]], [[2.0, 0.0]]]), 2.0),
        (
            torch.tensor([[[0.0, 4.0, 1.0], [3.0, 0.0, 0.0]], [[2.0, 0.0, 0.0], [0.0, 0.0, 6.0]]]),
            4.0,
        ),
        (torch.tensor([[[1.0, 3.0], [0.0, 0.0], [5.0, 1.0]]]), 1.0),
    ],
    wrong_answers=[
        WrongAnswer(
            averages_the_logits,
            "You averaged the logits, so one very sure teacher outweighs the others. Turn each teacher's logits into "
            "probabilities, then take the mean.",
        ),
        WrongAnswer(
            softens_afterwards,
            "You averaged at temperature 1 and softened the mean. The two do not commute: soften each teacher first.",
        ),
        WrongAnswer(
            softens_the_mean,
            "You divided the mean probabilities by T and took a softmax again: they are no logits. One softmax, on "
            "each teacher's logits divided by T, is enough.",
        ),
        WrongAnswer(
            averages_over_the_pictures,
            "Your mean runs over the pictures and leaves a row for each teacher. Average over the teachers, dimension "
            "0.",
        ),
        WrongAnswer(
            softmax_over_the_teachers,
            "Your softmax runs over the teachers, dimension 0, so they compete with each other. A distribution is "
            "over the classes, dimension 2.",
        ),
        WrongAnswer(
            softmax_over_the_pictures,
            "Your softmax runs over the pictures, dimension 1. A distribution is over the classes, dimension 2.",
        ),
        WrongAnswer(
            sums_the_teachers,
            "Your rows sum to the number of teachers: you added the distributions. Take their mean.",
        ),
        WrongAnswer(
            forgets_to_soften,
            "That is the mean at temperature 1. Divide each teacher's logits by the temperature first.",
        ),
        WrongAnswer(
            sharpens_the_mean,
            "These are the logits of `ensemble_logits` after a softmax at temperature 1. They are made for the "
            "temperature T: divide by it before the softmax.",
        ),
        WrongAnswer(
            counts_votes,
            "You counted votes: each teacher gives all to its first class, and what it says of the others is lost. "
            "Average the softened probabilities.",
        ),
    ],
    hints=[
        "First each teacher's probabilities at temperature T, then their mean.",
        "With the shape (teachers, N, classes) the classes are dimension 2 and the teachers dimension 0.",
        "`(logits / temperature).softmax(dim=2)`, then `.mean(dim=0)`.",
    ],
    praise="An ensemble can now teach: its answer is one distribution a picture, like any other teacher's.",
    difficulty=1,
    right_answers=[teacher_by_teacher, sum_over_their_number],
)

EXERCISES = [SOFTEN, TOTAL_LOSS, AVERAGE_TEACHERS]
