"""The device to compute on."""

from __future__ import annotations

import warnings

import torch


def resolve_device(device: str | torch.device, fitted: bool = False) -> torch.device:
    """Return the device to compute on.

    Parameters
    ----------
    device : str or torch.device
        "auto" selects a CUDA GPU if there is one and the CPU otherwise. Any other value is a device name of torch.
    fitted : bool, default=False
        Whether the estimator is already fitted. It may then have been moved from another machine, so a missing device
        is replaced by the CPU with a warning.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    ValueError
        If the name is unknown or the device is missing.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.zeros(1, device=resolved).cpu()  # the device exists and can compute
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        message = f"device={str(device)!r} is not available on this machine"
        if not fitted:
            raise ValueError(f"{message}; use device='cpu', or 'auto' to select what is available.") from error
        warnings.warn(f"{message}; computing on the CPU.", UserWarning, stacklevel=2)
        return torch.device("cpu")
    return resolved
