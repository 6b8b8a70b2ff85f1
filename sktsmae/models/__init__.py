"""Whole networks, usable without scikit-learn. May import `layers`, `functional` and torch.

One letter an axis, everywhere: B batch, M channels, V views, S scales, T time, N tokens, K kept tokens, D embedding,
H heads, C classes, P values of a patch.
"""

from .classifier import SignalClassifier, TF_MAE_Classifier, load_reference_classifier
from .decoder import Decoder
from .encoder import Encoder
from .heads import LatentReasoningHead, MultichannelHead, ResidualMLPHead
from .mae import CWT_MAE_RoPE, Reconstruction, load_mae, load_reference_mae, save_mae
from .probe import LinearProbe, Probe
from .readout import Readout
from .relevance import relevance_map
from .scalogram import Scalogram
from .statistics import WaveletStatistics
from .summary import SignalSummary

__all__ = [
    "CWT_MAE_RoPE",
    "Decoder",
    "Encoder",
    "LatentReasoningHead",
    "LinearProbe",
    "MultichannelHead",
    "Probe",
    "Readout",
    "Reconstruction",
    "ResidualMLPHead",
    "Scalogram",
    "SignalClassifier",
    "SignalSummary",
    "TF_MAE_Classifier",
    "WaveletStatistics",
    "load_mae",
    "load_reference_classifier",
    "load_reference_mae",
    "relevance_map",
    "save_mae",
]
