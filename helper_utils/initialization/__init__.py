"""How a network starts: initial weights that keep activations and gradients at one size, and a look at both.

The initialisers have the names and arguments of `torch.nn.init` and give its numbers under the same generator (but for
`trunc_normal_`, which draws other numbers of the same distribution). They are stricter: a weight without entries is a
ValueError, a tensor of integers a TypeError.
"""

from helper_utils.initialization.initializers import calculate_gain as calculate_gain
from helper_utils.initialization.initializers import fan_in_and_out as fan_in_and_out
from helper_utils.initialization.initializers import kaiming_normal_ as kaiming_normal_
from helper_utils.initialization.initializers import kaiming_uniform_ as kaiming_uniform_
from helper_utils.initialization.initializers import orthogonal_ as orthogonal_
from helper_utils.initialization.initializers import trunc_normal_ as trunc_normal_
from helper_utils.initialization.initializers import xavier_normal_ as xavier_normal_
from helper_utils.initialization.initializers import xavier_uniform_ as xavier_uniform_
from helper_utils.initialization.signals import SignalStatistics as SignalStatistics
from helper_utils.initialization.signals import activation_statistics as activation_statistics
from helper_utils.initialization.signals import lsuv_ as lsuv_
from helper_utils.initialization.signals import measured_gain as measured_gain
from helper_utils.initialization.signals import plot_activation_statistics as plot_activation_statistics
