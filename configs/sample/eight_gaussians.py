"""Eight Gaussians on a circle (the toy of Nijkamp et al. 2020, arXiv 1903.12370), by MALA: chains that stay in their
modes.

    python -m experiments.sample --config=configs/sample/eight_gaussians.py

Expected: R-hat far above 1.1, although each mode is sampled well.
Cost: seconds on a CPU.
"""

from configs.sample.common import sample


def get_config(variant=""):
    config = sample("eight_gaussians", variant)
    config.sampler.name = "mala"
    config.sampler.target_acceptance = 0.574
    return config
