"""Loss scaling for float16, as `torch.amp.GradScaler` does it."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim import Optimizer


class LossScaler:
    """Multiply the loss before backward, so that small gradients do not vanish in float16, and divide afterwards.

    In float16 a number below 2⁻²⁵ (3e-8) becomes 0. A step whose gradients are not finite is left out, and the scale
    halved; after many good steps it is doubled. The decisions equal those of `torch.amp.GradScaler`. Source:
    Micikevicius et al., "Mixed precision training" (2018), arXiv:1710.03740.

        scaler.scale(loss).backward()
        scaler.step(optimizer)

    Args:
        init_scale: The first scale, above 0.
        growth_factor: By which it grows, above 1.
        backoff_factor: By which it falls, between 0 and 1.
        growth_interval: After how many good steps in a row it grows, at least 1.

    Attributes:
        scale_now: The scale.
        good_steps: Steps since the scale changed.
        skipped: Steps that were left out.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
    ) -> None:
        if not init_scale > 0 or not growth_factor > 1 or not 0 < backoff_factor < 1 or growth_interval < 1:
            raise ValueError(
                "init_scale must be above 0, growth_factor above 1, backoff_factor between 0 and 1 and growth_interval "
                f"at least 1, not {init_scale}, {growth_factor}, {backoff_factor} and {growth_interval}"
            )
        self.scale_now = float(init_scale)
        self.growth_factor, self.backoff_factor = growth_factor, backoff_factor
        self.growth_interval = growth_interval
        self.good_steps = 0
        self.skipped = 0

    def scale(self, loss: Tensor) -> Tensor:
        """Return the loss times the scale, for `backward`."""
        return loss * self.scale_now

    def step(self, optimizer: Optimizer, before_step: Callable[[], object] | None = None) -> bool:
        """Divide the gradients by the scale, take the step if all are finite, and choose the next scale.

        Args:
            optimizer: Holds the parameters with their scaled gradients.
            before_step: Called with the divided gradients, such as to clip them; only before a step that is taken.

        Returns:
            Whether the step was taken.

        Raises:
            ValueError: No parameter has a gradient.
        """
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if not gradients:
            raise ValueError("no parameter of the optimizer has a gradient: call scale(loss).backward() first")
        for gradient in gradients:
            gradient.div_(self.scale_now)
        finite = all(bool(torch.isfinite(gradient).all()) for gradient in gradients)
        if finite:
            if before_step is not None:
                before_step()
            optimizer.step()
        else:
            self.skipped += 1
        self.update(not finite)
        return finite

    def update(self, found_inf: bool) -> None:
        """Choose the next scale from whether a gradient was not finite."""
        if found_inf:
            self.scale_now *= self.backoff_factor
            self.good_steps = 0
            return
        self.good_steps += 1
        if self.good_steps == self.growth_interval:
            self.scale_now *= self.growth_factor
            self.good_steps = 0
