"""Frozen features: feature extractors without trainable weights, one subclass of `Features` per module.

Within the package, these modules may import `functional`, `layers`, and from `models` the scalogram and the signal
encoder.
"""

from .base import FeatureContext, Features
from .embedding import EncoderEmbedding
from .statistics import WaveletStatistics
from .summary import SummaryStatistics

# The available kinds of features. Their order matters: the first linear model of a `LinearProbe` uses the first kind,
# the second model uses the first two kinds, and so on.
FEATURES: dict[str, type[Features]] = {
    "summary": SummaryStatistics,
    "statistics": WaveletStatistics,
    "embedding": EncoderEmbedding,
}

__all__ = ["FEATURES", "EncoderEmbedding", "FeatureContext", "Features", "SummaryStatistics", "WaveletStatistics"]
