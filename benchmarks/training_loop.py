"""`train_model` against the same loop written by hand, Lightning's Trainer and skorch's NeuralNetClassifier.

All train the same model from the same weights on the same batches, and end with the same weights (checked). Nothing is
shown, logged, stored or validated. Each gives the mean loss of each epoch, and all but skorch the training accuracy.
Lightning runs with `barebones=True`, its own setting for measuring its overhead.
"""

import logging
import warnings
from collections.abc import Callable, Iterable
from functools import partial

import torch
from lightning.pytorch import LightningModule, Trainer  # pyright: ignore[reportMissingImports] (an extra)
from models import small_cnn, small_mlp
from skorch import NeuralNetClassifier  # pyright: ignore[reportMissingImports] (an extra)
from timing import alternate, main
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from helper_utils import load_dataset, set_seed, train_model
from helper_utils.data.datasets import Part
from helper_utils.data.loaders import TensorLoader

Run = Callable[[], nn.Module]
N_THREADS = 1
LR = 0.05
make_optimizer = partial(SGD, lr=LR, momentum=0.9)
cross_entropy = nn.CrossEntropyLoss()


def by_hand(model: nn.Module, optimizer: Optimizer, loader: Iterable, n_epochs: int) -> list[tuple[float, float]]:
    """Train as a textbook does; returns loss and accuracy of each epoch."""
    history = []
    for _ in range(n_epochs):
        model.train()
        loss_sum, n_correct, n_examples = 0.0, 0, 0
        for batch_inputs, batch_targets in loader:
            inputs, targets = batch_inputs.to("cpu"), batch_targets.to("cpu")
            logits = model(inputs)
            loss = cross_entropy(logits, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(targets)
            n_correct += (logits.argmax(dim=1) == targets).sum().item()
            n_examples += len(targets)
        history.append((loss_sum / n_examples, n_correct / n_examples))
    return history


class Lit(LightningModule):
    """The same loop for Lightning."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.history: list[tuple[float, float]] = []
        self.loss_sum, self.n_correct, self.n_examples = 0.0, 0, 0

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the loss of a batch."""
        inputs, targets = batch
        logits = self.model(inputs)
        loss = cross_entropy(logits, targets)
        self.loss_sum += loss.item() * len(targets)
        self.n_correct += (logits.argmax(dim=1) == targets).sum().item()
        self.n_examples += len(targets)
        return loss

    def on_train_epoch_end(self) -> None:
        """Note the epoch's loss and accuracy."""
        self.history.append((self.loss_sum / self.n_examples, self.n_correct / self.n_examples))
        self.loss_sum, self.n_correct, self.n_examples = 0.0, 0, 0

    def configure_optimizers(self) -> Optimizer:
        """Return the optimizer."""
        return make_optimizer(self.parameters())


def candidates(make_model: Callable[[], nn.Module], part: Part, n_epochs: int) -> dict[str, Callable[[], Run]]:
    """Return for each way the function that prepares a training; the run returns the trained model."""
    loader = TensorLoader(*part, 64)  # not shuffled: Lightning starts an epoch more, so its orders would be others

    def fresh() -> tuple[nn.Module, Optimizer]:
        set_seed(0)
        model = make_model()
        return model, make_optimizer(model.parameters())

    def ours() -> Run:
        model, optimizer = fresh()
        return lambda: (train_model(model, optimizer, loader, n_epochs, cross_entropy, "cpu", progress=False), model)[1]

    def hand() -> Run:
        model, optimizer = fresh()
        return lambda: (by_hand(model, optimizer, loader, n_epochs), model)[1]

    def lightning() -> Run:
        model, _ = fresh()
        trainer = Trainer(max_epochs=n_epochs, accelerator="cpu", devices=1, barebones=True)
        return lambda: (trainer.fit(Lit(model), loader), model)[1]

    def skorch() -> Run:
        model, _ = fresh()
        net = NeuralNetClassifier(
            model,
            criterion=nn.CrossEntropyLoss,  # pyright: ignore[reportArgumentType] (any loss, say its documents)
            optimizer=make_optimizer,
            lr=LR,  # it hands its own to the optimizer
            iterator_train=lambda *_, **__: loader,
            train_split=None,  # pyright: ignore[reportArgumentType] (documented: no validation)
            verbose=0,
        ).initialize()
        return lambda: (net.partial_fit(*part, epochs=n_epochs), model)[1]

    return {"train_model": ours, "by hand": hand, "Lightning": lightning, "skorch": skorch}


def measure(n_rounds: int) -> tuple[str, list[str]]:
    """Return a remark and the lines of the table."""
    torch.set_num_threads(N_THREADS)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")  # its advice to use its own progress bar, more workers, ...
    rows = []
    for what, make_model, dataset, size, n_epochs in (
        ("training a small CNN", small_cnn, "shapes", 3000, 2),
        ("training a tiny MLP (short steps)", small_mlp, "digits", 1000, 60),
    ):
        part = load_dataset(dataset, subset_size=size).train
        times = alternate(candidates(make_model, part, n_epochs), n_rounds)
        weights = [list(model.parameters()) for model in times.results.values()]  # type: ignore[attr-defined]
        torch.testing.assert_close(weights, [weights[0]] * len(weights))
        for other in ("by hand", "Lightning", "skorch"):
            target = "at least 0.97 (3 % slower)" if other == "by hand" else ""
            rows.append(times.row(f"{what}, {size * n_epochs} images", "train_model", other, target))
    return f"{torch.get_num_threads()} thread, batches of 64, float32 on the CPU.", rows


if __name__ == "__main__":
    main(measure, n_rounds=8)
