"""Tests of saved models and of .pth files: loading, damaged files, and settings that differ from the file."""

from __future__ import annotations

import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch.testing import assert_close

from sktsmae.models import (
    CWT_MAE_RoPE,
    TF_MAE_Classifier,
    checkpoints,
    load_mae,
    load_reference_classifier,
    load_reference_mae,
    save_mae,
)
from sktsmae.models.checkpoints import stored_kind, write_safetensors

OTHER_FORMATS = {
    "empty": b"",
    "text": b"hello world\n" * 50,
    "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "zip": b"PK\x03\x04" + bytes(60),
    "zero-bytes": bytes(1000),
    "empty-pickle": b"\x80\x02.",
    "pickle-of-a-number": b"\x80\x02K\x01.",
}


@pytest.fixture
def model(small) -> CWT_MAE_RoPE:
    return CWT_MAE_RoPE(**small)


@pytest.fixture
def load_file(small) -> Callable[[Path], Any]:
    """Return a function that loads a file with the loader for its suffix."""
    return lambda path: load_mae(path) if path.suffix == ".safetensors" else load_reference_mae(path, **small)


def error_naming(path: Path) -> Any:
    """Expect a ValueError whose message contains the path."""
    return pytest.raises(ValueError, match=re.escape(str(path)))


@pytest.mark.parametrize(
    "changes",
    [{}, {"rope": "raster", "mask_ratio": 0.5}, {"cwt_scales": (0.5, 2, 7.25), "diff_orders": (2, 0)}],
    ids=["default", "raster", "custom-scales"],
)
@pytest.mark.parametrize("path_type", [str, Path])
def test_loaded_model_equals_the_saved_model(tmp_path, small, changes, path_type):
    model = CWT_MAE_RoPE(**{**small, **changes}).eval()
    path = path_type(tmp_path / "mae.safetensors")
    save_mae(model, path)
    loaded = load_mae(path)
    assert loaded.settings == model.settings
    assert not loaded.training
    assert_close(loaded.state_dict(), model.state_dict(), rtol=0, atol=0)
    x, noise = torch.randn(2, 130), torch.rand(2, model.encoder.num_patches)
    assert_close(loaded(x, noise), model(x, noise), rtol=0, atol=0)


def test_saving_replaces_an_older_file(tmp_path, small, model):
    path = tmp_path / "mae.safetensors"
    save_mae(CWT_MAE_RoPE(**{**small, "depth": 1}), path)
    save_mae(model, path)
    assert load_mae(path).settings["depth"] == 2
    assert os.listdir(tmp_path) == ["mae.safetensors"]


def test_pth_file_with_the_state_dict_of_this_package_restores_the_model(tmp_path, small, model):
    for number, state in enumerate([model.state_dict(), {"model": model.state_dict(), "epoch": 100}]):
        torch.save(state, tmp_path / f"{number}.pth")
        loaded = load_reference_mae(tmp_path / f"{number}.pth", **small)
        assert loaded.settings == model.settings
        assert_close(loaded.state_dict(), model.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["none.safetensors", "none.pth", ""], ids=["safetensors", "pth", "directory"])
@pytest.mark.parametrize("load", [load_mae, load_reference_mae, load_reference_classifier, TF_MAE_Classifier])
def test_error_names_a_missing_file_or_a_directory(tmp_path, load, name):
    path = tmp_path / name
    settings = {} if load in (load_mae, load_reference_mae) else {"num_classes": 3}
    with pytest.raises(FileNotFoundError if name else ValueError, match=re.escape(str(path))):
        load(path, **settings)


