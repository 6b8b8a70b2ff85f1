"""Script that writes the estimator files of a release. All later versions must be able to load them.

Run ``python tests/estimators/releases/make.py`` once, before a release is tagged. The script creates a folder named
after the version next to itself. It fails if the folder exists, because the files of a release must never change.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import sktsmae
from sktsmae import MAEClassifier, MAEPretrainer
from sktsmae.datasets import load_sparwatch

# Parameters of a small autoencoder.
SMALL = {"cwt_scales": 8, "embed_dim": 16, "depth": 1, "num_heads": 1, "decoder_embed_dim": 16, "max_epochs": 1}


def main() -> None:
    """Write a pretrainer and a classifier, some signals, and the expected embeddings and probabilities."""
    torch.set_num_threads(1)
    bunch = load_sparwatch()
    X, y = bunch.data[::32, :2, ::4], bunch.target[::32]
    folder = Path(__file__).parent / sktsmae.__version__
    folder.mkdir()
    pretrainer = MAEPretrainer(**SMALL, random_state=0, device="cpu").fit(X)
    pretrainer.save(folder / "pretrainer.safetensors")
    settings = {"finetune": "full", "max_epochs": 1, "random_state": 0, "device": "cpu"}
    classifier = MAEClassifier(pretrainer=MAEPretrainer(**SMALL), **settings).fit(X, y)
    classifier.save(folder / "classifier.safetensors")
    np.savez(
        folder / "expected.npz",
        X=X,
        embeddings=pretrainer.transform(X),
        probabilities=classifier.predict_proba(X),
        classes=classifier.classes_.astype(str),
    )


if __name__ == "__main__":
    main()
