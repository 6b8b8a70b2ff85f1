"""Tests of MAEClassifier: fine-tuning, the choice of the pretrainer, unlabelled rows, sample and class weights."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score
from sklearn.utils import compute_sample_weight
from skorch.callbacks import Callback

from sktsmae import CWTTransformer, MAEClassifier, MAEPretrainer
from sktsmae.models import Encoder, LatentReasoningHead, ResidualMLPHead, SignalClassifier

HEADS = {"reasoning": LatentReasoningHead, "mlp": ResidualMLPHead}


def test_classifier_is_better_than_chance_on_new_persons(new_pretrainer, new_classifier, many, new_persons):
    classifier = new_classifier(pretrainer=new_pretrainer(), max_epochs=10, lr=0.003).fit(many.data, many.target)
    assert classifier.score(many.data, many.target) > 0.5
    # Always predicting the largest class gives 0.19.
    assert classifier.score(new_persons.data, new_persons.target) > 0.3


@pytest.mark.parametrize("finetune", ["full", "head", "lora", 1])
@pytest.mark.parametrize("head", HEADS)
def test_probabilities_labels_and_score_are_consistent(new_classifier, X_channels, y, head, finetune):
    settings = {"hidden_dim": 24, "num_res_blocks": 1} if head == "mlp" else {}
    classifier = new_classifier(head=head, finetune=finetune, **settings).fit(X_channels, y)
    probabilities = classifier.predict_proba(X_channels)
    assert probabilities.shape == (41, 7)
    assert probabilities.dtype == np.float32
    assert_allclose(probabilities.sum(1), 1, rtol=1e-5)  # rounding errors of a sum of seven float32 values
    predicted = classifier.predict(X_channels)
    assert_array_equal(predicted, classifier.classes_[probabilities.argmax(1)])
    assert classifier.score(X_channels, y) == accuracy_score(y, predicted)


def test_swapping_channels_changes_the_probabilities(new_classifier, X_channels, y):
    classifier = new_classifier().fit(X_channels, y)
    swapped = classifier.predict_proba(X_channels[:, ::-1])
    assert not np.allclose(swapped, classifier.predict_proba(X_channels), atol=1e-4)


@pytest.mark.parametrize("head", HEADS)
def test_fine_tuning_the_head_leaves_the_encoder_unchanged(new_classifier, fitted_pretrainer, X, y, same_weights, head):
    before = copy.deepcopy(fitted_pretrainer.model_)
    classifier = new_classifier(finetune="head", head=head).fit(X, y)
    untrained = new_classifier(finetune="head", head=head, max_epochs=0).fit(X, y)
    assert isinstance(classifier.model_.head, HEADS[head])
    assert same_weights(classifier.encoder_, before.encoder)
    assert not same_weights(classifier.model_.head, untrained.model_.head)
    assert_array_equal(classifier.transform(X), fitted_pretrainer.transform(X))


def test_full_fine_tuning_changes_the_encoder_but_not_the_pretrainer(
    fitted_classifier, fitted_pretrainer, new_pretrainer, X, same_weights
):
    assert fitted_classifier.pretrainer_ is fitted_pretrainer
    assert not same_weights(fitted_classifier.encoder_, fitted_pretrainer.encoder_)
    assert not np.allclose(fitted_classifier.transform(X), fitted_pretrainer.transform(X), atol=1e-3)
    assert same_weights(fitted_pretrainer.model_, new_pretrainer().fit(X).model_)


@pytest.fixture(scope="module")
def three_block_pretrainer(new_pretrainer, X):
    """Return a frozen pretrainer whose encoder has three blocks."""
    return FrozenEstimator(new_pretrainer(depth=3, max_epochs=0).fit(X))


def changed_parameters(classifier, pretrainer):
    """Return the names of the encoder's parameters that differ between the classifier and its frozen pretrainer."""
    before = pretrainer.estimator.encoder_.state_dict()
    return {name for name, weights in classifier.encoder_.named_parameters() if not torch.equal(weights, before[name])}


