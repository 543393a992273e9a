"""Short-run MCMC (Nijkamp et al. 2019, arXiv 1904.09770) on CelebA, 64 x 64.

    python -m experiments.short_run --config=configs/short_run/celeba64.py

Expected (paper, Table 1): FID 23.02 on 40,000 training images, reconstruction MSE .0387; by protocols that are not
released, so they are not in our tables. No CelebA code was released: the settings are those for CIFAR-10, and our own
is one more convolution of stride 2. The images here are TFDS's whole training split, cropped to a square and resized.
Needs about 2 GB of device memory for the images.
Cost: 100,000 steps of 100 gradients for 64 images on a GPU; not run at full length.
"""

from configs.common import variant_of
from configs.short_run.common import short_run, smoke_images


def get_config(variant=""):
    return variant_of(short_run("celeb_a@64"), variant, smoke_images)
