"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on SVHN, 32 x 32, the published settings.

    python -m experiments.latent_ebm --config=configs/latent_ebm/svhn.py

Paper, Table 1: FID 29.44, test MSE .008 (VAE 46.78 / .019, short-run inference 44.86 / .018). 201 epochs of 732 steps.
Cost of a step: about 600 GFLOP; see docs/benchmarks.md for what that takes on a CPU and on a GPU.
"""

from configs.common import variant_of
from configs.latent_ebm.common import latent_ebm, smoke_images


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, on fake images of the same shape)."""
    config = latent_ebm("svhn_cropped")
    config.model.generator.name = "svhn"
    config.train.num_steps = 201 * 732
    return variant_of(config, variant, lambda c: smoke_images(c, "fake:32x32x3"))
