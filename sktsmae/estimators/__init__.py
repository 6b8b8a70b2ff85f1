"""The scikit-learn face: `CWTTransformer`, `MAEPretrainer`, `MAEClassifier`, `MAERegressor`.

May import `training`, `signals`, `models` and below, and scikit-learn. Each estimator has a file of its own; files
whose name starts with an underscore hold what several share.
"""

from .classifier import MAEClassifier
from .cwt import CWTTransformer
from .pretrainer import MAEPretrainer
from .regressor import MAERegressor

__all__ = ["CWTTransformer", "MAEClassifier", "MAEPretrainer", "MAERegressor"]
