"""Short-run MCMC (Nijkamp et al. 2019, arXiv 1904.09770) on CIFAR-10: the settings of the official script.

    python -m experiments.short_run --config=configs/short_run/cifar10.py

Paper, Table 1: IS 6.21, FID 44.50 with n_f = 128 on 40,000 training images; the script's n_f is 64
(`--config.model.energy.width=128`). The images here are TFDS's whole training split.
"""

from configs.common import variant_of
from configs.short_run.common import short_run, smoke_images


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, on fake images of the same shape)."""
    return variant_of(short_run("cifar10"), variant, lambda c: smoke_images(c, "fake:32x32x3"))
