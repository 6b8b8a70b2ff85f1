"""Tests of the hashes of signals."""

from __future__ import annotations

import torch

from sktsmae.functional.fingerprint import fingerprint


def test_fingerprint_depends_on_each_sample():
    x = torch.randn(5, 2, 30)
    changed = x.clone()
    changed[:, 1, 7] += 1e-6
    assert torch.equal(fingerprint(x[2:4]), fingerprint(x)[2:4])
    assert not torch.isin(fingerprint(changed), fingerprint(x)).any()


def test_fingerprint_does_not_depend_on_the_bits_of_zero_and_nan():
    nan_bits = torch.tensor([[0x7FC00000], [-0x400000]], dtype=torch.int32).view(torch.float32)
    assert fingerprint(nan_bits).unique().numel() == 1
    assert fingerprint(torch.tensor([[0.0], [-0.0]])).unique().numel() == 1
