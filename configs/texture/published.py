"""Textures by alternating back-propagation (Han et al. 2017, arXiv 1606.08571, Experiment 1), from your own image.

    python -m experiments.texture --config=configs/texture/published.py --config.data.name=npz:texture.npz

texture.npz holds x_train, an image uint8 [1, H, W, 3] of at least 224 x 224 pixels, and x_test, another one of the same
texture and size, which only gives the figure to compare with. The settings as we remember them, for the paper's text
could not be read: a 7 x 7 grid of one latent each, five layers of 512, 256, 128, 64 and 3 channels that double the
image to 224 x 224, sigma .3, chains of 10 steps of .1, textures of 448 x 448. Ours: kernels of 6 x 6 (5 x 5 in the
paper, which are among them), LeakyReLU without batch normalisation, two chains of one image, Adam with a rate of 1e-4.
Expected: pictures only in the paper; not measured here.
Cost: 1,000 steps on a GPU; not run.
"""

from configs.common import variant_of
from configs.texture.common import smoke, texture


def get_config(variant=""):
    config = texture("npz:texture.npz")
    config.texture.update(side=224, num_squares=2)
    config.model.latent_channels = 1
    config.model.generator.update(widths=(512, 256, 128, 64), kernel_size=6)
    config.optimizer.generator.learning_rate = 1e-4
    config.train.update(num_steps=1000, batch_size=2, steps_per_dispatch=1)
    return variant_of(config, variant, smoke_published)


def smoke_published(config):
    """The same layers on fake images of 64 x 64."""
    smoke(config)
    config.data.name = "fake:64x64x3"
