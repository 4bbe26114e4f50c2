"""A network as an ONNX file, its int8 form, and both run by onnxruntime. These packages are optional."""

import copy
import importlib.util
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

EXTRA = 'pip install ".[compression]" in the course\'s folder'


def why_not(*packages: str) -> str:
    """Return why these packages cannot be used, in one sentence, or an empty string if they can."""
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if not missing:
        return ""
    are = "is" if len(missing) == 1 else "are"
    return f"{' and '.join(missing)} {are} not installed; {EXTRA} installs what this lesson can use."


def _need(*packages: str) -> None:
    reason = why_not(*packages)
    if reason:
        raise ModuleNotFoundError(reason)


def export_onnx(model: nn.Module, path: str | Path, example: Tensor) -> Path:
    """Write a network as an ONNX file, for any number of examples, and return the path.

    Args:
        model: Takes one tensor; it is exported in eval mode, batch norms folded by the exporter where it can.
        path: The file, usually `*.onnx`.
        example: A batch of inputs.

    Raises:
        ModuleNotFoundError: onnx is not installed.
    """
    _need("onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this exporter is the older one: it takes a tenth of the time
        torch.onnx.export(
            model.eval(),
            (example,),
            str(path),
            dynamo=False,
            input_names=["inputs"],
            output_names=["logits"],
            dynamic_axes={"inputs": {0: "n"}, "logits": {0: "n"}},
        )
    return Path(path)


def quantize_onnx(
    path: str | Path, out: str | Path, calibration: Tensor, *, per_channel: bool = True, reduce_range: bool = True
) -> Path:
    """Write the int8 form of an ONNX file: weights int8, activations uint8 with ranges from calibration data.

    Args:
        path: As from `export_onnx`.
        out: The new file.
        calibration: A batch of inputs: training images, never the test set.
        per_channel: Whether each output has its own scale.
        reduce_range: Whether weights have 7 bits. On processors with AVX2 and without VNNI, products of 8-bit numbers
            are added in 16 bits, and overflow in silence if both factors use their whole range.

    Raises:
        ModuleNotFoundError: onnx or onnxruntime is not installed.
    """
    _need("onnx", "onnxruntime")
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.batches: Iterator[dict[str, Any]] = iter([{"inputs": calibration.cpu().numpy()}])

        def get_next(self) -> Any:
            return next(self.batches, None)

    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)  # it recommends a step that changes nothing for these networks
    try:
        quantize_static(
            str(path), str(out), Reader(), per_channel=per_channel, reduce_range=reduce_range,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        )  # fmt: skip
    finally:
        logging.getLogger().setLevel(level)
    return Path(out)


class OnnxModel(nn.Module):
    """An ONNX file run by onnxruntime on one CPU thread, with the form of a torch module.

    Args:
        path: The file.

    Raises:
        ModuleNotFoundError: onnxruntime is not installed.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        _need("onnxruntime")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits."""
        name = self.session.get_inputs()[0].name
        return torch.from_numpy(self.session.run(None, {name: inputs.detach().cpu().numpy()})[0])


def quantize_torchao(model: nn.Module) -> nn.Module:
    """Return a copy with int8 weights by torchao's `quantize_`: linear layers only, convolutions stay as they are.

    Raises:
        ModuleNotFoundError: torchao is not installed.
    """
    _need("torchao")
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    quantized = copy.deepcopy(model)
    quantize_(quantized, Int8WeightOnlyConfig())
    return quantized


def quantize_pt2e(model: nn.Module, calibration: Tensor) -> nn.Module:
    """Return an int8 form of all layers by torchao's PT2E path: export, prepare, calibrate, convert.

    It takes batches of the calibration's shape. Its answers are those of int8; its speed needs torch's compiler.

    Args:
        model: In eval mode; it is not changed.
        calibration: A batch of inputs: training images, never the test set.

    Raises:
        ModuleNotFoundError: torchao is not installed.
    """
    _need("torchao")
    from torchao.quantization.pt2e import quantize_pt2e as pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    quantizer = x86.X86InductorQuantizer()
    quantizer.set_global(x86.get_default_x86_inductor_quantization_config())
    prepared = pt2e.prepare_pt2e(torch.export.export(model, (calibration,)).module(), quantizer)
    prepared(calibration)
    return pt2e.convert_pt2e(prepared)
