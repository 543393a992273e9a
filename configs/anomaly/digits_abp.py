"""Anomaly detection by alternating back-propagation (Han et al. 2017, arXiv 1606.08571) on digits.

    python -m experiments.anomaly --config=configs/anomaly/digits_abp.py

Trained as in configs/abp/digits.py, once for every class that is held out.
Expected: none published for these images, not measured here.
Cost: not measured; five times the training of configs/abp/digits.py.
"""

from configs.abp import digits
from configs.anomaly import common


def get_config(variant=""):
    config = common.anomaly(digits.get_config(variant))
    if variant:
        common.smoke(config)
    return config
