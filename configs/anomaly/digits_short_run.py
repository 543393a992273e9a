"""Anomaly detection by the energy of short-run MCMC (Nijkamp et al. 2019, arXiv 1904.09770) on digits.

    python -m experiments.anomaly --config=configs/anomaly/digits_short_run.py

Trained as in configs/short_run/digits.py, once for every class that is held out.
Expected: none published for these images, not measured here.
Cost: not measured; five times the training of configs/short_run/digits.py.
"""

from configs.anomaly import common
from configs.short_run import digits


def get_config(variant=""):
    config = common.anomaly(digits.get_config(variant), ("energy",))
    if variant:
        common.smoke(config)
    return config
