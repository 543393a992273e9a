"""Convergent and non-convergent learning (Nijkamp et al. 2020, arXiv 1903.12370) of four rings: as published.

    python -m experiments.anatomy --config=configs/anatomy/rings_paper.py

The settings of the official code: as configs/anatomy/gmm_paper.py, but the non-convergent chains start from N(0, 2² I).
Expected: pictures in the paper, no figures; not measured here.
Cost: not measured; gmm_paper.py, of the same length, takes most of a day of a CPU.
"""

from configs.anatomy.common import smoke, toy
from configs.common import variant_of


def get_config(variant=""):
    return variant_of(toy("rings", scale=2.0), variant, smoke)
