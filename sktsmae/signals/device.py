"""Selection of the device to compute on."""

from __future__ import annotations

import warnings

import torch


def resolve_device(device: str | torch.device, fitted: bool = False) -> torch.device:
    """Return the device to compute on.

    Parameters
    ----------
    device : str or torch.device
        "auto" selects a CUDA GPU if there is one and the CPU otherwise. Other values are device names of torch.
    fitted : bool, default=False
        Whether the estimator is already fitted. A fitted estimator may have been fitted on another machine. If its
        device is missing, the CPU is used, with a warning.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    ValueError
        If the name is unknown, or if the device is missing and `fitted` is False.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.zeros(1, device=resolved).cpu()  # raises if the device is missing or cannot compute
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        message = f"device={str(device)!r} is not available on this machine"
        if not fitted:
            raise ValueError(f"{message}; use device='cpu', or device='auto' to select an available device.") from error
        warnings.warn(f"{message}; computing on the CPU.", UserWarning, stacklevel=2)
        return torch.device("cpu")
    return resolved
