"""What a record of a training must hold to make it again, the checkpoints to resume it, and callbacks for trackers.

`run_log` (the record, which needs no torch) · `tracking` (`TrackRun`) · `reproduction` (`reproduce`) · `checkpoints` ·
`trackers` (TensorBoard, MLflow, Weights & Biases) · `conversions` (studies and sweeps as runs) · `pages` (the pages of
`make tensorboard` and `make mlflow`).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
