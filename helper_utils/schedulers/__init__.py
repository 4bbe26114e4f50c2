"""Learning rate schedules as plain functions of the step, the plateau rule, and the learning rate range test.

Each function takes the step first, then the base rate and the arguments of the class of `torch.optim.lr_scheduler`
after which it is named, and returns the rate that the class sets after that many of its steps. A step is whatever
`.step()` counts: an epoch or a batch. With a base rate of 1 a function gives factors, as `LambdaLR` wants them:
`LambdaLR(optimizer, lambda step: cosine_annealing_lr(step, 1.0, T_max=200))`.

PyTorch computes most rates from the rate before; here each follows from its step alone (its documentation calls this
the closed form). The two agree to rounding as long as nobody else changes the rate.
"""

from helper_utils.schedulers.plateau import ReduceLROnPlateau as ReduceLROnPlateau
from helper_utils.schedulers.range_test import RangeTest as RangeTest
from helper_utils.schedulers.range_test import lr_range_test as lr_range_test
from helper_utils.schedulers.schedules import Schedule as Schedule
from helper_utils.schedulers.schedules import constant_lr as constant_lr
from helper_utils.schedulers.schedules import constant_then_exponential_lr as constant_then_exponential_lr
from helper_utils.schedulers.schedules import cosine_annealing_lr as cosine_annealing_lr
from helper_utils.schedulers.schedules import cosine_annealing_warm_restarts as cosine_annealing_warm_restarts
from helper_utils.schedulers.schedules import exponential_lr as exponential_lr
from helper_utils.schedulers.schedules import linear_lr as linear_lr
from helper_utils.schedulers.schedules import multi_step_lr as multi_step_lr
from helper_utils.schedulers.schedules import one_cycle_lr as one_cycle_lr
from helper_utils.schedulers.schedules import one_cycle_momentum as one_cycle_momentum
from helper_utils.schedulers.schedules import polynomial_lr as polynomial_lr
from helper_utils.schedulers.schedules import sequential_lr as sequential_lr
from helper_utils.schedulers.schedules import step_lr as step_lr
