from __future__ import annotations

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from sktsmae.functional.patches import patchify
from sktsmae.models import CWT_MAE_RoPE
from sktsmae.models.flops import decoding_flops, encoding_flops, training_flops

SIZES = [
    {"signal_len": 96, "cwt_scales": 8, "embed_dim": 32, "depth": 2, "num_heads": 4, "patch_size_time": 12},
    {"signal_len": 100, "cwt_scales": 6, "embed_dim": 80, "depth": 1, "num_heads": 2, "mlp_rank_ratio": 0.8},
    {"signal_len": 60, "embed_dim": 16, "depth": 3, "num_heads": 2, "patch_size_time": 20, "diff_orders": (0, 2)},
]
DECODER = {"decoder_embed_dim": 48, "decoder_depth": 2, "decoder_num_heads": 4}


def by_hand_of_the_smallest() -> tuple[int, int]:
    """4 patches of 2 x 5 values in 2 x 2; encoder 8, its rank 32; decoder 4; 2 patches visible."""
    encoder = 2 * 10 * 8 + 3 * (4 * 8 * 8 + 2 * 32 * (8 + 32)) + 2 * 3 * 3 * 8
    decoder = 3 * 8 * 4 + 5 * (4 * 4 * 4 + 2 * 4 * 16) + 2 * 5 * 5 * 4 + 4 * 4 * 10 + 2 * (2 * 4 * 4 + 4 * 5)
    return 2 * encoder, 2 * decoder


def test_count_is_that_by_hand():
    model = CWT_MAE_RoPE(
        signal_len=10,
        cwt_scales=4,
        diff_orders=(0,),
        patch_size_freq=2,
        patch_size_time=5,
        embed_dim=8,
        depth=1,
        num_heads=1,
        decoder_embed_dim=4,
        decoder_depth=1,
        decoder_num_heads=1,
        mask_ratio=0.5,
    )
    encoder, decoder = by_hand_of_the_smallest()
    assert encoding_flops(model, 2) == encoder
    assert decoding_flops(model) == decoder
    assert training_flops(model) == 3 * (encoder + decoder)


@pytest.mark.parametrize("settings", SIZES)
def test_count_is_what_torch_counts_in_a_forward_pass(settings):
    model = CWT_MAE_RoPE(**settings, **DECODER).eval()
    image = model.scalogram(torch.randn(1, settings["signal_len"]))
    with FlopCounterMode(display=False) as whole, sdpa_kernel(SDPBackend.MATH):
        model.reconstruct(image)
    assert 3 * whole.get_total_flops() == training_flops(model)
    with FlopCounterMode(display=False) as encoder, sdpa_kernel(SDPBackend.MATH):
        model.encoder(patchify(image, model.encoder.patch_size))
    assert encoder.get_total_flops() == encoding_flops(model)
