"""Glow (Kingma & Dhariwal 2018, arXiv 1807.03039) on CIFAR-10, 32 x 32.

    python -m ebmjax.data.prepare cifar10 && python -m experiments.flow --config=configs/flow/cifar10.py

Expected (paper, Table 2): 3.35 bits/dim, with Adamax, batches of 512 and shifted images. Architecture as published;
optimiser, batch size and length are ours, for one GPU, and untried: a port of the paper's code reports 3.48 with Adam,
3.39 with Adamax.
Cost: a GPU's work, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.flow.common import images, smoke_images


def get_config(variant=""):
    return variant_of(images("cifar10"), variant, smoke_images)
