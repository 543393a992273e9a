"""Short-run MCMC (Nijkamp et al. 2019, arXiv 1904.09770) on CIFAR-10: the settings of the official script.

    python -m experiments.short_run --config=configs/short_run/cifar10.py

Expected (paper): FID 46.61, IS 5.49 with n_f = 64, as here and in the script; Table 1's 44.50 and 6.21 are of n_f = 128
(`--config.model.energy.width=128`). Both on 40,000 training images and by another FID than the protocols here, so
not in our tables. The images here are TFDS's whole training split.
Cost: 100,000 steps of 100 gradients for 64 images on a GPU; not run at full length.
"""

from configs.common import variant_of
from configs.short_run.common import short_run, smoke_images


def get_config(variant=""):
    return variant_of(short_run("cifar10"), variant, smoke_images)
