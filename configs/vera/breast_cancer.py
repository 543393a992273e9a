"""VERA (arXiv 2010.04230) on scikit-learn's table of breast cancer (30 columns, 2 classes), 10 labels a class.

    python -m experiments.vera --config=configs/vera/breast_cancer.py

Settings of the digits, for standardised columns; none was tried beside them.
"""

from configs.common import variant_of
from configs.vera.common import smoke
from configs.vera.digits import get_config as digits


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = digits()
    config.data.name = "breast_cancer"
    config.data.standardise = True
    config.evaluate.picture = ()
    return variant_of(config, variant, smoke)