@pytest.mark.parametrize("num_blocks", [1, 2, 3])
def test_fine_tuning_the_last_blocks_leaves_earlier_blocks_unchanged(
    new_classifier, three_block_pretrainer, X, y, num_blocks
):
    classifier = new_classifier(pretrainer=three_block_pretrainer, finetune=num_blocks).fit(X, y)
    changed_parts = {".".join(name.split(".")[:2]) for name in changed_parameters(classifier, three_block_pretrainer)}
    assert changed_parts == {"norm.weight", "norm.bias", *(f"blocks.{block}" for block in range(3 - num_blocks, 3))}
    assert all(weights.requires_grad for weights in classifier.model_.parameters())


def test_fine_tuning_more_blocks_than_exist_is_refused(new_classifier, three_block_pretrainer, X, y, refused):
    classifier = new_classifier(pretrainer=three_block_pretrainer, finetune=4)
    with refused(classifier, "finetune=4, but the encoder has 3 blocks; it must be at most 3, or 'full'"):
        classifier.fit(X, y)


def test_number_of_blocks_is_checked_before_pre_training(new_classifier, new_pretrainer, X, y, refused):
    class FailIfTrained(Callback):
        def on_train_begin(self, net, **kwargs):
            raise AssertionError

    classifier = new_classifier(pretrainer=new_pretrainer(depth=2, callbacks=[FailIfTrained()]), finetune=3)
    with refused(classifier, "finetune=3, but the encoder has 2 blocks"):
        classifier.fit(X, y)


def test_finetune_true_is_refused(new_classifier, X, y, refused):
    classifier = new_classifier(finetune=True)
    with refused(classifier, "finetune=True: give 'none', 'full'"):
        classifier.fit(X, y)


@pytest.mark.parametrize("finetune", ["full", "head"])
def test_pretrainer_keeps_requires_grad_false_but_its_encoder_can_be_fine_tuned(
    new_classifier, new_pretrainer, X, y, finetune
):
    pretrainer = new_pretrainer(max_epochs=0).fit(X)
    pretrainer.model_.requires_grad_(False)
    frozen = FrozenEstimator(pretrainer)
    classifier = new_classifier(pretrainer=frozen, finetune=finetune).fit(X, y)
    assert not any(weights.requires_grad for weights in pretrainer.model_.parameters())
    assert bool(changed_parameters(classifier, frozen)) == (finetune == "full")


def test_lora_updates_are_merged_into_the_matrices_of_the_blocks(
    new_classifier, three_block_pretrainer, X, y, same_weights
):
    classifier = new_classifier(pretrainer=three_block_pretrainer, finetune="lora").fit(X, y)
    source = three_block_pretrainer.estimator.encoder_
    matrices = {name for name, weights in source.blocks.named_parameters(prefix="blocks") if weights.ndim == 2}
    assert changed_parameters(classifier, three_block_pretrainer) == matrices
    assert classifier.encoder_.state_dict().keys() == source.state_dict().keys()
    assert all(weights.requires_grad for weights in classifier.model_.parameters())
    update = (classifier.encoder_.blocks[0].attn.qkv.weight - source.blocks[0].attn.qkv.weight).detach()
    # LoRA updates have rank 8, and the full rank is 32. The rtol excludes rounding errors of the merged weights.
    assert torch.linalg.matrix_rank(update, rtol=1e-3) <= 8
    assert not same_weights(
        classifier.model_.head, new_classifier(pretrainer=three_block_pretrainer, max_epochs=0).fit(X, y).model_.head
    )


