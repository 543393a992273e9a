"""Glow (Kingma & Dhariwal 2018, arXiv 1807.03039) on CelebA, 32 x 32.

    python -m ebmjax.data.prepare celeb_a && python -m experiments.flow --config=configs/flow/celeba32.py

CIFAR-10's Glow, for one GPU, and untried. The paper's CelebA has 256 pixels a side.
Expected: none published at this size, not measured here.
Cost: a GPU's work, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.flow.common import images, smoke_images


def get_config(variant=""):
    return variant_of(images("celeb_a@32"), variant, smoke_images)
