"""Glow (Kingma & Dhariwal 2018, arXiv 1807.03039) on SVHN, 32 x 32.

    python -m ebmjax.data.prepare svhn_cropped && python -m experiments.flow --config=configs/flow/svhn.py

CIFAR-10's Glow, for one GPU, and untried.
Expected: 2.17 bits/dim, which Gao et al. 2020 (arXiv 1912.00589) report for theirs.
Cost: a GPU's work, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.flow.common import images, smoke_images


def get_config(variant=""):
    return variant_of(images("svhn_cropped"), variant, smoke_images)
