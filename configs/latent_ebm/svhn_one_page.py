"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on SVHN, 32 x 32: the one-page code of the paper's supplement.

    python -m experiments.latent_ebm --config=configs/latent_ebm/svhn_one_page.py

What differs from the released script (svhn.py), by the copies of that page in other people's code: an energy with
LeakyReLU .2, K1 = 40, constant rates, 70,000 iterations. Which of the two made the paper's table is unknown.
Expected (paper, Table 1): FID 29.44, test MSE .008 (VAE 46.78 / .019, short-run inference 44.86 / .018).
Cost: 70,000 steps on a GPU, each nearly twice as long as one of svhn.py; not run.
"""

from configs.common import variant_of
from configs.latent_ebm.common import one_page, smoke_images
from configs.latent_ebm.svhn import get_config as released


def get_config(variant=""):
    config = released()
    one_page(config)
    return variant_of(config, variant, smoke_images)
