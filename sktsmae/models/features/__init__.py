"""Kinds of frozen features, one file each; all follow the protocol of `Features`.

May import the models above, `layers` and `functional`.
"""

from .base import FeatureContext, Features
from .embedding import EncoderEmbedding
from .statistics import WaveletStatistics
from .summary import SummaryStatistics

# The kinds that exist, by name. The linear models of a probe use the first kind, the first two, and so on.
FEATURES: dict[str, type[Features]] = {
    "summary": SummaryStatistics,
    "statistics": WaveletStatistics,
    "embedding": EncoderEmbedding,
}

__all__ = ["FEATURES", "EncoderEmbedding", "FeatureContext", "Features", "SummaryStatistics", "WaveletStatistics"]
