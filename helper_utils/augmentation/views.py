"""Predictions that are averaged over several views of an image."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


@torch.no_grad()
def average_over_views(
    predict: Callable[[Tensor], Tensor], images: Tensor, views: Sequence[Callable[[Tensor], Tensor]]
) -> Tensor:
    """Return the class probabilities of each image, averaged over transforms of it ("test-time augmentation").

    Args:
        predict: A model in evaluation mode, or another function from images to logits of shape (N, classes);
            it must not return probabilities, for the softmax is taken here.
        images: Shape (N, C, H, W).
        views: Functions that transform a batch; put `lambda images: images` among them to keep the image itself.

    Returns:
        Probabilities, shape (N, classes).

    Raises:
        ValueError: There are no views, or `predict` returns something other than (N, classes), or not the same number
            of classes for every view.
    """
    if not views:
        raise ValueError("average_over_views needs at least one view")
    total = torch.zeros(())
    for view in views:
        logits = predict(view(images))
        if logits.dim() != 2 or len(logits) != len(images):
            raise ValueError(f"expected logits of shape ({len(images)}, classes), not {tuple(logits.shape)}")
        if total.dim() and logits.shape != total.shape:
            raise ValueError(
                f"every view needs the same number of classes, but one has {total.shape[1]} and one {logits.shape[1]}"
            )
        total = total.to(logits.device) + logits.softmax(dim=1)
    return total / len(views)
