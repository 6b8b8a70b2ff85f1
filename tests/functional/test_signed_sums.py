"""Tests of sums of rows with signs."""

import torch
from torch.testing import assert_close

from sktsmae.functional.signed_sums import signed_sums


def draw(generator):
    summands = torch.randint(6, (3, 10), generator=generator)
    return summands, 2.0 * torch.randint(2, (3, 10), generator=generator) - 1


def test_sums_equal_a_matrix_product_for_any_leading_axes():
    generator = torch.Generator().manual_seed(0)
    summands, signs = draw(generator)
    matrix = torch.zeros(10, 6, dtype=torch.float64)
    for terms, of_terms in zip(summands, signs, strict=True):
        matrix[torch.arange(10), terms] += of_terms
    for shape in [(6, 50), (4, 6, 50), (2, 3, 6, 1), (0, 3, 6, 50)]:
        rows = torch.randn(shape, generator=generator)
        assert_close(signed_sums(rows, summands, signs), (matrix @ rows.double()).float())
        assert_close(signed_sums(rows.double(), summands, signs), matrix @ rows.double())


def test_sums_do_not_depend_on_the_other_signals_or_on_the_path_for_onnx(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    summands, signs = draw(generator)
    rows = torch.randn(40, 6, 50, generator=generator)
    sums = signed_sums(rows, summands, signs)
    assert torch.equal(sums[7], signed_sums(rows[7], summands, signs))
    monkeypatch.setattr(torch.onnx, "is_in_onnx_export", lambda: True)
    assert torch.equal(sums, signed_sums(rows, summands, signs))
