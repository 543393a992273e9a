"""Anomaly detection by a flow-backbone EBM (Nijkamp et al. 2022, arXiv 2006.06897) on digits: E(x) - log q(x).

    python -m experiments.anomaly --config=configs/anomaly/digits_flow_backbone.py

Trained as in configs/flow_backbone/digits.py, flow and energy once for every class that is held out. The energy alone,
that is, the tilt, is scored too.
Expected: none published for these images, not measured here.
Cost: not measured; five times the training of configs/flow_backbone/digits.py.
"""

from configs.anomaly import common
from configs.flow_backbone import digits


def get_config(variant=""):
    config = common.anomaly(digits.get_config(variant), ("data_energy", "energy"))
    config.evaluate.batch_size = 500
    if variant:
        common.smoke(config)
    return config
