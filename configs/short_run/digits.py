"""Short-run MCMC (Nijkamp et al. 2019, arXiv 1904.09770) on the 8 x 8 digits embedded in scikit-learn.

    python -m experiments.short_run

The default of the experiment; a perceptron, K = 40, rates and length are ours.
Expected: none published for these images. Here, seeds 0, 1, 2: frechet_features 3.3, 3.1, 2.7 (real test digits 4.2,
4.3, 3.8), frechet_pixels .22, .22, .21 (.37).
Cost: four minutes of a CPU core.
"""

from configs.common import variant_of
from configs.short_run.common import short_run, smoke


def get_config(variant=""):
    config = short_run("digits")
    config.model.energy.update(name="mlp", activation="silu")
    config.sampler.chain.num_steps = 40
    config.optimizer.energy.update(learning_rate=5e-3, schedule="cosine")
    config.train.update(
        num_steps=4000, batch_size=128, steps_per_dispatch=50, log_every=50, checkpoint_every=1000, ema_decay=0.995
    )
    return variant_of(config, variant, smoke)
