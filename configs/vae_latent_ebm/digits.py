"""A VAE with an energy of x and z (Han et al. 2020, arXiv 2006.06059) on the 8 x 8 digits embedded in scikit-learn.

    python -m experiments.vae_latent_ebm

The default of the experiment. The published momenta and weights; networks, σ, rates and length are our own; σ and the
energy's rate were chosen among four on seed 0.
Expected (seed 0): frechet_features 17.8 (VAE 29.5, real test digits 4.2), frechet_pixels 2.1 (1.2, .37), test_mse .026
(.031). With its entropy cancelled, q(z | x) becomes almost a point: its KL to the prior is 110 nats, the VAE's 17.
Cost: two minutes of a CPU core, without the VAE's training.
"""

from configs import encoders
from configs.common import variant_of
from configs.vae_latent_ebm.common import smoke, vae_latent_ebm


def get_config(variant=""):
    config = vae_latent_ebm("digits")
    encoders.small(config)
    config.model.sigma = 0.3
    config.train.num_steps = 2000
    config.evaluate.foreign = ("uniform", "constant", "between")
    return variant_of(config, variant, smoke)
