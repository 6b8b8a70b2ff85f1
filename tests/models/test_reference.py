"""Tests of agreement with the reference implementation, whose weights, inputs and outputs are in `reference`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from sktsmae.models import TF_MAE_Classifier, load_reference_classifier, load_reference_mae
from sktsmae.models.positions import resample_pos_embed

REFERENCE = Path(__file__).parent / "reference"
CONFIG = json.loads((REFERENCE / "config.json").read_text(encoding="utf-8"))
MODEL: dict[str, Any] = CONFIG["model"]
ENCODER = {name: value for name, value in MODEL.items() if name != "signal_len"}
FINETUNE: dict[str, Any] = {**ENCODER, **CONFIG["finetune"]}
TOLERANCE = {"rtol": 0, "atol": 1e-4}  # required agreement with the reference implementation
INVALID_CONTENTS: dict[str, Any] = {
    "list": [torch.zeros(2)],
    "list-in-model": {"model": [1, 2]},
    "number-in-model": {"model": {"epoch": 3}},
    "unknown-tensor": {"weight": torch.zeros(2)},
    "integer-name": {0: torch.zeros(2)},
    "empty": {},
    "empty-model": {"model": {}},
}
INPUTS = {"x", "noise", "x_finetune"}


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    """Return the inputs and the outputs of the reference implementation."""
    with np.load(REFERENCE / "golden.npz") as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


@pytest.fixture(scope="module")
def ours(golden) -> dict[str, Tensor]:
    """Return the outputs of this package for the same inputs."""
    model = load_reference_mae(REFERENCE / "mae.pth", **MODEL)
    x, noise = golden["x"], golden["noise"]
    with torch.no_grad():
        image = model.scalogram(x)
        out = model.reconstruct(image, noise)
        loss_spec, loss_time = (losses.mean() for losses in model.losses(out, x))
        cot = load_reference_classifier(REFERENCE / "classifier_cot.pth", use_cot=True, **FINETUNE)
        mlp = load_reference_classifier(REFERENCE / "classifier_mlp.pth", use_cot=False, **FINETUNE)
        return {
            "cwt": model.scalogram.transform(x),
            "cwt_standardized": image,
            "latent": out.latent,
            "mask": out.mask,
            "loss": model(x, noise)[0],
            "loss_spec": loss_spec,
            "loss_time": loss_time,
            "pred_spec": out.pred_spec,
            "pred_time": out.pred_time,
            "pos_embed_512": resample_pos_embed(model.encoder.pos_embed, (8, 16), (8, 32)),
            "logits_cot": cot(golden["x_finetune"]),
            "logits_mlp": mlp(golden["x_finetune"]),
        }


@pytest.mark.parametrize("name", sorted(set(CONFIG["shapes"]) - INPUTS))
def test_output_agrees_with_the_reference(golden, ours, name):
    assert list(ours[name].shape) == CONFIG["shapes"][name]
    assert_close(ours[name], golden[name], **TOLERANCE)


def test_forward_agrees_with_the_reference(golden):
    model = load_reference_mae(REFERENCE / "mae.pth", **MODEL)
    loss, pred_spec, pred_time, imgs = model(golden["x"], golden["noise"])
    for name, value in [("loss", loss), ("pred_spec", pred_spec), ("pred_time", pred_time)]:
        assert_close(value, golden[name], **TOLERANCE)
    assert_close(imgs, golden["cwt_standardized"], **TOLERANCE)


@pytest.mark.parametrize(("kind", "use_cot"), [("cot", True), ("mlp", False)])
def test_classifier_starts_from_the_pre_trained_encoder_with_resampled_pos_embed(golden, kind, use_cot):
    reference = load_reference_classifier(REFERENCE / f"classifier_{kind}.pth", use_cot=use_cot, **FINETUNE)
    classifier = TF_MAE_Classifier(pretrained_path=REFERENCE / "mae.pth", use_cot=use_cot, **FINETUNE)
    assert_close(classifier.encoder.pos_embed, reference.encoder.pos_embed, **TOLERANCE)
    assert_close(classifier.encoder.pos_embed, golden["pos_embed_512"], **TOLERANCE)
    source = load_reference_mae(REFERENCE / "mae.pth", **MODEL).encoder.state_dict()
    for name, tensor in classifier.encoder.state_dict().items():
        assert name == "pos_embed" or torch.equal(tensor, source[name])


@pytest.mark.parametrize("container", ["bare", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_prefixes_of_data_parallel_and_compiled_models_are_removed(tmp_path, prefix, container):
    path = tmp_path / "wrapped.pth"
    for kind in ("mae", "classifier_mlp"):
        content = torch.load(REFERENCE / f"{kind}.pth", weights_only=True)
        state = {prefix + name: tensor for name, tensor in content.get("model", content).items()}
        torch.save(state if container == "bare" else {"model": state, "epoch": 100}, path)
        if kind == "mae":
            wrapped, unwrapped = (load_reference_mae(file, **MODEL) for file in (path, REFERENCE / "mae.pth"))
        else:
            files = (path, REFERENCE / "classifier_mlp.pth")
            wrapped, unwrapped = (load_reference_classifier(file, use_cot=False, **FINETUNE) for file in files)
        assert_close(wrapped.state_dict(), unwrapped.state_dict(), rtol=0, atol=0)


def test_reference_files_select_the_raster_rope_and_evaluation_mode():
    mae = load_reference_mae(REFERENCE / "mae.pth", **MODEL)
    classifier = load_reference_classifier(REFERENCE / "classifier_cot.pth", **FINETUNE)
    pre_trained = TF_MAE_Classifier(REFERENCE / "mae.pth", **FINETUNE)
    assert mae.settings["rope"] == "raster"
    assert not mae.training
    assert not classifier.training
    for encoder in (mae.encoder, classifier.encoder, pre_trained.encoder):
        assert encoder.positions.shape[1] == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"embed_dim": 64}, "encoder.cls_token has the shape (1, 1, 48) in the file and (1, 1, 64) in the model"),
        ({"depth": 3}, "encoder.blocks.2.norm1.weight is missing"),
        ({"depth": 1}, "encoder.blocks.1.norm1.weight is unknown"),
        ({"signal_len": 512}, "encoder.pos_embed has the shape (1, 129, 48) in the file and (1, 257, 48) in the model"),
        (
            {"decoder_embed_dim": 48},
            "decoder.mask_token has the shape (1, 1, 32) in the file and (1, 1, 48) in the model",
        ),
    ],
)
def test_error_names_the_tensor_that_does_not_fit_the_settings(changes, message):
    with pytest.raises(ValueError, match=re.escape(str(REFERENCE / "mae.pth"))) as error:
        load_reference_mae(REFERENCE / "mae.pth", **{**MODEL, **changes})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_classes": 6}, "head.classifier.weight has the shape (5, 48) in the file and (6, 48) in the model"),
        ({"num_reasoning_tokens": 8}, "head.reasoning_tokens has the shape (1, 4, 48) in the file"),
        ({"use_cot": False}, "head.norm_in.weight is missing"),
    ],
)
def test_error_names_the_tensor_that_does_not_fit_the_head(changes, message):
    with pytest.raises(ValueError, match="the weights do not fit the settings") as error:
        load_reference_classifier(REFERENCE / "classifier_cot.pth", **{**FINETUNE, **changes})
    assert message in str(error.value)


def test_error_names_a_tensor_of_another_network(tmp_path):
    state = torch.load(REFERENCE / "mae.pth", weights_only=True)
    state = {**state.get("model", state), "resnet.conv1.weight": torch.zeros(3)}
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other\.pth: the tensor 'resnet\.conv1\.weight' is not part of a CWT-MAE"):
        load_reference_mae(tmp_path / "other.pth", **MODEL)


@pytest.mark.parametrize("name", INVALID_CONTENTS)
@pytest.mark.parametrize("load", [load_reference_mae, load_reference_classifier, TF_MAE_Classifier])
def test_pth_without_weights_of_this_model_is_refused(tmp_path, load, name):
    path = tmp_path / "other.pth"
    torch.save(INVALID_CONTENTS[name], path)
    with pytest.raises(ValueError, match=re.escape(str(path))):
        load(path, **(MODEL if load is load_reference_mae else FINETUNE))


def test_autoencoder_file_cannot_be_loaded_as_a_classifier():
    with pytest.raises(ValueError, match=r"head\.reasoning_tokens is missing"):
        load_reference_classifier(REFERENCE / "mae.pth", **FINETUNE)
