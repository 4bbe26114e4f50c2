"""A small convolutional network whose architecture is a handful of settings, and a table of what its layers do.

`FlexibleCNN` is what a search varies: depth, width, kernels, dropout, classifier, batch norm, activation. `layer_table`
shows for this and any other chain of layers what comes out of each one, what it costs and how far it sees.
"""

from helper_utils.flexible_cnn.layer_table import layer_table as layer_table
from helper_utils.flexible_cnn.model import ACTIVATIONS as ACTIVATIONS
from helper_utils.flexible_cnn.model import FlexibleCNN as FlexibleCNN
from helper_utils.flexible_cnn.recipe import train_with_recipe as train_with_recipe
