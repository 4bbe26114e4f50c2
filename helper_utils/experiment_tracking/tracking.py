"""A callback of `train_model` that writes a run's record."""

import sys

import torch

from helper_utils.base.callbacks import Callback, TrainingRun
from helper_utils.experiment_tracking.environment import data_fingerprint
from helper_utils.experiment_tracking.run_log import RunLog


class TrackRun(Callback):
    """Write each epoch of a training into its log as soon as it is finished, and the end of the training.

    Put it first in the list of callbacks: the end is then written after the other callbacks have ended, such as
    `EarlyStopping`, which gives the model its best weights back.

    Args:
        log: The run's log. It is finished at the end of the training.
        finish: Whether to do that. Without it you can add final numbers: `log.finish(test_accuracy=...)`.
    """

    def __init__(self, log: RunLog, *, finish: bool = True) -> None:
        self.log, self.finish = log, finish

    def before_training(self, run: TrainingRun) -> None:
        """Record the optimizer, the size of the model, and a fingerprint of the initial weights."""
        group = {
            name: value
            for name, value in run.optimizer.param_groups[0].items()
            if isinstance(value, int | float | str | bool | tuple)  # not the weights
        }
        weights = next(run.model.parameters(), None)
        self.log.write(
            "training",
            optimizer={"name": type(run.optimizer).__name__, **group},
            n_parameters=sum(p.numel() for p in run.model.parameters()),
            n_epochs=run.n_epochs,
            n_batches=run.n_batches,
            threads=torch.get_num_threads(),
            device=None if weights is None else _name_of(weights.device),
            initial_weights=data_fingerprint(dict(run.model.state_dict())),
        )

    def after_epoch(self, run: TrainingRun) -> None:
        """Record the epoch."""
        last = {name: values[-1] for name, values in vars(run.history).items()}
        self.log.epoch(self.log.first_epoch + run.epoch - 1, **last)

    def after_training(self, run: TrainingRun) -> None:
        """Record the weights' fingerprint and, if it is to be, the end."""
        is_complete = len(run.history) == run.n_epochs or run.stop
        if is_complete and not self.finish:
            self.log.write("weights", fingerprint=data_fingerprint(dict(run.model.state_dict())))
            return
        error = sys.exception()
        status = "finished" if is_complete else f"failed: {type(error).__name__}: {error}"
        self.log.finish(status, weights=data_fingerprint(dict(run.model.state_dict())))


def _name_of(device: torch.device) -> str:
    return f"{device}: {torch.cuda.get_device_name(device)}" if device.type == "cuda" else device.type
