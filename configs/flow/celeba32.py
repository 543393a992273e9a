"""Glow (Kingma & Dhariwal 2018, arXiv 1807.03039) on CelebA, 32 x 32.

    python -m ebmjax.data.prepare celeb_a && python -m experiments.flow --config=configs/flow/celeba32.py

CIFAR-10's Glow, for one GPU, and untried. The paper's CelebA is of 256 pixels.
Expected: none published at this size, not measured here.
Cost: a GPU's work, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.flow.common import images, smoke_images


def get_config(variant=""):
    config = images("celeb_a@32")
    config.train.num_steps = 200_000
    return variant_of(config, variant, smoke_images)
