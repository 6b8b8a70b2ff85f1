"""Frozen features, one kind per module. Each kind is a feature extractor and a subclass of `Features`.

These modules may import the scalogram and the signal encoder from `models`, and `layers`, `functional` and torch.
"""

from .base import FeatureContext, Features
from .embedding import EncoderEmbedding
from .statistics import WaveletStatistics
from .summary import SummaryStatistics

# The available kinds of features. The first linear model of a probe uses the first kind, the second model uses the
# first two kinds, and so on.
FEATURES: dict[str, type[Features]] = {
    "summary": SummaryStatistics,
    "statistics": WaveletStatistics,
    "embedding": EncoderEmbedding,
}

__all__ = ["FEATURES", "EncoderEmbedding", "FeatureContext", "Features", "SummaryStatistics", "WaveletStatistics"]
