"""Constraints by which scikit-learn validates the parameters of the estimators."""

from __future__ import annotations

from numbers import Integral, Real

import torch
from sklearn.utils._param_validation import Interval

POSITIVE_INT = Interval(Integral, 1, None, closed="left")
NON_NEGATIVE_INT = Interval(Integral, 0, None, closed="left")
POSITIVE_REAL = Interval(Real, 0, None, closed="neither")
NON_NEGATIVE_REAL = Interval(Real, 0, None, closed="left")
OPEN_FRACTION = Interval(Real, 0, 1, closed="neither")
FRACTION = Interval(Real, 0, 1, closed="left")
POSITIVE_FRACTION = Interval(Real, 0, 1, closed="right")
MORLET_W0 = [Interval(Real, 1, 1000, closed="both")]
SCALES = [POSITIVE_INT, "array-like"]
SAMPLING_RATE = [POSITIVE_REAL, None]
DEVICE = [str, torch.device]
