"""Strongly oscillating learning (Nijkamp et al. 2020, arXiv 1903.12370) on CIFAR-10: as published.

    python -m experiments.anatomy --config=configs/anatomy/cifar10_oscillating.py

The settings of the official code: "vanilla" net, 500 steps with ε = .01 from a bank of one chain per image, Adam with
1e-4, data noise .03. Adam keeps d_s swinging: its autocorrelation at short lags is negative (learning.png), and long
chains from data oversaturate although the chains of training are persistent.
Expected: no figure is published, and none was measured here.
Cost: 50 million chain steps, each for 100 images: a GPU and patience; not run at full length.
"""

from configs.anatomy.common import anatomy, initial, sampler, smoke_images
from configs.common import variant_of


def get_config(variant=""):
    config = anatomy("cifar10")
    config.sampler = sampler(500, 0.01)
    config.initial = initial("bank")
    return variant_of(config, variant, smoke_images)
