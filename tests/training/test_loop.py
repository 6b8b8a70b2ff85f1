"""Tests of the training loop: seeds, interruption, early stopping, progress bars, learning rates and threads."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Parallel, delayed
from numpy.testing import assert_array_equal
from sklearn.base import clone
from skorch.callbacks import EarlyStopping

from sktsmae import CWTTransformer
from sktsmae.training.parameter_groups import parameter_groups
from sktsmae.training.schedule import warmup_cosine


@pytest.fixture(params=["pretrainer", "full", "head"])
def new(request, new_pretrainer, new_classifier):
    """Return a function that makes an unfitted pretrainer, or a classifier with finetune="full" or "head"."""
    if request.param == "pretrainer":
        return new_pretrainer
    return lambda **params: new_classifier(**{"finetune": request.param, **params})


def losses(estimator: Any) -> list[float]:
    """Return the training loss of each epoch."""
    return [epoch["train_loss"] for epoch in estimator.history_]


@pytest.mark.parametrize("random_state", [lambda: 3, lambda: np.random.RandomState(3)], ids=["int", "RandomState"])
def test_fits_with_the_same_seed_are_equal(new, X, y, same_weights, random_state):
    first, second = (new(random_state=random_state()).fit(X, y) for _ in range(2))
    assert same_weights(first.model_, second.model_)
    assert losses(first) == losses(second)


@pytest.mark.parametrize("seeds", [(0, 1), (None, None)], ids=["seeds-0-and-1", "no-seeds"])
def test_fits_with_different_seeds_differ(new, X, y, seeds):
    first, second = (new(random_state=seed).fit(X, y) for seed in seeds)
    assert losses(first) != losses(second)


def test_second_fit_with_the_same_random_state_object_differs(new, X, y):
    estimator = new(random_state=np.random.RandomState(3))
    assert losses(estimator.fit(X, y)) != losses(estimator.fit(X, y))


def test_pretrainer_without_a_seed_uses_the_seed_of_the_classifier(new_pretrainer, new_classifier, X, y, same_weights):
    first, same_seed, other_seed = (
        new_classifier(pretrainer=new_pretrainer(random_state=None), max_epochs=0, random_state=seed).fit(X, y)
        for seed in (3, 3, 4)
    )
    assert same_weights(first.pretrainer_.model_, same_seed.pretrainer_.model_)
    assert not same_weights(first.pretrainer_.model_, other_seed.pretrainer_.model_)


@pytest.mark.parametrize("random_state", [None, 0])
def test_global_random_generators_are_not_changed(new_pretrainer, new_classifier, X, y, random_state):
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the legacy global generator of numpy
    random.seed(1)
    before = torch.random.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    settings = {"random_state": random_state, "early_stopping": True, "validation_fraction": 0.3}
    classifier = new_classifier(pretrainer=new_pretrainer(**settings), **settings).fit(X, y)
    classifier.predict(X), classifier.predict_proba(X), classifier.transform(X), classifier.score(X, y)
    pretrainer = classifier.pretrainer_
    pretrainer.transform(X), pretrainer.score(X), pretrainer.reconstruct(X)
    CWTTransformer(cwt_scales=8).fit_transform(X)
    after = torch.random.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    assert torch.equal(after[0], before[0])
    assert_array_equal(after[1][1], before[1][1])
    assert after[1][2:] == before[1][2:]
    assert after[2] == before[2]


def test_ctrl_c_reaches_the_caller_and_leaves_the_estimator_unchanged(new, X, y, interrupt, refused):
    unfitted, fitted = new(callbacks=[interrupt()]), new().fit(X, y).set_params(callbacks=[interrupt()])
    expected = fitted.transform(X)
    for estimator in (unfitted, fitted):
        with refused(estimator, "Ctrl-C", KeyboardInterrupt):
            estimator.fit(X, y)
    assert_array_equal(fitted.transform(X), expected)


def test_ctrl_c_with_early_stopping_reaches_the_caller(new, X, y, interrupt):
    # The EarlyStopping of skorch also raises KeyboardInterrupt, but only after three epochs without improvement.
    early_stopping = EarlyStopping(monitor="train_loss", patience=3, threshold=10.0)
    estimator = new(
        callbacks=[early_stopping, interrupt(2)], early_stopping=True, validation_fraction=0.3, max_epochs=5
    )
    with pytest.raises(KeyboardInterrupt, match="Ctrl-C"):
        estimator.fit(X, y)


def test_ctrl_c_in_pretraining_reaches_the_caller_of_the_classifier(new_pretrainer, new_classifier, X, y, interrupt):
    classifier = new_classifier(pretrainer=new_pretrainer(callbacks=[interrupt()]))
    with pytest.raises(KeyboardInterrupt, match="Ctrl-C"):
        classifier.fit(X, y)
    assert not hasattr(classifier, "pretrainer_")


def test_callback_of_the_user_can_stop_training(new, X, y):
    # With the relative threshold of 10, only a negative loss is an improvement, so training ends after two epochs.
    callback = EarlyStopping(monitor="train_loss", patience=1, threshold=10.0)
    estimator = new(callbacks=[callback], max_epochs=9).fit(X, y)
    assert estimator.n_iter_ == len(estimator.history_) == 2
    assert estimator.transform(X).shape == (41, 32)


def test_early_stopping_ends_training_when_the_validation_loss_stops_falling(new, X, y):
    settings = {"early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 2}
    # With this learning rate the weights hardly change, so the loss does not keep falling.
    estimator = new(max_epochs=50, lr=1e-9, **settings).fit(X, y)
    valid_losses = [row["valid_loss"] for row in estimator.history_]
    assert len(valid_losses) == estimator.n_iter_ < 50
    # Early stopping ignores relative improvements of less than 1e-4.
    assert min(valid_losses[-2:]) > (1 - 1e-4) * min(valid_losses[:-2])


def test_early_stopping_keeps_the_best_weights(new, X, y, record):
    settings = {"early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 3}
    estimator = new(callbacks=[record()], max_epochs=20, lr=0.1, warmup_fraction=0, **settings).fit(X, y)
    valid_losses = [row["valid_loss"] for row in estimator.history_]
    best = int(np.argmin(valid_losses))
    assert best < len(valid_losses) - 1
    trained = estimator.model_.state_dict()
    for name, weights in record.weights[best].items():
        # If the encoder is frozen, the training updates the head alone, and the names of its weights have no prefix.
        assert torch.equal(trained[name] if name in trained else trained[f"head.{name}"], weights)


@pytest.mark.parametrize("finetune", ["full", "head"])
def test_early_stopping_holds_out_a_fraction_of_each_class(new_classifier, X, record, finetune):
    labels = np.repeat(["a", "b"], [10, 30])
    settings = {"early_stopping": True, "validation_fraction": 0.2, "finetune": finetune, "max_epochs": 1}
    new_classifier(callbacks=[record()], **settings).fit(X[:40], labels)
    held_out_labels = torch.cat([targets[0] for training, (_, targets) in record.batches if not training])
    training_labels = torch.cat([targets[0] for training, (_, targets) in record.batches if training])
    assert held_out_labels.bincount().tolist() == [2, 6]
    assert training_labels.bincount().tolist() == [8, 24]


def test_no_signals_are_held_out_without_early_stopping(new, X, y, record):
    estimator = new(callbacks=[record()], max_epochs=1).fit(X, y)
    assert [set(row) for row in estimator.history_] == [{"epoch", "train_loss", "dur"}]
    assert all(training for training, _ in record.batches)


def test_every_signal_is_used_once_per_epoch_and_the_last_batch_is_not_dropped(new_pretrainer, X, record):
    new_pretrainer(callbacks=[record()], max_epochs=2).fit(X)
    batches = [signals for _, (signals, _) in record.batches]
    assert [len(batch) for batch in batches] == 2 * [16, 16, 9]
    first_epoch, second_epoch = torch.cat(batches[:3]).numpy(), torch.cat(batches[3:]).numpy()
    assert_array_equal(np.unique(first_epoch, axis=0), np.unique(X, axis=0))
    assert_array_equal(np.unique(second_epoch, axis=0), np.unique(X, axis=0))
    assert not np.array_equal(first_epoch, second_epoch)


@pytest.mark.parametrize("n", [2, 5])
def test_training_uses_a_batch_with_fewer_signals_than_batch_size(new, X, n, same_weights):
    labels = np.arange(n) % 2
    untrained, trained = (new(batch_size=64, max_epochs=epochs).fit(X[:n], labels) for epochs in (0, 1))
    assert trained.n_iter_ == 1
    assert not same_weights(trained.model_, untrained.model_)


@pytest.mark.filterwarnings("ignore:early_stopping=True, validation_fraction=0.3 have no effect with max_epochs=0")
@pytest.mark.parametrize("early_stopping", [False, True])
def test_fit_with_zero_epochs_works(new, X, y, early_stopping):
    settings = {"early_stopping": True, "validation_fraction": 0.3} if early_stopping else {}
    estimator = new(max_epochs=0, **settings).fit(X, y)
    assert estimator.history_ == []
    assert np.isfinite(estimator.transform(X)).all()


def test_verbose_0_prints_nothing(new, X, y, capfd):
    new(verbose=0).fit(X, y).transform(X)
    assert capfd.readouterr() == ("", "")


def test_verbose_1_shows_a_progress_bar_on_stderr(new, X, y, capfd):
    estimator = new(verbose=1).fit(X, y)
    out, err = capfd.readouterr()
    assert out == ""
    batches = 2 * math.ceil(len(X) / estimator.batch_size)
    assert f"{type(estimator).__name__}, epoch 2/2: 100%" in err
    assert f"| {batches}/{batches} " in err
    assert f"train_loss={losses(estimator)[-1]:.4f}" in err


def test_verbose_1_shows_a_progress_bar_for_the_linear_models_of_the_probe(new_classifier, X, y, capfd):
    new_classifier(finetune="none", probe=True, verbose=1).fit(X, y)
    assert "MAEClassifier, linear models: 100%" in capfd.readouterr().err


def test_callbacks_are_cloned_and_not_modified(new, X, y):
    callback = EarlyStopping(monitor="train_loss", patience=7)
    before = dict(vars(callback))
    cloned = clone(new(callbacks=[("mine", callback)])).fit(X, y)
    (name, copied), *rest = cloned.callbacks
    assert (name, copied.patience, rest) == ("mine", 7, [])
    new(callbacks=[callback]).fit(X, y)
    assert vars(callback) == before


def test_history_can_be_converted_to_a_data_frame(new, X, y):
    estimator = new(early_stopping=True, validation_fraction=0.3).fit(X, y)
    table = pd.DataFrame(estimator.history_)
    assert set(table.columns) == {"epoch", "train_loss", "valid_loss", "dur"}
    assert table["epoch"].tolist() == [1, 2]
    assert np.isfinite(table.to_numpy(dtype=float)).all()


def test_bfloat16_training_has_similar_losses_and_keeps_float32_weights(new, X, y):
    bfloat16, float32 = new(precision="bfloat16").fit(X, y), new(precision="float32").fit(X, y)
    assert np.isfinite(losses(bfloat16)).all()
    assert losses(bfloat16) != losses(float32)
    assert losses(bfloat16) == pytest.approx(losses(float32), rel=0.05)  # bfloat16 has two to three significant digits
    assert {tensor.dtype for tensor in bfloat16.model_.state_dict().values()} == {torch.float32}
    assert bfloat16.transform(X).dtype == np.float32


@pytest.mark.parametrize("gradient_clip", [None, 1e-3])
def test_gradient_clip_changes_training(new, X, y, gradient_clip):
    default_losses, other_losses = (losses(new(gradient_clip=clip).fit(X, y)) for clip in (1.0, gradient_clip))
    assert np.isfinite(other_losses).all()
    assert other_losses != default_losses


def test_learning_rate_follows_the_warmup_cosine_schedule(new_pretrainer, X, record):
    new_pretrainer(callbacks=[record()], max_epochs=4, lr=0.5, warmup_fraction=0.25).fit(X)
    assert record.rates == pytest.approx([0.5 * warmup_cosine(step, 12, 3) for step in range(12)])


@pytest.mark.parametrize(
    ("total_steps", "warmup_steps", "factors"),
    [
        (10, 2, {0: 0.5, 1: 1, 2: 1, 6: 0.5, 10: 0, 11: 0}),
        (10, 5, {0: 0.2, 3: 0.8, 4: 1, 5: 1, 10: 0}),
        (9, 0, {0: 1, 3: 0.75, 6: 0.25, 9: 0}),
        (1, 1, {0: 1}),
        (0, 1, {0: 1}),
    ],
)
def test_warmup_is_linear_and_decay_follows_a_cosine(total_steps, warmup_steps, factors):
    assert {step: warmup_cosine(step, total_steps, warmup_steps) for step in factors} == pytest.approx(factors)


@pytest.fixture
def groups(new_pretrainer, new_classifier, X, y) -> dict[str, tuple[float, float]]:
    """Return the learning rate and weight decay of each parameter, for two blocks, lr=1 and layer_decay=0.5."""
    classifier = new_classifier(pretrainer=new_pretrainer(depth=2, max_epochs=0), max_epochs=0).fit(X, y)
    groups = parameter_groups(classifier.model_, lr=1.0, weight_decay=0.1, layer_decay=0.5)
    names = {id(parameter): name for name, parameter in classifier.model_.named_parameters()}
    found = {
        names[id(parameter)]: (group["lr"], group["weight_decay"]) for group in groups for parameter in group["params"]
    }
    assert found.keys() == set(names.values())
    return found


def test_lower_blocks_have_lower_learning_rates(groups):
    rates = {
        "signal_encoder.encoder.patch_embed.": 0.125,
        "signal_encoder.encoder.pos_embed": 0.125,
        "signal_encoder.encoder.cls_token": 0.125,
        "signal_encoder.encoder.blocks.0.": 0.25,
        "signal_encoder.encoder.blocks.1.": 0.5,
        "signal_encoder.encoder.norm.": 1,
        "head.": 1,
    }
    for prefix, rate in rates.items():
        assert {found for name, (found, _) in groups.items() if name.startswith(prefix)} == {rate}


def test_weight_decay_applies_to_matrices_but_not_to_biases_norms_and_tokens(groups):
    without_decay = {name for name, (_, decay) in groups.items() if decay == 0}
    assert {decay for _, decay in groups.values()} == {0, 0.1}
    assert without_decay == {
        name for name in groups
        if name.endswith(("bias", "cls_token", "pos_embed", "reasoning_tokens")) or ".norm" in name
    }  # fmt: skip


@pytest.mark.parametrize("layer_decay", [0.1, 0.5])
def test_layer_decay_reduces_the_change_of_the_position_embedding(new_classifier, fitted_pretrainer, X, y, layer_decay):
    before = fitted_pretrainer.encoder_.pos_embed
    uniform, decayed = (
        (new_classifier(layer_decay=factor).fit(X, y).encoder_.pos_embed - before).abs().mean()
        for factor in (1.0, layer_decay)
    )
    assert 0 < decayed < uniform


def test_fits_in_threads_equal_sequential_fits(new_pretrainer, X):
    expected = new_pretrainer().fit(X).transform(X)
    state = torch.get_rng_state()
    fits = Parallel(n_jobs=3, backend="threading")(delayed(new_pretrainer().fit)(X) for _ in range(4))
    for fit in fits:
        np.testing.assert_array_equal(fit.transform(X), expected)
    assert torch.equal(torch.get_rng_state(), state)


def test_held_out_signals_have_the_same_masks_in_every_epoch(new_pretrainer, X):
    # With this learning rate the weights do not change, so only different masks could change the loss.
    pretrainer = new_pretrainer(lr=1e-12, weight_decay=0.0, early_stopping=True, validation_fraction=0.3).fit(X)
    first, second = (epoch["valid_loss"] for epoch in pretrainer.history_)
    assert first == second
    assert pretrainer.history_[0]["train_loss"] != pretrainer.history_[1]["train_loss"]
