"""The processes that ``torchrun`` or ``accelerate launch`` started."""

from __future__ import annotations

import multiprocessing
import os
from datetime import timedelta

import torch

from .world import World

# If a process waits longer than this for another one, it raises an error.
_TIMEOUT = timedelta(minutes=10)


def launched_world() -> World:
    """Return the processes that ``torchrun`` or ``accelerate launch`` started together.

    Returns
    -------
    World
        The processes. The size is 1 if this process was started alone or is a worker of a launched process.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))  # both launchers set WORLD_SIZE and RANK
    # A worker process, for example of joblib, inherits these variables from a launched process.
    is_worker = multiprocessing.parent_process() is not None and not torch.distributed.is_initialized()
    if size == 1 or is_worker:
        return World()
    return World(int(os.environ["RANK"]), size)


def join_world(device: torch.device) -> World:
    """Connect this process to the processes that were launched with it.

    Parameters
    ----------
    device : torch.device
        Device that the processes compute on.

    Returns
    -------
    World
        The processes. The size is 1 if this process was started alone.

    Raises
    ------
    ImportError
        If several processes were launched and accelerate is not installed.
    """
    world = launched_world()
    if world.size > 1:
        try:
            from accelerate import PartialState
        except ImportError as error:
            raise ImportError(
                "this process was launched together with others (WORLD_SIZE is set), and distributed training needs "
                'accelerate: pip install "sktsmae[distributed]".'
            ) from error
        PartialState(cpu=device.type == "cpu", timeout=_TIMEOUT)
    return world
