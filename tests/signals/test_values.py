"""Tests of extreme values and of diverging training: results are finite, or an error recommends a change."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.frozen import FrozenEstimator
from skorch.callbacks import Callback

from sktsmae import CWTTransformer, MAEPretrainer

DTYPES = ["float16", "float32", "float64", ">f4", ">f8", "int8", "int16", "int64", "uint8", "uint64", "bool"]
LAYOUTS = {
    "C order": lambda X: X,
    "Fortran order": np.asfortranarray,
    "reversed": lambda X: X[::-1, ..., ::-1],
    "strided": lambda X: np.repeat(X, 2, axis=-1)[..., ::2],
}
KINDS = {
    "noise": lambda rng, shape: rng.normal(size=shape),
    "walk": lambda rng, shape: rng.normal(size=shape).cumsum(-1),
    "spike": lambda rng, shape: np.eye(1, shape[-1], shape[-1] // 2) * np.ones(shape),
    "constant": lambda rng, shape: np.ones(shape),
    "steps": lambda rng, shape: np.sign(rng.normal(size=shape)),
    "alternating-zeros-and-ramps": lambda rng, shape: np.indices(shape)[-1] * (np.indices(shape)[0] % 2),
}
HYPOTHESIS_SETTINGS = settings(
    max_examples=80,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@st.composite
def signals(draw, max_length=5000):
    """Draw signals of any shape, kind, amplitude, offset, dtype and memory layout."""
    length = draw(st.one_of(st.integers(1, 40), st.integers(1, max_length)))
    shape = draw(st.sampled_from([(4, length), (4, 2, length), (4, 1, length)]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    X = KINDS[draw(st.sampled_from(sorted(KINDS)))](rng, shape)
    X = X * 10.0 ** draw(st.one_of(st.just(0), st.integers(-45, 30))) + draw(st.sampled_from([0, 1, -1e3, 1e9]))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    if dtype.kind in "iu":
        X = np.clip(np.nan_to_num(X), *(np.iinfo(dtype).min / 2, np.iinfo(dtype).max / 2))
    with np.errstate(over="ignore"):
        X = LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))](X.astype(dtype))
    X.setflags(write=False)
    return X


@pytest.fixture(scope="module")
def package_encoder():
    """Return the encoder in the package."""
    return MAEPretrainer.from_pretrained()


@pytest.fixture(scope="module")
def mean_pooled():
    """Return the encoder in the package with mean pooling, which amplifies rounding errors less than thresholds do."""
    return MAEPretrainer.from_pretrained().set_params(pooling="mean")


def assert_finite_or_refused(function, X):
    """Check that results are finite, that values above 1e15 are refused, and that X is unchanged."""
    before = X.copy()
    if X.dtype.kind == "f" and np.abs(X.astype(float)).max() > 1e15:
        with pytest.raises(ValueError, match=r"too large for float32|infinity"):
            function()
    else:
        out = function()
        assert np.isfinite(out).all()
        assert len(out) == len(X)
    assert_array_equal(X, before)


@pytest.mark.filterwarnings("ignore:the means of the signals", "ignore:X has .* channels")
@pytest.mark.parametrize("output", ["image", "statistics"])
@HYPOTHESIS_SETTINGS
@given(X=signals())
def test_transforms_are_finite_for_any_values(output, X):
    assert_finite_or_refused(lambda: CWTTransformer(output=output, cwt_scales=6, device="cpu").fit_transform(X), X)


@pytest.mark.filterwarnings("ignore:the means of the signals", "ignore:X has .* channels")
@HYPOTHESIS_SETTINGS
@given(X=signals(max_length=600))
def test_embeddings_are_finite_for_any_values(package_encoder, X):
    assert_finite_or_refused(lambda: package_encoder.transform(X), X)


@pytest.mark.filterwarnings("ignore:the means of the signals", "ignore:X has .* channels")
@settings(HYPOTHESIS_SETTINGS, max_examples=40)
@given(X=signals(max_length=300))
def test_probabilities_sum_to_1_for_any_values(new_classifier, new_pretrainer, X):
    def probabilities():
        pretrainer = new_pretrainer(cwt_scales=4, patch_size="auto", embed_dim=8, num_heads=1, max_epochs=1)
        classifier = new_classifier(pretrainer=pretrainer, probe=True, max_epochs=1)
        out = classifier.fit(X, [0, 1, 0, 1]).predict_proba(X)
        assert_allclose(out.sum(1), 1, atol=1e-5)
        return out

    assert_finite_or_refused(probabilities, X)


@pytest.mark.parametrize("factor", [1e-30, 1e-6, 1e10])
def test_results_do_not_depend_on_the_unit_of_the_signals(
    new_pretrainer, new_classifier, mean_pooled, X_channels, y, factor
):
    # The estimators scale signals by powers of two, so only the rounding errors of `scaled` in float32 remain.
    signals, scaled = X_channels.astype(np.float64), factor * X_channels.astype(np.float64)
    losses = [new_pretrainer().fit(Z).history_[-1]["train_loss"] for Z in (signals, scaled)]
    assert_allclose(losses[1], losses[0], rtol=1e-4)
    assert_allclose(mean_pooled.transform(scaled), mean_pooled.transform(signals), atol=1e-3)
    predictions = [new_classifier(probe=True).fit(Z, y).predict_proba(Z) for Z in (signals, scaled)]
    # A rounding error may lift a value above a threshold, which changes a fraction of time.
    assert_allclose(predictions[1], predictions[0], atol=0.02)


@pytest.mark.parametrize("offset", [1e6, -1e9])
def test_offset_is_subtracted_before_the_conversion_to_float32(
    new_pretrainer, new_classifier, mean_pooled, X_channels, y, offset
):
    signals = X_channels.astype(np.float64)
    shifted = signals + np.array([offset, 0])[:, None]
    assert_allclose(mean_pooled.transform(shifted), mean_pooled.transform(signals), atol=1e-3)
    pretrainer = new_pretrainer(max_epochs=1).fit(shifted)  # with zero padding, the CWT depends on the mean
    assert_allclose(pretrainer.offset_, [offset, 0], rtol=1e-5)
    assert_allclose(pretrainer.fit(signals).offset_, [0, 0])
    pretrainer.set_params(boundary="reflect").fit(signals)
    frozen = FrozenEstimator(pretrainer)
    classifiers = [new_classifier(probe=True, pretrainer=frozen).fit(Z, y) for Z in (signals, shifted)]
    assert (classifiers[1].predict(shifted) == classifiers[0].predict(signals)).mean() > 0.9


def test_offset_is_estimated_even_if_most_signals_are_constant():
    X = np.full((30, 60), 1e9)
    X[::3] += np.random.default_rng(0).normal(size=(10, 60))
    assert CWTTransformer(device="cpu").fit(X).offset_ == pytest.approx(1e9)
    image = CWTTransformer(device="cpu", boundary="reflect", standardize=False).fit_transform(X)
    assert np.abs(image[::3]).max() > 1
    assert np.abs(np.delete(image, slice(None, None, 3), axis=0)).max() == 0


def test_results_of_a_signal_with_an_offset_do_not_depend_on_its_batch(package_encoder):
    X = np.random.default_rng(0).normal(size=(8, 60))
    X[:5] += 5000
    separately = np.concatenate([package_encoder.transform(signal[None]) for signal in X])
    assert_allclose(package_encoder.transform(X), separately, atol=1e-3)


def test_offset_is_saved_and_loaded(new_pretrainer, X, tmp_path):
    shifted = X.astype(np.float64) + 1e9
    pretrainer = new_pretrainer().fit(shifted)
    pretrainer.save(tmp_path / "mae.safetensors")
    assert_array_equal(
        MAEPretrainer.load(tmp_path / "mae.safetensors").transform(shifted), pretrainer.transform(shifted)
    )


def test_large_differences_between_the_means_of_signals_cause_a_warning(X):
    shifted = X.astype(np.float64) + 1e9 * np.arange(len(X))[:, None]
    with pytest.warns(UserWarning, match="means of the signals.*Subtract the mean of each signal"):
        CWTTransformer(output="statistics").fit(shifted)


def set_weights_to_nan(epoch):
    """Return a callback that sets weights to NaN in one epoch, as an exploding gradient would."""

    class SetWeightsToNaN(Callback):
        def on_batch_end(self, net, training=False, **kwargs):
            if training and len(net.history) == epoch:
                torch.nn.init.constant_(next(net.module_.parameters()), float("nan"))

    return SetWeightsToNaN()


@pytest.mark.parametrize("lr", [1e5, 1e30])
def test_divergence_error_names_the_epoch_and_the_parameter_to_lower(new_pretrainer, X, tmp_path, lr):
    pretrainer = new_pretrainer(lr=lr, max_epochs=30, checkpoint_dir=tmp_path)
    with pytest.raises(FloatingPointError, match=r"training diverged in epoch \d+: .*Lower lr="):
        pretrainer.fit(X)


def test_divergence_in_the_first_epoch_leaves_the_estimator_unchanged(new_pretrainer, X, refused):
    pretrainer = new_pretrainer(callbacks=[set_weights_to_nan(1)])
    with refused(pretrainer, r"diverged in epoch 1: .*\(0 completed\) are kept", FloatingPointError):
        pretrainer.fit(X)


@pytest.mark.parametrize("finetune", [None, "full", "head"])
def test_divergence_keeps_the_last_finite_weights(new_pretrainer, new_classifier, X, y, interrupt, tmp_path, finetune):
    def new_estimator(**params):
        params = {"max_epochs": 5, "random_state": 0, **params}
        return new_pretrainer(**params) if finetune is None else new_classifier(finetune=finetune, **params)

    with pytest.raises(KeyboardInterrupt):
        new_estimator(checkpoint_dir=tmp_path, callbacks=[interrupt(epoch=3)]).fit(X, y)
    expected = torch.load(tmp_path / "epoch-000003.pt", weights_only=True)["module"]
    estimator = new_estimator(callbacks=[set_weights_to_nan(4)])
    with pytest.raises(FloatingPointError, match=r"diverged in epoch 4: .*\(3 completed\) are kept"):
        estimator.fit(X, y)
    assert [row["epoch"] for row in estimator.history_] == [1, 2, 3]
    module = estimator.model_.head if finetune == "head" else estimator.model_
    assert all(torch.equal(module.state_dict()[name], value) for name, value in expected.items())
    assert np.isfinite(estimator.transform(X)).all()
