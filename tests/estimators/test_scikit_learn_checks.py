"""Tests that the estimators pass the checks that scikit-learn provides."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.base import BaseEstimator, is_classifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from sktsmae import (
    CWTTransformer,
    MAEAnomalyDetector,
    MAEClassifier,
    MAEPretrainer,
    MAERegressor,
    WindowedClassifier,
)

# The smallest networks and the fewest training steps that pass the accuracy checks of classifiers.
SIZES = {"cwt_scales": 4, "embed_dim": 8, "depth": 1, "num_heads": 1, "decoder_embed_dim": 8}
PRETRAINER = MAEPretrainer(**SIZES, standardize=True, boundary="zeros", max_epochs=1, random_state=0)
HEADS: dict[str, dict[str, Any]] = {
    "reasoning": {"head": "reasoning", "num_reasoning_tokens": 2},
    "mlp": {"head": "mlp", "hidden_dim": 16, "num_res_blocks": 1},
}
QUICK: dict[str, Any] = {"max_epochs": 8, "lr": 0.01, "batch_size": 64, "random_state": 0}

OUTPUTS = ("image", "flat", "summary", "statistics", "positions", "quarters", "competition", "shapelets", "spectrum")
TRANSFORMERS = [CWTTransformer(cwt_scales=4, output=output) for output in OUTPUTS]
CLASSIFIERS = [
    MAEClassifier(pretrainer=PRETRAINER, probe=False, finetune=finetune, **HEADS[head], **QUICK)
    for head in ("reasoning", "mlp")
    for finetune in ("full", "head")
]
CLASSIFIERS_WITH_PROBE = [
    MAEClassifier(pretrainer=PRETRAINER, random_state=0),
    MAEClassifier(pretrainer=PRETRAINER, finetune="full", **HEADS["reasoning"], **QUICK),
]
REGRESSORS = [
    MAERegressor(pretrainer=PRETRAINER, random_state=0),
    MAERegressor(
        pretrainer=PRETRAINER, probe=False, finetune="full", **{**HEADS["reasoning"], **QUICK, "max_epochs": 80}
    ),
]
WINDOWED = [
    WindowedClassifier(LogisticRegression()),
    WindowedClassifier(RidgeClassifier()),
    WindowedClassifier(DecisionTreeClassifier(random_state=0), window=2, step=1, vote="confidence"),
    WindowedClassifier(MAEClassifier(pretrainer=PRETRAINER, random_state=0)),
]


def expected_failures(estimator: BaseEstimator) -> dict[str, str]:
    """Return the checks that an estimator cannot pass, with the reasons."""
    if not isinstance(estimator, (MAEClassifier, MAERegressor)):
        return {}
    weights = "check_sample_weight_equivalence_on_dense_data"
    if estimator.finetune != "none":
        return {weights: "repeating a row changes which rows share a mini-batch, but a weight of 2 does not"}
    copies = "the leave-one-out prediction of a repeated row uses its copy, so that"
    consequence = "the probabilities are more confident" if is_classifier(estimator) else "another penalty is chosen"
    return {
        weights: f"{copies} {consequence}",
        "check_fit_score_takes_y": "partial_fit continues only what it began: fit keeps no sums of features, which can "
        "take gigabytes, and a model that silently forgot the samples of fit would be worse than an error",
    }


# Other sizes of the encoder, and of the images, than `SIZES`.
OTHER_SIZES: list[dict[str, Any]] = [
    {"cwt_scales": 8, "embed_dim": 16, "depth": 2, "num_heads": 2, "decoder_embed_dim": 16, "patch_size": (2, 5)},
    {"cwt_scales": 10, "embed_dim": 24, "depth": 2, "num_heads": 3, "decoder_embed_dim": 24, "patch_size": (2, 3)},
    {"cwt_scales": 16, "embed_dim": 32, "depth": 1, "num_heads": 4, "decoder_embed_dim": 16, "patch_size": (4, 3)},
    {"cwt_scales": 32, "embed_dim": 64, "depth": 3, "num_heads": 4, "decoder_embed_dim": 32, "patch_size": (4, 25)},
]


def of_size(sizes: dict[str, Any]) -> list[BaseEstimator]:
    """Return each estimator with other sizes of the encoder and of the images."""
    pretrainer = MAEPretrainer(**{**PRETRAINER.get_params(), **sizes})
    return [
        *(CWTTransformer(cwt_scales=sizes["cwt_scales"], output=output) for output in ("image", "statistics")),
        pretrainer,
        MAEClassifier(pretrainer=pretrainer, random_state=0),
        MAERegressor(pretrainer=pretrainer, random_state=0),
    ]


@pytest.fixture(autouse=True)
def _with_array_api(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enable the check of array API dispatch, which scikit-learn otherwise skips."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")


# A check of scikit-learn sets n_iter_no_change=20 in every classifier that has this parameter.
@pytest.mark.filterwarnings("ignore:n_iter_no_change=20 has no effect")
@parametrize_with_checks(
    [*TRANSFORMERS, PRETRAINER, *CLASSIFIERS, *CLASSIFIERS_WITH_PROBE, *REGRESSORS, MAEAnomalyDetector(), *WINDOWED],
    expected_failed_checks=expected_failures,
)
def test_estimator_passes_the_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:n_iter_no_change=20 has no effect")
@parametrize_with_checks(
    [estimator for sizes in OTHER_SIZES for estimator in of_size(sizes)], expected_failed_checks=expected_failures
)
def test_estimator_of_another_size_passes_the_scikit_learn_checks(estimator, check):
    check(estimator)
