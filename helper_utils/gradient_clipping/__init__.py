"""Gradient clipping: torch's two functions written plainly, an adaptive threshold, and a look at the gradients.

`clip_grad_norm_` and `clip_grad_value_` have the signatures of `torch.nn.utils`, without `foreach`, which only chooses
between two ways to compute the same. `AdaptiveClip` and `GradientNorms` are callbacks for `train_model`. For a fixed
threshold `train_model` has `clip_norm`.
"""

from helper_utils.gradient_clipping.clipping import AdaptiveClip as AdaptiveClip
from helper_utils.gradient_clipping.clipping import clip_grad_norm_ as clip_grad_norm_
from helper_utils.gradient_clipping.clipping import clip_grad_value_ as clip_grad_value_
from helper_utils.gradient_clipping.clipping import total_norm as total_norm
from helper_utils.gradient_clipping.gradient_flow import By as By
from helper_utils.gradient_clipping.gradient_flow import GradientNorms as GradientNorms
from helper_utils.gradient_clipping.gradient_flow import gradient_norms as gradient_norms
from helper_utils.gradient_clipping.gradient_flow import plot_gradient_flow as plot_gradient_flow
