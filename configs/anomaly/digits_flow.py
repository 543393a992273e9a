"""Anomaly detection by the likelihood of Glow (Kingma & Dhariwal 2018, arXiv 1807.03039) on digits.

    python -m experiments.anomaly --config=configs/anomaly/digits_flow.py

Trained as in configs/flow/digits.py, once for every class that is held out.
Expected: none published for these images, not measured here.
Cost: not measured; five times the training of configs/flow/digits.py.
"""

from configs.anomaly import common
from configs.flow import digits


def get_config(variant=""):
    config = common.anomaly(digits.get_config(variant), ("log_likelihood",))
    if variant:
        common.smoke(config)
    return config
