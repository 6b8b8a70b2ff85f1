"""Complete networks and their files, usable without scikit-learn.

Within the package, these modules may import only `layers`, `functional` and each other. Comments and docstrings use one
letter per axis: B batch, M channels, V views, S scales, T time, N patch tokens, K visible patch tokens, D embedding, H
attention heads, C classes, P values of a patch. A docstring that uses a letter for another quantity defines it. Views
are the signal, its first difference and its second difference.
"""

from .decoder import Decoder
from .encoder import Encoder
from .ensemble import Ensemble
from .features import (
    FEATURES,
    CompetingKernels,
    EncoderEmbedding,
    FeatureContext,
    Features,
    PositionStatistics,
    QuarterStatistics,
    Shapelets,
    Spectrum,
    SummaryStatistics,
    WaveletStatistics,
)
from .heads import HEADS, Head, LatentReasoningHead, MultichannelHead, ResidualMLPHead
from .latent_mae import LatentMAE
from .mae import CWT_MAE_RoPE, Reconstruction
from .mae_files import load_mae, save_mae
from .novelty import MahalanobisDistance, NoveltyModel
from .piecewise_linear import PiecewiseLinear
from .pretext import PretextTask
from .pretext_tasks import PRETEXT_TASKS
from .probe import LinearProbe, LinearProbeClassifier, ModelInput
from .reference_models import load_reference_classifier, load_reference_mae
from .relevance import relevance_map
from .scalogram import Scalogram
from .settings import EncoderSettings, MAESettings
from .signal_classifier import SignalClassifier
from .signal_encoder import SignalEncoder
from .tf_mae_classifier import TF_MAE_Classifier
from .waveform import Waveform
from .window_profile import WindowProfile

__all__ = [
    "FEATURES",
    "HEADS",
    "PRETEXT_TASKS",
    "CWT_MAE_RoPE",
    "CompetingKernels",
    "Decoder",
    "Encoder",
    "EncoderEmbedding",
    "EncoderSettings",
    "Ensemble",
    "FeatureContext",
    "Features",
    "Head",
    "LatentMAE",
    "LatentReasoningHead",
    "LinearProbe",
    "LinearProbeClassifier",
    "MAESettings",
    "MahalanobisDistance",
    "ModelInput",
    "MultichannelHead",
    "NoveltyModel",
    "PiecewiseLinear",
    "PositionStatistics",
    "PretextTask",
    "QuarterStatistics",
    "Reconstruction",
    "ResidualMLPHead",
    "Scalogram",
    "Shapelets",
    "SignalClassifier",
    "SignalEncoder",
    "Spectrum",
    "SummaryStatistics",
    "TF_MAE_Classifier",
    "Waveform",
    "WaveletStatistics",
    "WindowProfile",
    "load_mae",
    "load_reference_classifier",
    "load_reference_mae",
    "relevance_map",
    "save_mae",
]