# The file is cut at `end`: an integer is a position in bytes, and a float is a fraction of the file's length.
@pytest.mark.parametrize("end", [0, 1, 18, 40, 0.1, 0.5, 0.99, -1], ids=str)
@pytest.mark.parametrize("file_format", ["safetensors", "zip.pth", "legacy.pth"])
def test_truncated_file_is_refused(tmp_path, model, load_file, file_format, end):
    path = tmp_path / f"mae.{file_format}"
    if file_format == "safetensors":
        save_mae(model, path)
    else:
        torch.save(model.state_dict(), path, _use_new_zipfile_serialization=file_format == "zip.pth")
    content = path.read_bytes()
    path.write_bytes(content[: end if isinstance(end, int) else int(end * len(content))])
    with error_naming(path):
        load_file(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("name", OTHER_FORMATS)
def test_files_of_other_formats_are_refused(tmp_path, load_file, name, suffix):
    path = tmp_path / f"other{suffix}"
    path.write_bytes(OTHER_FORMATS[name])
    with error_naming(path):
        load_file(path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "was not written by sktsmae"),
        ({"format": "pt"}, "was not written by sktsmae"),
        ({"sktsmae": "{"}, "not a readable safetensors file"),
        ({"sktsmae": "[1]"}, "was not written by sktsmae"),
        (
            {"sktsmae": json.dumps({"format_version": 5, "kind": "mae", "settings": {}})},
            "has format_version 5, but this version of sktsmae reads only format_version 4",
        ),
        (
            {"sktsmae": json.dumps({"version": 1, "kind": "classifier"})},
            "the kind 'mae' is required. MAEPretrainer saves files of the kind 'mae'",
        ),
        ({"sktsmae": json.dumps({"version": 1})}, "the kind 'mae' is required"),
    ],
    ids=["no-metadata", "other-program", "invalid-json", "json-list", "newer-version", "other-kind", "no-kind"],
)
def test_safetensors_of_other_programs_versions_or_kinds_are_refused(tmp_path, metadata, message):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, path, metadata)
    for load in (load_mae, lambda path: TF_MAE_Classifier(path, 3)):
        with error_naming(path) as error:
            load(path)
        assert message in str(error.value)


def test_error_names_missing_and_unknown_tensors(tmp_path, model):
    path = tmp_path / "mae.safetensors"
    state = model.state_dict()
    state["signal_encoder.encoder.extra"] = state.pop("signal_encoder.encoder.norm.weight")
    write_safetensors(path, state, {"kind": "mae", "settings": model.settings})
    with error_naming(path) as error:
        load_mae(path)
    assert "signal_encoder.encoder.norm.weight is missing" in str(error.value)
    assert "signal_encoder.encoder.extra is unknown" in str(error.value)


