"""Tests of the division of images into patches, and of its inverse."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from sktsmae.functional.patches import grid_size, patch_validity, patchify, unpatchify

IMAGE_AND_PATCH_SIZES = [
    ((8, 100), (4, 50)),
    ((8, 101), (4, 50)),
    ((9, 100), (4, 50)),
    ((10, 130), (4, 20)),
    ((1, 1), (4, 50)),
    ((3, 49), (4, 50)),
    ((5, 7), (1, 1)),
]


@pytest.mark.parametrize(
    ("image_size", "patch_size", "expected"),
    [
        ((64, 3000), (4, 50), (16, 60)),
        ((64, 1010), (4, 50), (16, 21)),
        ((1, 1), (4, 50), (1, 1)),
        ((5, 8), (4, 4), (2, 2)),
    ],
)
def test_grid_size_rounds_up(image_size, patch_size, expected):
    assert grid_size(image_size, patch_size) == expected


@pytest.mark.parametrize("num_views", [1, 3])
@pytest.mark.parametrize(("image_size", "patch_size"), IMAGE_AND_PATCH_SIZES)
def test_unpatchify_inverts_patchify(image_size, patch_size, num_views):
    image = torch.randn(2, num_views, *image_size)
    patches = patchify(image, patch_size)
    rows, columns = grid_size(image_size, patch_size)
    assert patches.shape == (2, rows * columns, num_views * patch_size[0] * patch_size[1])
    assert torch.equal(unpatchify(patches, image_size, patch_size), image)


def test_patches_are_in_raster_order_and_flattened_by_view_scale_and_time():
    image = torch.arange(2 * 4 * 6).float().reshape(1, 2, 4, 6)
    patches = patchify(image, (2, 3))
    for row in range(2):
        for column in range(2):
            block = image[0, :, 2 * row : 2 * row + 2, 3 * column : 3 * column + 3]
            assert torch.equal(patches[0, 2 * row + column], block.flatten())


@pytest.mark.parametrize(("image_size", "patch_size"), IMAGE_AND_PATCH_SIZES)
def test_patch_validity_marks_padding(image_size, patch_size):
    valid = patch_validity(image_size, patch_size, num_views=2)
    patches = patchify(torch.full((1, 2, *image_size), 7.0), patch_size)[0]
    if valid is None:
        assert all(size % patch == 0 for size, patch in zip(image_size, patch_size, strict=True))
        assert (patches == 7).all()
    else:
        assert_close(patches, 7 * valid, rtol=0, atol=0)  # padding is zero, and all other values are 7
        assert valid.sum() == 2 * image_size[0] * image_size[1]
        assert valid.min() == 0
        assert (valid.sum(-1) > 0).all()  # no patch consists of padding only
