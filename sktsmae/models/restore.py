"""Restoring of networks from files, which allocates memory only if the settings and the weights in the file fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from .to_jsonable import to_jsonable

Model = TypeVar("Model", bound=nn.Module)
Built = TypeVar("Built")

# Settings that are numbers of layers. Each layer has tensors of its own, so these numbers cannot exceed the number of
# tensors in a file.
_LAYER_COUNTS = {"depth", "decoder_depth", "num_res_blocks"}
# Maximum number of scales in the settings of a file, so that a damaged file cannot exhaust the memory.
_MAX_SCALES = 10**6


def keep_new_mixing(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add a model's own layers that mix channels to the weights of a network that has no such layers.

    Parameters
    ----------
    model : nn.Module
        The model into which the weights are to be loaded.
    state : mapping of str to Tensor
        The state dict of the other network.

    Returns
    -------
    dict of str to Tensor
        The state dict, with the present weights of the model's layers if the other network has no such layers.
    """
    if any("mixing." in name for name in state):
        return dict(state)
    own = {name: tensor for name, tensor in model.state_dict().items() if "mixing." in name}
    return {**own, **state}


def load_matching(model: nn.Module, state: Mapping[str, Tensor], source: object) -> None:
    """Load a state dict into a model if all tensors fit.

    Parameters
    ----------
    model : nn.Module
        The model; it is changed in place.
    state : mapping of str to Tensor
        The state dict.
    source : object
        Name of the source in error messages.

    Raises
    ------
    ValueError
        If a tensor is missing or unknown, has another shape, or has integers in place of floating-point numbers or
        vice versa. The message names the tensor.
    """
    _require_matching(model, state, source)
    model.load_state_dict(dict(state))


def plan(build: Callable[[], Built], settings: Mapping[str, Any], state: Mapping[str, Tensor], source: object) -> Built:
    """Build an object from the settings in a file without allocating memory for its weights.

    Parameters
    ----------
    build : callable
        Function without arguments that builds the object from the settings.
    settings : mapping
        The settings in the file, which may be invalid.
    state : mapping of str to Tensor
        The tensors in the file.
    source : object
        Name of the file in error messages.

    Returns
    -------
    object
        The result of `build`, with its tensors on torch's meta device.

    Raises
    ------
    ValueError
        If the settings are invalid.
    """
    for name, given in settings.items():
        value = to_jsonable(given)
        maximum = len(state) if name in _LAYER_COUNTS else _MAX_SCALES if name == "cwt_scales" else None
        if maximum is not None and not isinstance(value, list) and not (isinstance(value, int) and value <= maximum):
            raise ValueError(
                f"{source}: the settings in the file are damaged: {name}={value!r}, but it must be an integer of at "
                f"most {maximum}."
            )
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            return build()
    except Exception as error:  # settings of the wrong type can raise any exception
        raise ValueError(f"{source}: the settings in the file are damaged ({error}).") from error


def restore(
    build: Callable[[], Model], settings: Mapping[str, Any], state: Mapping[str, Tensor], source: object
) -> Model:
    """Build a module from the settings in a file and load its weights, after checking that the weights fit.

    Parameters
    ----------
    build : callable
        Function without arguments that builds the module from the settings.
    settings : mapping
        The settings in the file, which may be invalid.
    state : mapping of str to Tensor
        The tensors in the file.
    source : object
        Name of the file in error messages.

    Returns
    -------
    nn.Module
        The module, in evaluation mode.

    Raises
    ------
    ValueError
        If the settings are invalid or a tensor does not fit. The message names the setting or tensor.
    """
    _require_matching(plan(build, settings, state, source), state, source)
    with torch.random.fork_rng(devices=[]):  # initial weights must not advance the caller's generator
        model = build()
    model.load_state_dict(dict(state))
    return model.eval()


def _require_matching(model: nn.Module, state: Mapping[str, Tensor], source: object) -> None:
    expected = model.state_dict()
    problems = [f"{name} is missing" for name in expected if name not in state]
    problems += [f"{name} is unknown" for name in state if name not in expected]
    problems += [
        f"{name} has the shape {tuple(state[name].shape)} in the file and {tuple(expected[name].shape)} in the model"
        for name in expected
        if name in state and state[name].shape != expected[name].shape
    ]
    problems += [
        f"{name} has the dtype {state[name].dtype} in the file and {expected[name].dtype} in the model"
        for name in expected
        if name in state and state[name].is_floating_point() != expected[name].is_floating_point()
    ]
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise ValueError(f"{source}: the weights do not fit the settings: {'; '.join(problems[:5])}{more}.")