@pytest.mark.parametrize("finetune", ["lora", 2])
def test_optimiser_has_only_the_fine_tuned_parameters(new_classifier, three_block_pretrainer, X, y, finetune):
    class CountParameters(Callback):
        counts: ClassVar[list[int]] = []

        def on_train_begin(self, net, **kwargs):
            groups = net.optimizer_.param_groups
            self.counts.append(sum(weights.numel() for group in groups for weights in group["params"]))

    classifier = new_classifier(
        pretrainer=three_block_pretrainer, finetune=finetune, callbacks=[CountParameters()]
    ).fit(X, y)
    encoder, head = classifier.encoder_, classifier.model_.head
    expected = sum(weights.numel() for weights in head.parameters())
    if finetune == "lora":
        matrices = [layer.weight for layer in encoder.blocks.modules() if isinstance(layer, torch.nn.Linear)]
        # LoRA adds two matrices of rank 8 for each m x n matrix: m x 8 and 8 x n.
        expected += sum(8 * sum(weights.shape) for weights in matrices)
    else:
        expected += sum(weights.numel() for weights in [*encoder.blocks[1:].parameters(), *encoder.norm.parameters()])
    assert CountParameters.counts == [expected]


@pytest.mark.parametrize("finetune", ["lora", 1])
def test_saved_pickled_and_copied_classifiers_give_the_same_probabilities(new_classifier, X, y, finetune, tmp_path):
    classifier = new_classifier(finetune=finetune, early_stopping=True, validation_fraction=0.4).fit(X, y)
    classifier.save(tmp_path / "classifier.safetensors")
    expected = classifier.predict_proba(X)
    for restored in (
        MAEClassifier.load(tmp_path / "classifier.safetensors"),
        pickle.loads(pickle.dumps(classifier)),
        copy.deepcopy(classifier),
    ):
        assert_array_equal(restored.predict_proba(X), expected)


def test_fine_tuned_network_has_no_decoder(fitted_classifier):
    names = {name.split(".")[0] for name, _ in fitted_classifier.model_.named_parameters()}
    assert names == {"signal_encoder", "head"}
    assert type(fitted_classifier.model_) is SignalClassifier
    assert isinstance(fitted_classifier.encoder_, Encoder)
    assert not fitted_classifier.model_.training


def test_embedding_columns_have_names(new_classifier, X_channels, y):
    classifier = new_classifier().fit(X_channels, y)
    assert classifier.transform(X_channels).shape == (41, 64)
    assert classifier.get_feature_names_out().tolist() == [f"maeclassifier{index}" for index in range(64)]


def test_unfitted_pretrainer_is_cloned_and_fitted_on_the_same_data(new_pretrainer, new_classifier, X, y, same_weights):
    pretrainer = new_pretrainer()
    classifier = new_classifier(pretrainer=pretrainer).fit(X, y)
    assert not hasattr(pretrainer, "model_")
    assert same_weights(classifier.pretrainer_.model_, pretrainer.fit(X).model_)


def test_fitted_pretrainer_that_is_not_frozen_is_fitted_again_with_a_warning(
    new_pretrainer, new_classifier, X, y, same_weights
):
    pretrainer = new_pretrainer().fit(X[:20])
    before = copy.deepcopy(pretrainer.model_)
    with pytest.warns(UserWarning, match=r"give FrozenEstimator\(pretrainer\)"):
        classifier = new_classifier(pretrainer=pretrainer).fit(X, y)
    assert same_weights(classifier.pretrainer_.model_, new_pretrainer().fit(X).model_)
    assert same_weights(pretrainer.model_, before)


def test_pretrainer_none_uses_the_encoder_of_the_package(new_classifier, X, y, same_weights):
    classifier = new_classifier(pretrainer=None, finetune="head", max_epochs=1).fit(X, y)
    shipped = MAEPretrainer.from_pretrained()
    assert same_weights(classifier.encoder_, shipped.encoder_)
    assert same_weights(classifier.pretrainer_.model_, shipped.model_)


def test_pretrainer_none_fits_a_default_pretrainer_to_spectrograms(new_classifier, X, y):
    spectrograms = CWTTransformer(cwt_scales=4).fit_transform(X[:16, ::8])
    classifier = new_classifier(pretrainer=None, finetune="head", max_epochs=1).fit(spectrograms, np.repeat([0, 1], 8))
    params = classifier.pretrainer_.get_params()
    assert isinstance(params.pop("random_state"), int)
    assert params == {name: value for name, value in MAEPretrainer(device="cpu").get_params().items() if name in params}
    assert classifier.pretrainer_.n_iter_ == 120


