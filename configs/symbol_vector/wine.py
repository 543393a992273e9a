"""Symbol-vector coupling (Pang et al. 2020, arXiv 2010.09359) on a small table of scikit-learn, 5 labels a class.

    python -m experiments.symbol_vector --config=configs/symbol_vector/wine.py

Wine, 13 measurements and 3 classes, 124 + 54 examples; columns standardised by the training part. All settings are
ours, and not tuned.
Expected: none published, not measured here.
Cost: not measured.
"""

from configs.common import variant_of
from configs.symbol_vector.breast_cancer import get_config as breast_cancer
from configs.symbol_vector.common import smoke


def get_config(variant=""):
    config = breast_cancer()
    config.data.name = "wine"
    return variant_of(config, variant, smoke)
