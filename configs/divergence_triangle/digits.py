"""The divergence triangle (Han, Nijkamp et al. 2019, arXiv 1812.10907) on the 8 x 8 digits embedded in scikit-learn.

    python -m experiments.divergence_triangle

The default of the experiment: the objective with all weights 1, but with g(z) instead of samples with noise, which the
energy would tell from the data by their noise alone. Networks, σ, rates and length are our own, chosen on seed 0.
Expected (seeds 0, 1, 2): frechet_features 6.8, 8.1, 6.9 (VAE 29.7, 28.6, 29.3; real test digits 4.2), frechet_pixels
.57, .60, .52 (1.2; .37), test_mse .033, .035, .035 (.031, .030, .030). Nothing bounds the energy: chains of 10,000
steps leave the data for energies hundreds of nats lower.
Cost: three minutes of a CPU core, without the VAE's training.
"""

from configs import encoders
from configs.common import variant_of
from configs.divergence_triangle.common import smoke, triangle


def get_config(variant=""):
    config = triangle("digits")
    encoders.small(config)
    config.model.sigma = 0.3
    config.model.noisy_samples = False
    config.model.energy.activation = "gelu"
    config.optimizer.energy.learning_rate = 3e-4
    config.train.num_steps = 2000
    return variant_of(config, variant, smoke)