class CreatesDirectory:
    """An object that creates a directory when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("writer", ["torch", "torch-legacy", "pickle"])
def test_malicious_pickle_is_refused_and_its_code_does_not_run(tmp_path, small, writer):
    path, created = tmp_path / "malicious.pth", tmp_path / "created"
    content = {"model": {"encoder.cls_token": torch.zeros(1), "epoch": CreatesDirectory(created)}}
    if writer == "pickle":
        path.write_bytes(pickle.dumps(content, protocol=2))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=writer == "torch")
    loads = [load_reference_mae, load_reference_classifier, TF_MAE_Classifier]
    for load, settings in zip(loads, [{}, {"num_classes": 3}, {"num_classes": 3}], strict=True):
        with error_naming(path):
            load(path, **small, **settings)
        assert not created.exists()
    if writer == "pickle":  # unlike the loaders above, pickle.loads runs the code
        pickle.loads(path.read_bytes())
        assert created.is_dir()


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["disk-full", "interrupted"])
@pytest.mark.parametrize("function", ["save_file", "replace"])
def test_failed_write_keeps_the_old_file_and_leaves_no_other_file(tmp_path, monkeypatch, model, function, error):
    path = tmp_path / "mae.safetensors"
    save_mae(model, path)
    content = path.read_bytes()

    def fail(*args: Any, **_: Any) -> None:
        Path(args[1] if function == "save_file" else args[0]).write_bytes(b"incomplete")
        raise error

    monkeypatch.setattr(checkpoints if function == "save_file" else os, function, fail)
    with pytest.raises(type(error)):
        save_mae(model, path)
    assert os.listdir(tmp_path) == ["mae.safetensors"]
    assert path.read_bytes() == content


def test_error_names_the_settings_that_differ_from_the_checkpoint(tmp_path, small, model):
    path = tmp_path / "mae.safetensors"
    save_mae(model, path)
    changes = {"embed_dim": 32, "cwt_scales": 12, "rope": "raster"}
    with error_naming(path) as error:
        TF_MAE_Classifier(path, num_classes=3, **{**small, **changes})
    message = str(error.value)
    for expected in (
        "embed_dim=32 (in the file 16)",
        "cwt_scales=12 (in the file 10)",
        "rope='raster' (in the file 'axial')",
    ):
        assert expected in message
    assert not [name for name in ("depth", "num_heads", "patch_size") if name in message]


def test_decoder_settings_and_signal_length_may_differ_from_the_checkpoint(tmp_path, small, model):
    path = tmp_path / "mae.safetensors"
    save_mae(model, path)
    changes = {"decoder_embed_dim": 8, "decoder_num_heads": 2, "mask_ratio": 0.5, "signal_len": 90}
    classifier = TF_MAE_Classifier(path, num_classes=3, **{**small, **changes})
    assert classifier(torch.randn(2, 90)).shape == (2, 3)


def test_classifier_ignores_damaged_decoder_settings_of_a_file(tmp_path, small, model):
    path = tmp_path / "mae.safetensors"
    write_safetensors(path, model.state_dict(), {"kind": "mae", "settings": {**small, "time_loss_weight": None}})
    assert TF_MAE_Classifier(path, num_classes=3)(torch.randn(2, small["signal_len"])).shape == (2, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"embed_dim": 32}, "cls_token has the shape (1, 1, 16) in the file and (1, 1, 32) in the model"),
        ({"depth": 3}, "blocks.2.norm1.weight is missing"),
        ({"patch_size_freq": 5}, "patch_embed.proj.weight has the shape (16, 3, 4, 20) in the file"),
        ({"diff_orders": (0, 1)}, "patch_embed.proj.weight has the shape (16, 3, 4, 20) in the file"),
    ],
)
def test_error_names_a_pth_tensor_that_does_not_match_the_settings(tmp_path, small, model, changes, message):
    path = tmp_path / "mae.pth"
    torch.save(model.state_dict(), path)
    with error_naming(path) as error:
        TF_MAE_Classifier(path, num_classes=3, **{**small, **changes})
    assert message in str(error.value)


def test_saved_file_has_default_permissions(tmp_path, small):
    save_mae(CWT_MAE_RoPE(**small), tmp_path / "mae.safetensors")
    (tmp_path / "empty").touch()
    assert (tmp_path / "mae.safetensors").stat().st_mode == (tmp_path / "empty").stat().st_mode


@pytest.mark.parametrize(
    ("metadata", "kind"),
    [
        ({"kind": "mae"}, "mae"),
        ({"kind": 3}, None),
        ({}, None),
    ],
)
def test_stored_kind_returns_the_kind_in_the_metadata_or_none(tmp_path, metadata, kind):
    write_safetensors(tmp_path / "a.safetensors", {"x": torch.zeros(1)}, metadata)
    assert stored_kind(tmp_path / "a.safetensors") == kind


def test_stored_kind_is_none_for_files_of_other_programs_and_missing_files(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "list.safetensors", metadata={"sktsmae": "[1]"})
    save_file({"x": torch.zeros(1)}, tmp_path / "text.safetensors", metadata={"sktsmae": "nonsense"})
    (tmp_path / "truncated.safetensors").write_bytes((tmp_path / "other.safetensors").read_bytes()[:20])
    for name in ("other", "list", "text", "truncated", "missing"):
        assert stored_kind(tmp_path / f"{name}.safetensors") is None