def test_pretrainer_scratch_does_not_pre_train(new_classifier, X, y, same_weights):
    classifier = new_classifier(pretrainer="scratch", finetune="head", max_epochs=1).fit(X, y)
    assert classifier.pretrainer_.n_iter_ == 0
    untrained = clone(classifier.pretrainer_).set_params(max_epochs=0).fit(X)
    assert same_weights(classifier.encoder_, untrained.encoder_)


@pytest.mark.parametrize("path_type", [str, Path])
def test_pretrainer_from_a_file_gives_the_same_results_as_a_frozen_pretrainer(
    new_classifier, fitted_pretrainer, fitted_classifier, X, y, tmp_path, path_type
):
    fitted_pretrainer.save(tmp_path / "mae.safetensors")
    classifier = new_classifier(pretrainer=path_type(tmp_path / "mae.safetensors")).fit(X, y)
    assert_array_equal(classifier.predict_proba(X), fitted_classifier.predict_proba(X))


@pytest.mark.parametrize("finetune", ["full", "head"])
@pytest.mark.parametrize("length", [100, 60, 10, 200])
def test_encoder_is_adapted_to_signals_of_another_length(
    new_classifier, fitted_pretrainer, X_channels, y, length, finetune
):
    X = X_channels[:, :, :length]
    classifier = new_classifier(finetune=finetune).fit(X, y)
    columns = -(-length // 25)  # patches of 25 samples, of which the last may be padded
    assert classifier.encoder_.grid_size == (4, columns)
    assert fitted_pretrainer.encoder_.grid_size == (4, 8)
    assert classifier.predict_proba(X).shape == (41, 7)
    untrained = new_classifier(finetune=finetune, max_epochs=0).fit(X, y)
    blocks, expected = untrained.encoder_.blocks.state_dict(), fitted_pretrainer.encoder_.blocks.state_dict()
    assert all(torch.equal(blocks[name], expected[name]) for name in expected)
    assert torch.equal(untrained.encoder_.pos_embed[:, 0], fitted_pretrainer.encoder_.pos_embed[:, 0])


def test_pretrainer_fitted_on_signals_accepts_spectrograms(new_classifier, X, y):
    images = CWTTransformer(cwt_scales=16, device="cpu").fit_transform(X)
    assert new_classifier().fit(images, y).predict_proba(images).shape == (41, 7)


@pytest.mark.parametrize(
    ("convert", "unlabeled"),
    [
        (lambda y: np.unique(y, return_inverse=True)[1], -1),
        (lambda y: y.astype(object), -1),
        (lambda y: y.astype("U8"), "unknown"),
    ],
    ids=["integers", "objects", "strings"],
)
@pytest.mark.parametrize("array_type", [np.asarray, list], ids=["array", "list"])
@pytest.mark.parametrize("finetune", ["full", "head"])
def test_unlabelled_rows_are_used_for_pre_training_only(
    new_pretrainer, new_classifier, fitted_pretrainer, X, y, same_weights, convert, unlabeled, array_type, finetune
):
    target = convert(y)
    target[::3] = unlabeled
    labelled = np.arange(41) % 3 > 0
    classifier = new_classifier(pretrainer=new_pretrainer(), unlabeled=unlabeled, finetune=finetune)
    classifier.fit(X, array_type(target))
    assert same_weights(classifier.pretrainer_.model_, fitted_pretrainer.model_)  # fitted on all of X
    labelled_only = new_classifier(finetune=finetune).fit(X[labelled], array_type(target[labelled]))
    assert unlabeled not in classifier.classes_
    assert_array_equal(classifier.classes_, labelled_only.classes_)
    assert_array_equal(classifier.predict_proba(X), labelled_only.predict_proba(X))


def test_minus_one_is_a_class_by_default(new_classifier, X, y):
    target = np.where(y > "FEL", 1, -1)
    assert new_classifier().fit(X, target).classes_.tolist() == [-1, 1]


@pytest.mark.parametrize("finetune", ["full", "head"])
def test_rows_with_zero_weight_are_not_used_for_fine_tuning(new_classifier, X, y, finetune):
    has_weight = np.arange(41) % 4 > 0
    weights = np.linspace(0.5, 2, 41) * has_weight
    weighted = new_classifier(finetune=finetune).fit(X, y, sample_weight=weights)
    without = new_classifier(finetune=finetune).fit(X[has_weight], y[has_weight], sample_weight=weights[has_weight])
    assert_array_equal(weighted.predict_proba(X), without.predict_proba(X))


def test_class_with_zero_weight_is_not_in_classes(new_classifier, X, y):
    classifier = new_classifier(max_epochs=0).fit(X, y, sample_weight=(y != "PEN").astype(float))
    assert classifier.classes_.tolist() == [label for label in np.unique(y) if label != "PEN"]


@pytest.mark.parametrize("weights", [np.ones(41), np.full(41, 4), [0.25] * 41], ids=["all-1", "all-4", "list-of-0.25"])
def test_equal_sample_weights_have_no_effect(new_classifier, fitted_classifier, X, y, weights):
    classifier = new_classifier().fit(X, y, sample_weight=weights)
    assert_array_equal(classifier.predict_proba(X), fitted_classifier.predict_proba(X))


@pytest.mark.parametrize("class_weight", ["balanced", {"ABD": 3.0, "PEN": 0.5}], ids=["balanced", "dict"])
def test_class_weights_act_as_sample_weights(new_classifier, fitted_classifier, X, y, class_weight):
    sample_weight = compute_sample_weight(class_weight, y)
    by_class = new_classifier(class_weight=class_weight).fit(X, y).predict_proba(X)
    assert_array_equal(by_class, new_classifier().fit(X, y, sample_weight=sample_weight).predict_proba(X))
    assert not np.array_equal(by_class, fitted_classifier.predict_proba(X))


def test_class_weights_and_sample_weights_multiply(new_classifier, X, y):
    class_weight, sample_weight = {"ABD": 3.0, "PEN": 0.5}, np.linspace(0.5, 2, 41)
    both = new_classifier(class_weight=class_weight).fit(X, y, sample_weight=sample_weight)
    product = new_classifier().fit(X, y, sample_weight=sample_weight * compute_sample_weight(class_weight, y))
    assert_array_equal(both.predict_proba(X), product.predict_proba(X))


def test_class_with_a_large_weight_becomes_more_probable(new_classifier, fitted_classifier, X, y):
    weighted = new_classifier(class_weight={"ROW": 50.0}).fit(X, y)
    column = weighted.classes_.tolist().index("ROW")
    assert (weighted.predict_proba(X)[:, column] > fitted_classifier.predict_proba(X)[:, column]).all()


def test_label_smoothing_lowers_the_largest_probabilities(new_classifier, X, y):
    unsmoothed, smoothed = (
        new_classifier(label_smoothing=smoothing, max_epochs=10, lr=0.003).fit(X, y).predict_proba(X)
        for smoothing in (0, 0.5)
    )
    assert unsmoothed.max(1).mean() > smoothed.max(1).mean()


PANDAS_LABELS = {
    "nullable integers": (pd.array([3, 7], "Int16"), np.int16),
    "nullable booleans": (pd.array([False, True], "boolean"), np.bool_),
    "nullable floats": (pd.array([1.0, 2.0], "Float64"), np.float64),
    "categories of integers": (pd.Categorical([3, 7]), np.int64),
    "categories of text": (pd.Categorical(["a", "bc"]), np.object_),
    "strings": (pd.array(["a", "bc"], "string"), np.object_),
    "booleans as objects": (np.array([False, True], object), np.bool_),
    "integers as objects": (np.array([3, 7], object), np.int64),
    "integers of two types as objects": (np.array([3, np.int8(7)], object), np.int64),
}


@pytest.mark.parametrize(("labels", "dtype"), PANDAS_LABELS.values(), ids=PANDAS_LABELS)
def test_labels_come_back_as_they_went_in(new_classifier, X, labels, dtype):
    y = pd.Series(labels).take(np.arange(41) % 2)
    classifier = new_classifier(max_epochs=1).fit(X, y)
    assert classifier.classes_.tolist() == list(labels)
    assert classifier.predict(X).dtype == classifier.classes_.dtype == dtype


def test_one_column_of_nullable_integers_gives_integers(new_classifier, X):
    y = pd.DataFrame({"y": pd.array([3, 7], "Int16").take(np.arange(41) % 2)})
    assert new_classifier(max_epochs=1).fit(X, y).classes_.dtype == np.int16


def test_classifier_of_dates_can_be_saved(new_classifier, X, tmp_path):
    y = np.array(["2026-01-01", "2026-01-02"], "datetime64[D]")[np.arange(41) % 2]
    classifier = new_classifier(max_epochs=1).fit(X, y)
    classifier.save(tmp_path / "a.safetensors")
    loaded = MAEClassifier.load(tmp_path / "a.safetensors")
    assert_array_equal(loaded.classes_, classifier.classes_)
    assert loaded.classes_.dtype == classifier.classes_.dtype


MISSING_LABELS = {
    "None": np.array(["a", "b", None], object),
    "list with None": ["a", "b", None],
    "NaN among text": np.array(["a", "b", np.nan], object),
    "pandas.NA among integers": pd.array([1, 2, pd.NA], "Int64"),
    "pandas.NA among strings": pd.array(["a", "b", pd.NA], "string"),
}


@pytest.mark.parametrize("labels", MISSING_LABELS.values(), ids=MISSING_LABELS)
def test_rows_with_missing_labels_are_named_or_used_without_labels(new_classifier, X, refused, labels):
    rows = np.r_[np.arange(40) % 2, 2]
    y = [labels[row] for row in rows] if isinstance(labels, list) else pd.Series(labels).take(rows)
    classifier = new_classifier()
    with refused(classifier, r"y has no value in 1 of 41 rows \(40\); remove these rows, or set unlabeled="):
        classifier.fit(X, y)
    classifier = new_classifier(max_epochs=1, unlabeled=np.nan).fit(X, y)
    assert classifier.classes_.tolist() == list(labels[:2])


def test_text_and_numbers_in_a_list_of_labels_are_refused(new_classifier, X, refused):
    classifier = new_classifier()
    with refused(classifier, "y contains text 'a' and int 1; convert all labels to text"):
        classifier.fit(X, ["a", *[1] * 40])


def test_head_on_cached_tokens_is_trained_on_all_patches(X, y, new_classifier):
    settings = {"finetune": "head", "probe": False}
    every = new_classifier(**settings).fit(X, y)
    with pytest.warns(UserWarning, match="patch_drop_rate"):
        dropped = new_classifier(**settings, patch_drop_rate=0.9).fit(X, y)
    assert_array_equal(dropped.predict_proba(X), every.predict_proba(X))


def test_number_of_epochs_makes_600_steps_but_not_more_than_60(X, y, new_classifier):
    classifier = new_classifier(finetune="head", probe=False, max_epochs="auto")
    assert classifier.fit(X, y).n_iter_ == 60
    classifier.set_params(batch_size=1)
    assert classifier.fit(X, y).n_iter_ == -(-600 // len(X)) < 60


def test_patch_dropout_changes_the_training_and_is_saved(X, y, new_classifier, tmp_path):
    all_patches, half = (new_classifier(finetune="full", patch_drop_rate=rate).fit(X, y) for rate in (0.0, 0.5))
    assert (all_patches.predict_proba(X) != half.predict_proba(X)).any()
    assert_array_equal(half.predict_proba(X), half.predict_proba(X))  # no patch is dropped in predictions
    half.save(tmp_path / "half.safetensors")
    assert MAEClassifier.load(tmp_path / "half.safetensors").model_.patch_drop_rate == 0.5


def test_older_file_of_a_network_says_that_no_patches_were_dropped():
    folder = Path(__file__).parent
    assert MAEClassifier.load(folder / "format_1" / "classifier_network.safetensors").patch_drop_rate == 0
    assert MAEClassifier.load(folder / "format_3" / "classifier.safetensors").patch_drop_rate == 0.5  # has no network
