"""The divergence triangle (Han, Nijkamp et al. 2019, arXiv 1812.10907) on SVHN, 32 x 32, as the official code's
CIFAR-10.

    python -m ebmjax.data.prepare svhn_cropped
    python -m experiments.divergence_triangle --config=configs/divergence_triangle/svhn.py

Expected: none published, not measured here.
Cost: 200 epochs of 732 steps on a GPU; not run at full length.
"""

from configs.common import variant_of
from configs.divergence_triangle.common import official, smoke_images, triangle


def get_config(variant=""):
    config = triangle("svhn_cropped")
    official(config)
    config.train.num_steps = 200 * 732
    config.evaluate.long_run_steps = 1000
    return variant_of(config, variant, smoke_images)
