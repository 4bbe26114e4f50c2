"""Skip connections: addition (`ResidualBlock`, `ResNet`), concatenation (`DenseBlock`), long skips (`UNet`).

`residual` (blocks and networks that add, stochastic depth) · `dense` (blocks that concatenate) · `unet` (an encoder and
a decoder, and the borders of objects) · `loss_slice` (the loss surface around a model).
"""

from helper_utils.skip_connections.dense import DenseBlock as DenseBlock
from helper_utils.skip_connections.dense import DenseLayer as DenseLayer
from helper_utils.skip_connections.dense import Transition as Transition
from helper_utils.skip_connections.loss_slice import filter_normalized_direction as filter_normalized_direction
from helper_utils.skip_connections.loss_slice import loss_slice as loss_slice
from helper_utils.skip_connections.residual import ResidualBlock as ResidualBlock
from helper_utils.skip_connections.residual import ResNet as ResNet
from helper_utils.skip_connections.residual import StochasticDepth as StochasticDepth
from helper_utils.skip_connections.unet import UNet as UNet
from helper_utils.skip_connections.unet import border as border
