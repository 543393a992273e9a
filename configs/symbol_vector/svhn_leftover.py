"""Symbol-vector coupling on SVHN (Pang et al. 2020, arXiv 2010.09359), with what the released script for bags of words
(Pang & Wu 2021, arXiv 2108.11556) has left over from images.

    python -m experiments.symbol_vector --config=configs/symbol_vector/svhn_leftover.py

As svhn.py, which says what is known, but for three things of that script: the plain sum of squares, which is σ = √(1/2)
here; z of 192 dimensions, because both heads of its wide residual net have as many outputs as inputs, 192; and its 100
steps of the chain and rate 1e-5 of the energy. Nothing says that the paper's figure was made so.
Expected (paper): about 92 %, with other nets; not measured here.
Cost: a GPU's work, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.symbol_vector.svhn import get_config as svhn
from configs.symbol_vector.svhn import smoke_images


def get_config(variant=""):
    config = svhn()
    config.model.sigma = 0.5**0.5
    config.model.latent_dim = 192
    config.sampler.prior.num_steps = 100
    config.optimizer.energy.learning_rate = 1e-5
    return variant_of(config, variant, smoke_images)
