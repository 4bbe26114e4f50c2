"""Scalers: the features of a data set brought into one range, in scikit-learn's words."""

import math
from abc import ABC, abstractmethod
from typing import Self

import torch
from torch import Tensor


class _Scaler(ABC):
    """Learns something about each feature from training data, in float64, and applies it to any data."""

    scale_: Tensor  # there once `fit` was called, as in scikit-learn

    def fit(self, inputs: Tensor) -> Self:
        """Learn the statistics of each feature; call it with training data only.

        Args:
            inputs: Shape (N, features), floating point.

        Raises:
            TypeError: The inputs are not a tensor of floating point numbers.
            ValueError: They have another shape, are too few, or hold a nan or an infinity.
        """
        _check_features(inputs)
        if inputs.numel() == 0:
            raise ValueError(f"there is nothing to fit a scaler to in inputs of shape {tuple(inputs.shape)}")
        values = inputs.detach().cpu().double()
        wrong = (~values.isfinite()).nonzero()
        if len(wrong):
            row, column = wrong[0].tolist()
            raise ValueError(
                f"inputs hold {values[row, column].item()} (row {row}, feature {column}): leave such rows out, or fill "
                "the gaps, before fitting a scaler"
            )
        self._fit(values, inputs.dtype)
        return self

    def transform(self, inputs: Tensor) -> Tensor:
        """Scale inputs by what `fit` has learned; a nan stays one.

        Args:
            inputs: Shape (N, features), floating point; the results have its type and are on its device.

        Raises:
            TypeError: The inputs are not a tensor of floating point numbers.
            ValueError: The scaler is not fitted, or the inputs have another shape or number of features.
        """
        self._check(inputs)
        return self._scale(inputs)

    def fit_transform(self, inputs: Tensor) -> Tensor:
        """Return `fit(inputs).transform(inputs)`; call it with training data only."""
        return self.fit(inputs).transform(inputs)

    def inverse_transform(self, inputs: Tensor) -> Tensor:
        """Undo `transform`; arguments and errors are the same."""
        self._check(inputs)
        return self._unscale(inputs)

    def _check(self, inputs: Tensor) -> None:
        if not hasattr(self, "scale_"):
            raise ValueError(f"this {type(self).__name__} is not fitted: call fit with the training data first")
        _check_features(inputs)
        if inputs.shape[1] != len(self.scale_):
            raise ValueError(f"inputs have {inputs.shape[1]} features, the scaler was fitted to {len(self.scale_)}")

    @abstractmethod
    def _fit(self, values: Tensor, dtype: torch.dtype) -> None:
        """Learn from float64 values, which had another type."""

    @abstractmethod
    def _scale(self, inputs: Tensor) -> Tensor: ...

    @abstractmethod
    def _unscale(self, inputs: Tensor) -> Tensor: ...


class MinMaxScaler(_Scaler):
    """Brings each feature into a range: its smallest value in the training data to the low end, its largest to the top.

    Other data may fall outside the range. A feature that is constant in the training data goes to the low end.

    Args:
        feature_range: The low and the high end.

    Attributes:
        data_min_: Smallest value of each feature, shape (features,), float64.
        data_max_: Largest value, likewise.
        scale_: What each feature is multiplied by.
        min_: What is added then.

    Raises:
        ValueError: The low end is not below the high end.
    """

    def __init__(self, feature_range: tuple[float, float] = (0, 1)) -> None:
        low, high = feature_range
        if not -math.inf < low < high < math.inf:
            raise ValueError(f"feature_range must be (low, high), finite, with low below high, not {feature_range}")
        self.feature_range = feature_range

    def _fit(self, values: Tensor, dtype: torch.dtype) -> None:
        low, high = self.feature_range
        self.data_min_, self.data_max_ = values.amin(dim=0), values.amax(dim=0)
        data_range = self.data_max_ - self.data_min_
        is_constant = data_range < 10 * torch.finfo(dtype).eps  # scikit-learn's bound
        self.scale_ = (high - low) / data_range.masked_fill(is_constant, 1)
        self.min_ = low - self.data_min_ * self.scale_

    def _scale(self, inputs: Tensor) -> Tensor:
        return inputs * self.scale_.to(inputs) + self.min_.to(inputs)

    def _unscale(self, inputs: Tensor) -> Tensor:
        return (inputs - self.min_.to(inputs)) / self.scale_.to(inputs)


class StandardScaler(_Scaler):
    """Brings each feature to mean 0 and standard deviation 1 over the training data.

    A feature that is constant in the training data is only centred.

    Args:
        ddof: The variance is the sum of squared deviations over N - ddof: 0, the default of scikit-learn and NumPy, or
            1, the default of torch and pandas. There must be more than ddof examples to fit.

    Attributes:
        mean_: Mean of each feature, shape (features,), float64.
        var_: Variance, likewise.
        scale_: What each centred feature is divided by: the standard deviation, or 1 for a constant feature.

    Raises:
        ValueError: ddof is negative.
    """

    def __init__(self, ddof: int = 0) -> None:
        if ddof < 0:
            raise ValueError(f"ddof must be at least 0, not {ddof}")
        self.ddof = ddof

    def _fit(self, values: Tensor, dtype: torch.dtype) -> None:  # noqa: ARG002 - the bound below is one of float64
        n_examples = len(values)
        if n_examples <= self.ddof:
            raise ValueError(f"a variance with ddof={self.ddof} needs more than {self.ddof} examples, not {n_examples}")
        self.mean_, self.var_ = values.mean(dim=0), values.var(dim=0, correction=self.ddof)
        # scikit-learn's bound: what rounding alone can make of a feature that is constant
        eps = torch.finfo(values.dtype).eps
        is_constant = self.var_ <= n_examples * eps * self.var_ + (n_examples * eps * self.mean_).square()
        self.scale_ = self.var_.sqrt().masked_fill(is_constant, 1)

    def _scale(self, inputs: Tensor) -> Tensor:
        return (inputs - self.mean_.to(inputs)) / self.scale_.to(inputs)

    def _unscale(self, inputs: Tensor) -> Tensor:
        return inputs * self.scale_.to(inputs) + self.mean_.to(inputs)


def _check_features(inputs: Tensor) -> None:
    if not isinstance(inputs, Tensor):
        raise TypeError(f"inputs must be a tensor, not {type(inputs).__name__}: use torch.from_numpy or torch.tensor")
    if not inputs.is_floating_point():
        raise TypeError(f"inputs must be floating point, not {inputs.dtype}: call inputs.float() first")
    if inputs.ndim != 2:
        hint = ": for a single feature use inputs[:, None]" if inputs.ndim == 1 else ": use inputs.flatten(1)"
        raise ValueError(f"inputs must have shape (N, features), not {tuple(inputs.shape)}{hint}")
