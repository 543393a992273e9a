"""Bias and variance of the entropy's gradient on probabilistic PCA of the 8 x 8 digits (Grathwohl, Kelly et al. 2021,
arXiv 2010.04230, the study of its estimator).

    python -m experiments.entropy_gradient

The default of the experiment: 64 pixels from 10 latent dimensions, and other numbers of draws than the published 20.
Expected: none published for these images. Here, seed 0: of the gradient in W importance sampling keeps .47 with 20
draws and .63 with 100, chains of 4 transitions keep .97 (the exact score on the same pairs: .98). Its bias is .20 of
the score's size with 20 draws, that of 4 transitions .01.
Cost: a minute and a half of a CPU core.
"""

from configs.common import variant_of
from configs.entropy_gradient.common import entropy_gradient, smoke


def get_config(variant=""):
    config = entropy_gradient("digits", latent_dim=10)
    config.num_samples = (2, 4, 10, 20, 50, 100)
    config.num_points = 500
    config.num_repeats = 100
    return variant_of(config, variant, smoke)
