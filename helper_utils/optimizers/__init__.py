"""Optimizers: the rules that turn a gradient into a step, each written as its paper has it.

`SGD`, `Adagrad`, `RMSprop`, `Adadelta`, `Adam`, `AdamW`, `Lion` and `Muon` are subclasses of `torch.optim.Optimizer`
with parameter groups, closures and `state_dict`; `MultiOptimizer` makes one of several. Names, order and defaults of
the arguments are those of `torch.optim`, and so are the keys of the state: changing the import swaps one for the other,
even between two halves of a training. (torch has no Lion; that one follows the paper.) `muon_and_adamw` is the usual
pair, and `toy_problems` has problems to try optimizers on.

Left out is what torch has for speed or for gradients of the step itself: `foreach`, `fused`, `capturable`,
`differentiable`, and rates that are tensors. A state of ours loads into torch's optimizer, which takes its defaults for
these, and the other way round, where they are ignored. Sparse and complex gradients are refused.

All rules but Muon's treat each number of a parameter for itself, so a parameter of any shape will do, also one that
holds the weights of many networks. In the formulas w is the parameter, g its gradient, t the number of the step from 1,
and all memories start at 0 where nothing else is said. A step goes downhill; with `maximize` it takes -g for g, uphill.
"""

from helper_utils.optimizers.adaptive import Adadelta as Adadelta
from helper_utils.optimizers.adaptive import Adagrad as Adagrad
from helper_utils.optimizers.adaptive import Adam as Adam
from helper_utils.optimizers.adaptive import AdamW as AdamW
from helper_utils.optimizers.adaptive import RMSprop as RMSprop
from helper_utils.optimizers.lion import Lion as Lion
from helper_utils.optimizers.multi import MultiOptimizer as MultiOptimizer
from helper_utils.optimizers.multi import muon_and_adamw as muon_and_adamw
from helper_utils.optimizers.muon import Muon as Muon
from helper_utils.optimizers.muon import orthogonalize as orthogonalize
from helper_utils.optimizers.sgd import SGD as SGD
from helper_utils.optimizers.toy_problems import share_that_left as share_that_left
from helper_utils.optimizers.toy_problems import two_minima_slope as two_minima_slope
