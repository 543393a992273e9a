"""The divergence triangle (Han, Nijkamp et al. 2019, arXiv 1812.10907) on CIFAR-10, 32 x 32: networks, weights and
rates of the official code.

    python -m ebmjax.data.prepare cifar10
    python -m experiments.divergence_triangle --config=configs/divergence_triangle/cifar10.py

The objective itself instead of the code's weights: --config.model.kl_weight=1.0 --config.model.latent_weight=1.0
--config.model.noisy_samples=True.
Expected (paper): test_mse .028 (VAE .037; number of test images and scale not stated), IS 7.23; FID 30.10, as later
papers quote it, is not in our tables: its protocol is not stated.
Cost: 1,500 epochs of 500 steps on a GPU; not run at full length.
"""

from configs.common import paper, variant_of
from configs.divergence_triangle.common import official, smoke_images, triangle


def get_config(variant=""):
    config = triangle("cifar10")
    official(config)
    config.train.num_steps = 1500 * 500
    config.evaluate.long_run_steps = 1000
    note = "number of test images and scale not stated"
    paper(config, "Han et al. 2019", protocol=note, data=("cifar10",), test_mse=0.028)
    return variant_of(config, variant, smoke_images)
