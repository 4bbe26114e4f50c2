"""A trained network made smaller: pruning, quantization, low rank, entropy coding, and what each of them stores.

Pruning: `magnitude_masks`, `random_masks`, `two_of_four_mask`, `with_masks`, `remove_masks`, `gradual_amount`; whole
filters: `zero_filters` and `shrink`. Quantization: `quantize`, `dequantize`, `fake_quantize`, `find_range`,
`pack_int4`, `quantize_weights`, `QuantizedActivations`. Sizes: `stored_bytes`, `saved_bytes`, `pack_model`,
`unpack_model`. Low rank: `low_rank`. Coding: `share_values`, `huffman_lengths`, `entropy`. Mixed precision:
`LossScaler`. Training of several networks at once: `tune_together`, `fold_norms`. Files that other programs run:
`export_onnx`, `quantize_onnx`, `OnnxModel`; `quantize_torchao`, `quantize_pt2e`. These need the optional packages of
the extra `compression`.
"""

from helper_utils.compression.coding import entropy as entropy
from helper_utils.compression.coding import huffman_lengths as huffman_lengths
from helper_utils.compression.coding import share_values as share_values
from helper_utils.compression.deployment import OnnxModel as OnnxModel
from helper_utils.compression.deployment import export_onnx as export_onnx
from helper_utils.compression.deployment import quantize_onnx as quantize_onnx
from helper_utils.compression.deployment import quantize_pt2e as quantize_pt2e
from helper_utils.compression.deployment import quantize_torchao as quantize_torchao
from helper_utils.compression.deployment import why_not as why_not
from helper_utils.compression.factorization import low_rank as low_rank
from helper_utils.compression.files import pack_model as pack_model
from helper_utils.compression.files import saved_bytes as saved_bytes
from helper_utils.compression.files import stored_bytes as stored_bytes
from helper_utils.compression.files import unpack_model as unpack_model
from helper_utils.compression.filters import shrink as shrink
from helper_utils.compression.filters import zero_filters as zero_filters
from helper_utils.compression.loss_scaling import LossScaler as LossScaler
from helper_utils.compression.pruning import gradual_amount as gradual_amount
from helper_utils.compression.pruning import magnitude_masks as magnitude_masks
from helper_utils.compression.pruning import random_masks as random_masks
from helper_utils.compression.pruning import remove_masks as remove_masks
from helper_utils.compression.pruning import sparsity as sparsity
from helper_utils.compression.pruning import two_of_four_mask as two_of_four_mask
from helper_utils.compression.pruning import with_masks as with_masks
from helper_utils.compression.quantization import Quantized as Quantized
from helper_utils.compression.quantization import QuantizedActivations as QuantizedActivations
from helper_utils.compression.quantization import dequantize as dequantize
from helper_utils.compression.quantization import fake_quantize as fake_quantize
from helper_utils.compression.quantization import find_range as find_range
from helper_utils.compression.quantization import pack_int4 as pack_int4
from helper_utils.compression.quantization import quantize as quantize
from helper_utils.compression.quantization import quantize_weights as quantize_weights
from helper_utils.compression.quantization import unpack_int4 as unpack_int4
from helper_utils.compression.quantization import with_fake_quantization as with_fake_quantization
from helper_utils.compression.tuning import fold_norms as fold_norms
from helper_utils.compression.tuning import tune_together as tune_together
from helper_utils.compression.tuning import with_new_statistics as with_new_statistics
