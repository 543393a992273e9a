"""The divergence triangle (Han, Nijkamp et al. 2019, arXiv 1812.10907) on CelebA, 64 x 64.

    python -m ebmjax.data.prepare celeb_a
    python -m experiments.divergence_triangle --config=configs/divergence_triangle/celeba64.py

The official code is for CIFAR-10: weights and rates are those, the networks have one more layer at the widest, which is
our own choice. The paper learns from 9,000 faces of its own choice and tests on 1,000: --config.data.num_train=9000.
Expected: the paper's test error of .030 (VAE .039) is told from memory, so it is in no table; not measured here.
Cost: 1,500 epochs of 90 steps on a GPU; not run at full length.
"""

from configs.common import variant_of
from configs.divergence_triangle.common import official, smoke_images, triangle


def get_config(variant=""):
    config = triangle("celeb_a@64")
    official(config)
    config.train.num_steps = 1500 * 90
    config.evaluate.long_run_steps = 1000
    return variant_of(config, variant, smoke_images)
