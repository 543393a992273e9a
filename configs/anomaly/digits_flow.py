"""Anomaly detection by a normalising flow's likelihood on digits.

    python -m experiments.anomaly --config=configs/anomaly/digits_flow.py

Trained as in configs/flow/digits.py, once for every class that is held out.
"""

from configs.anomaly import common
from configs.flow import digits


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = common.anomaly(digits.get_config(variant), ("log_likelihood",))
    if variant:
        common.smoke(config)
    return config
