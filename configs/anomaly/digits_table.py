"""Anomaly detection by a latent EBM (Pang et al. 2020, arXiv 2006.08205) on digits: the whole table, each of the ten
digits held out in turn.

    python -m experiments.sweep anomaly --seeds 0 1 2 -- --config=configs/anomaly/digits_table.py

Expected, seeds 0, 1, 2: auprc_joint_mean .845, .842, .839, N(0, I) .839, .828, .834, PCA with 8 components .756.
Cost: six minutes of one core for each seed.
"""

from configs.anomaly import digits


def get_config(variant=""):
    config = digits.get_config(variant)
    if not variant:
        config.anomaly.held_out = tuple(range(10))
    return config
