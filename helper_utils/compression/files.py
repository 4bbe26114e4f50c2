"""What a tensor or a network takes on disk, in several forms."""

import io
import json
import zlib

import numpy as np
import torch
from torch import Tensor, nn

from helper_utils.compression.layers import weight_layers
from helper_utils.compression.quantization import Quantized, check_bits, dequantize, quantize

FORMATS = ("dense", "coo", "csr", "zip")


def stored_bytes(x: Tensor, form: str = "dense", *, index_bytes: int = 4) -> int:
    """Return how many bytes a tensor takes in one of four forms, without names and headers.

    Args:
        x: Any shape. A sparse form takes it as a matrix: its first axis the rows, the others the columns.
        form: "dense": every value. "coo": each value that is not zero, with its row and its column. "csr": each such
            value with its column, and for each row the place where it begins. "zip": the dense bytes, compressed by
            zlib at level 9.
        index_bytes: Of an index; torch's own sparse tensors take 8.

    Raises:
        ValueError: The form is unknown.
    """
    x = x.detach()
    n_rows = len(x) if x.ndim > 1 else 1
    n_values = int((x != 0).sum())
    size = x.element_size()
    if form == "dense":
        return x.numel() * size
    if form == "coo":
        return n_values * (size + 2 * index_bytes)
    if form == "csr":
        return n_values * (size + index_bytes) + (n_rows + 1) * index_bytes
    if form == "zip":
        return len(zlib.compress(x.contiguous().cpu().numpy().tobytes(), 9))
    raise ValueError(f"the form must be one of {', '.join(FORMATS)}, not {form!r}")


def saved_bytes(model: nn.Module) -> int:
    """Return the length of the file that `torch.save` writes for a network's `state_dict`, in bytes."""
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    return len(file.getvalue())


def pack_model(model: nn.Module, n_bits: int = 32, *, per_channel: bool = True, zipped: bool = False) -> bytes:
    """Return a file's content from which `unpack_model` makes the network again.

    Weights of linear layers and convolutions are stored with `n_bits` each, as `quantize` rounds them (symmetric),
    with their scales in float32; everything else in its own type. A weight that lies on such levels already, as after
    quantization-aware training, is stored without a further error (to rounding).

    Args:
        model: The network. Masks must be removed before (`remove_masks`).
        n_bits: 32 for float32, 16 for float16, or 2 to 8 for codes.
        per_channel: Whether each output has its own scale.
        zipped: Whether the whole is compressed by zlib, as zeros and frequent codes ask for.

    Raises:
        ValueError: n_bits is something else, or the model has masks, or no such layers.
    """
    if n_bits not in (16, 32):
        check_bits(n_bits)
        if n_bits > 8:
            raise ValueError(f"n_bits must be 2 to 8, 16 (float16) or 32 (float32) here, not {n_bits}")
    weights = {f"{name}.weight" if name else "weight" for name in weight_layers(model)}
    header: list[list] = []
    body = []
    state = model.state_dict()
    if not weights <= set(state):
        raise ValueError("the model has masks or rounding in its layers: call remove_masks before you store it")
    for name, tensor in state.items():
        bits = n_bits if name in weights else 0
        if bits in (0, 32):
            tensor = tensor.detach().cpu().contiguous()
            content, note = tensor.numpy().tobytes(), [name, list(tensor.shape), 0, str(tensor.dtype).split(".")[1]]
        elif bits == 16:
            content, note = tensor.half().cpu().contiguous().numpy().tobytes(), [name, list(tensor.shape), 16, ""]
        else:
            rounded = quantize(tensor, bits, per_channel=per_channel)
            scales = rounded.scale.float().cpu().numpy().tobytes()
            content = scales + _pack_bits(rounded.codes.cpu().numpy(), bits)
            note = [name, list(tensor.shape), bits, list(rounded.scale.shape)]
        header.append(note)
        body.append(content)
    head = json.dumps(header, separators=(",", ":")).encode()
    content = len(head).to_bytes(4, "little") + head + b"".join(body)
    return (b"Z" + zlib.compress(content, 9)) if zipped else b"P" + content


def unpack_model(content: bytes, model: nn.Module) -> nn.Module:
    """Load what `pack_model` returned into a network of the same shape, and return it.

    Raises:
        ValueError: The content is something else.
        RuntimeError: The network does not fit.
    """
    if content[:1] not in (b"P", b"Z"):
        raise ValueError("this is not the content of a file by pack_model")
    content = zlib.decompress(content[1:]) if content[:1] == b"Z" else content[1:]
    length = int.from_bytes(content[:4], "little")
    header, stream = json.loads(content[4 : 4 + length]), io.BytesIO(content[4 + length :])
    state = {}
    for name, shape, bits, more in header:
        n = int(np.prod(shape, dtype=np.int64))
        if bits == 0:
            dtype = getattr(torch, more)
            state[name] = _read(stream, n, dtype).view(shape)
        elif bits == 16:
            state[name] = _read(stream, n, torch.float16).view(shape).float()
        else:
            scale = _read(stream, int(np.prod(more, dtype=np.int64)), torch.float32).view(more)
            codes = torch.from_numpy(_unpack_bits(stream.read(-(-n * bits // 8)), n, bits)).view(shape)
            state[name] = dequantize(Quantized(codes, scale, torch.zeros_like(scale), bits))
    model.load_state_dict(state)
    return model


def _read(stream: io.BytesIO, n: int, dtype: torch.dtype) -> Tensor:
    size = torch.empty(0, dtype=dtype).element_size()
    return torch.frombuffer(bytearray(stream.read(n * size)), dtype=dtype) if n else torch.empty(0, dtype=dtype)


def _pack_bits(codes: np.ndarray, n_bits: int) -> bytes:
    """Write codes from -(2^(n-1) - 1) up as numbers from 0 up, n bits each, one after the other."""
    positive = (codes.astype(np.int16).ravel() + 2 ** (n_bits - 1) - 1).astype(np.uint8)
    bits = np.unpackbits(positive[:, None], axis=1)[:, 8 - n_bits :]
    return np.packbits(bits.ravel()).tobytes()


def _unpack_bits(content: bytes, n: int, n_bits: int) -> np.ndarray:
    bits = np.unpackbits(np.frombuffer(content, np.uint8))[: n * n_bits].reshape(n, n_bits)
    padded = np.pad(bits, ((0, 0), (8 - n_bits, 0)))
    return np.packbits(padded, axis=1).ravel().astype(np.int16) - (2 ** (n_bits - 1) - 1)
