"""Alternating back-propagation (Han et al. 2017, arXiv 1606.08571) on the 8 x 8 digits embedded in scikit-learn.

    python -m experiments.abp

The default of the experiment. All settings are ours.
Expected (seed 0): test_mse .0156, .0127 by short runs from noise instead of stored chains; frechet_pixels 1.50 and
1.69.
Cost: under three minutes of a CPU core.
"""

from configs.abp.common import abp, smoke
from configs.common import variant_of


def get_config(variant=""):
    config = abp("digits")
    config.model.latent_dim = 16
    config.model.sigma = 0.1
    config.optimizer.generator.update(learning_rate=1e-3, b1=0.9, schedule="cosine")
    config.train.update(num_steps=3000, batch_size=128, steps_per_dispatch=50, log_every=50, checkpoint_every=500)
    config.evaluate.short_run_baseline = True
    return variant_of(config, variant, smoke)
