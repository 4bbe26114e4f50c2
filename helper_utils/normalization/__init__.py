"""Normalisation of data and of activations: scalers, and the norms of `torch.nn` written from their formulas.

Scalers bring the features of a data set into one range: `MinMaxScaler` and `StandardScaler`, in scikit-learn's words.
Norms do it inside a network: `BatchNorm1d`, `BatchNorm2d`, `LayerNorm`, `InstanceNorm2d`, `GroupNorm` and `RMSNorm` are
those of `torch.nn`, with the same arguments, parameters and results; each loads the other's `state_dict`. They differ
in the axes that share a mean and a variance. Around batch norm: `recalibrate_running_statistics`, `fold_batch_norm`;
for the optimizer: `parameter_groups`.

The norms are stricter than torch's in what they take. They refuse, with a ValueError: an eps that is not positive, a
momentum outside [0, 1], inputs whose channels are not those that the layer was made for (torch's `InstanceNorm2d`
without parameters only warns), and a mean over a single value wherever it occurs (torch refuses it for batch and
instance norm only, though x - mean(x) is 0 for every norm that centres). Inputs that are not floating point are a
TypeError. With inputs of half precision they compute in float32, as torch does; outputs have the type of the inputs.
"""

from helper_utils.normalization.batch_norm import fold_batch_norm as fold_batch_norm
from helper_utils.normalization.batch_norm import recalibrate_running_statistics as recalibrate_running_statistics
from helper_utils.normalization.layers import BatchNorm1d as BatchNorm1d
from helper_utils.normalization.layers import BatchNorm2d as BatchNorm2d
from helper_utils.normalization.layers import GroupNorm as GroupNorm
from helper_utils.normalization.layers import InstanceNorm2d as InstanceNorm2d
from helper_utils.normalization.layers import LayerNorm as LayerNorm
from helper_utils.normalization.layers import RMSNorm as RMSNorm
from helper_utils.normalization.parameter_groups import parameter_groups as parameter_groups
from helper_utils.normalization.scalers import MinMaxScaler as MinMaxScaler
from helper_utils.normalization.scalers import StandardScaler as StandardScaler
