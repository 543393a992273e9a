"""Bias and variance of the entropy's gradient on probabilistic PCA of MNIST (Grathwohl, Kelly et al. 2021, arXiv
2010.04230, the study of its estimator): 784 pixels from 100 latent dimensions, 20 draws, as published.

    python -m experiments.entropy_gradient --config=configs/entropy_gradient/mnist.py

Published: data in [-1, 1], 500 steps of the scale at .01, 200 pairs, 200 repetitions, chains of 20 transitions of which
10 count. The official code gives the generator's σ the value of the noise's variance; here it is its root.
Expected: the paper's figures are not known to us.
Cost: minutes of a CPU core.
"""

from configs.common import variant_of
from configs.entropy_gradient.common import entropy_gradient, smoke


def get_config(variant=""):
    return variant_of(entropy_gradient("mnist", latent_dim=100), variant, smoke)
