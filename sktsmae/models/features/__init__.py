"""Frozen features: feature extractors without trainable weights, one subclass of `Features` per module.

Within the package, these modules may import `functional`, `layers`, and from `models` the scalogram and the signal
encoder.
"""

from .base import FeatureContext, Features
from .competition import CompetingKernels
from .embedding import EncoderEmbedding
from .positions import PositionStatistics
from .quarters import QuarterStatistics
from .shapelets import Shapelets
from .spectrum import Spectrum
from .statistics import WaveletStatistics
from .summary import SummaryStatistics

# The available kinds of features.
FEATURES: dict[str, type[Features]] = {
    "summary": SummaryStatistics,
    "statistics": WaveletStatistics,
    "positions": PositionStatistics,
    "quarters": QuarterStatistics,
    "competition": CompetingKernels,
    "shapelets": Shapelets,
    "spectrum": Spectrum,
    "embedding": EncoderEmbedding,
}

__all__ = [
    "FEATURES",
    "CompetingKernels",
    "EncoderEmbedding",
    "FeatureContext",
    "Features",
    "PositionStatistics",
    "QuarterStatistics",
    "Shapelets",
    "Spectrum",
    "SummaryStatistics",
    "WaveletStatistics",
]
