"""Tests that kinds of features name the columns of each channel."""

import pytest

from sktsmae.models import FEATURES, FeatureContext


@pytest.mark.parametrize("name", ["summary", "statistics", "positions", "quarters", "shapelets", "spectrum"])
def test_columns_of_a_channel_are_those_with_its_name(name):
    features = FEATURES[name].from_context(FeatureContext(n_channels=3, n_timepoints=40))
    names = features.feature_names()
    for channel in range(3):
        expected = [column for column in names if column.startswith(f"ch{channel}_")]
        assert names[features.columns_of_channel(channel)] == expected


def test_features_that_mix_channels_have_all_columns():
    features = FEATURES["competition"].from_context(FeatureContext(n_channels=3, n_timepoints=40))
    assert features.columns_of_channel(1) == slice(None)
