"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on the 8 x 8 digits embedded in scikit-learn.

    python -m experiments.latent_ebm

The default of the experiment. Published: the energy's width and the prior chain (60 steps of .4). Our own: MLPs instead
of deconvolutions, latent size 16, σ = .1, learning rates and length, for minutes of CPU instead of days of GPU. Our
settings were chosen among ten on seed 0, by the figures below.
Expected (seed 0): test_mse .0127 (PCA with 16 components .0461), frechet_pixels .136 (real test digits .367), most
samples legible. A generator with N(0, I) is trained as long, and compared; more opponents: digits_opponents.py.
Cost: three and a half minutes of a CPU core.
"""

from configs.common import each, variant_of
from configs.latent_ebm.common import latent_ebm, smoke


def get_config(variant=""):
    config = latent_ebm("digits")
    config.model.latent_dim = 16
    config.model.sigma = 0.1
    config.model.energy.init = "he"
    each(config.optimizer.values(), learning_rate=1e-3, b1=0.9, schedule="cosine")
    config.train.update(num_steps=3000, batch_size=128, steps_per_dispatch=50, log_every=50, checkpoint_every=500)
    config.evaluate.opponents = ("gaussian_trained",)
    return variant_of(config, variant, smoke)
