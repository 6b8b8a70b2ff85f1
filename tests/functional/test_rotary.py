"""Tests of rotary position embeddings as functions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch.testing import assert_close

from sktsmae.functional.rotary import apply_rotary, rotary_angles

DIM = 16


def scores(q: Tensor, k: Tensor, positions: Tensor) -> Tensor:
    """Rotate queries and keys by their positions, and compute the dot product of every query with every key."""
    angles = rotary_angles(positions, DIM)[None, None]
    q, k = (apply_rotary(x, angles.cos(), angles.sin()) for x in (q, k))
    return q @ k.transpose(-1, -2)


@pytest.fixture
def tokens() -> tuple[Tensor, Tensor]:
    """Return queries and keys of unit length, (1, 1, 6, DIM)."""
    q, k = normalize(torch.randn(2, 1, 1, 6, DIM), dim=-1)
    return q, k


# Positions of six tokens: raster indices, or (time, frequency) indices.
RASTER = torch.tensor([[0], [1], [2], [5], [9], [30]])
AXIAL = torch.tensor([[0, 0], [1, 1], [2, 1], [5, 1], [1, 3], [7, 4]])


@pytest.mark.parametrize(
    ("positions", "shift"),
    [
        (RASTER, [1]),
        (RASTER, [17]),
        (RASTER, [5000]),
        (AXIAL, [3, 0]),
        (AXIAL, [0, 3]),
        (AXIAL, [11, 2]),
        (AXIAL, [5000, 0]),
        (AXIAL, [0, 5000]),
    ],
    ids=["raster-1", "raster-17", "raster-5000", "time-3", "frequency-3", "both", "time-5000", "frequency-5000"],
)
def test_scores_depend_only_on_relative_positions(tokens, positions, shift):
    # float32 rounds an angle of up to 5030 radians by up to 2.5e-4. A score of unit vectors changes by at most the sum
    # of the rounding errors of both angles.
    atol = 5e-4 if max(shift) == 5000 else 1e-5
    assert_close(scores(*tokens, positions + torch.tensor(shift)), scores(*tokens, positions), rtol=0, atol=atol)


@pytest.mark.parametrize(
    ("positions", "axis"), [(RASTER, 0), (AXIAL, 0), (AXIAL, 1)], ids=["raster", "axial-time", "axial-frequency"]
)
def test_scores_change_with_relative_positions(tokens, positions, axis):
    moved = positions.clone()
    moved[-1, axis] += 4
    change = (scores(*tokens, moved) - scores(*tokens, positions)).abs()[0, 0]
    assert change[-1, :-1].min() > 1e-4  # scores of the moved query with the other keys
    assert change[:-1, -1].min() > 1e-4  # scores of the moved key with the other queries
    assert change[:-1, :-1].max() == 0


def test_time_and_frequency_rotate_different_features():
    x = torch.randn(1, 1, 1, DIM)
    in_time = rotary_angles(torch.tensor([[7, 0]]), DIM)[0]
    in_frequency = rotary_angles(torch.tensor([[0, 7]]), DIM)[0]
    assert_close(in_time, torch.cat((rotary_angles(torch.tensor([[7]]), DIM // 2)[0], torch.zeros(DIM // 4))))
    assert_close(in_frequency, in_time.roll(DIM // 4))
    rotated = apply_rotary(x, in_time.cos(), in_time.sin()) != x
    assert rotated[0, 0, 0].tolist() == 2 * (DIM // 4 * [True] + DIM // 4 * [False])


def test_rotary_angles_follow_their_formula():
    angles = rotary_angles(torch.tensor([[0], [1], [12]]), 8, base=100.0)
    frequencies = torch.tensor([1.0, 100**-0.25, 100**-0.5, 100**-0.75])
    assert_close(angles, torch.outer(torch.tensor([0.0, 1.0, 12.0]), frequencies))


def test_feature_i_is_rotated_with_feature_i_plus_half_the_head_size():
    x = torch.zeros(1, 1, 1, 4)
    x[..., 0] = 1
    angle = torch.tensor([0.3, 0.5])
    expected = torch.tensor([angle[0].cos(), 0.0, angle[0].sin(), 0.0])
    assert_close(apply_rotary(x, angle.cos(), angle.sin())[0, 0, 0], expected)


def test_rotation_preserves_norms_and_does_not_rotate_position_zero():
    x = torch.randn(2, 3, 6, DIM)
    angles = rotary_angles(RASTER, DIM)
    out = apply_rotary(x, angles.cos(), angles.sin())
    assert_close(out.norm(dim=-1), x.norm(dim=-1))
    assert torch.equal(out[:, :, 0], x[:, :, 0])


def test_apply_rotary_returns_the_dtype_of_its_input():
    angles = rotary_angles(RASTER, DIM)
    assert angles.dtype == torch.float32
    assert apply_rotary(torch.randn(1, 1, 6, DIM).bfloat16(), angles.cos(), angles.sin()).dtype == torch.bfloat16
