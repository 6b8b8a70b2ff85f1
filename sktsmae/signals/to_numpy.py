"""Conversion of tensors to arrays."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def to_numpy(tensor: Tensor) -> np.ndarray:
    """Return the values of a tensor.

    Parameters
    ----------
    tensor : Tensor
        A tensor on any device, of any dtype. bfloat16, which numpy does not have, becomes float32.

    Returns
    -------
    ndarray
        The values, without a copy if possible.
    """
    values = tensor.detach().cpu()
    return (values.float() if values.dtype is torch.bfloat16 else values).numpy()
