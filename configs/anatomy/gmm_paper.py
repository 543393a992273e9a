"""Convergent and non-convergent learning (Nijkamp et al. 2020, arXiv 1903.12370) of eight Gaussians: as published.

    python -m experiments.anatomy --config=configs/anatomy/gmm_paper.py

The settings of the official code: SGD with rate .1, 500 steps a chain from a bank of 10,000, 200,000 iterations; the
non-convergent run has Adam with 1e-4 and 100 steps from N(0, I), here for as many iterations (there 100,000).
Expected: pictures in the paper, no figures. Here, after 60,000 of the 200,000 iterations, seed 0: kl_true_model .11,
long_run_sd_ratio 1.03; of the non-convergent run 12.7 and .50.
Cost: three hours of a CPU for these 60,000; not run at full length.
"""

from configs.anatomy.common import smoke, toy
from configs.common import variant_of


def get_config(variant=""):
    return variant_of(toy("gmm", scale=1.0), variant, smoke)
