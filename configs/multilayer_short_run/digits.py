"""Multi-layer short-run inference (Nijkamp et al. 2020, arXiv 1912.01909) on the 8 x 8 digits of scikit-learn.

python -m experiments.multilayer_short_run
"""

from configs.common import variant_of
from configs.multilayer_short_run.common import multilayer_short_run, smoke


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = multilayer_short_run("digits")
    config.model.latent_dims = (16, 8)
    config.sampler.posterior.num_steps = 20
    config.sampler.posterior.step_size = 0.1
    config.search.every = 250
    config.search.grid = (0.02, 0.03, 0.045, 0.06, 0.08, 0.1, 0.125, 0.15, 0.18, 0.22)
    config.search.num_examples = 16
    config.search.num_chains = 64
    config.search.num_fixed_noise_chains = 2
    config.evaluate.num_divergence_examples = 16
    config.optimizer.generator.learning_rate = 1e-3
    config.optimizer.generator.b1 = 0.9
    config.optimizer.generator.schedule = "cosine"
    config.train.num_steps = 2000
    config.train.steps_per_dispatch = 50
    config.train.checkpoint_every = 500
    config.train.log_every = 50
    config.train.batch_size = 128
    config.evaluate.fixed_noise_baseline = True
    config.evaluate.step_sizes = (0.02, 0.03, 0.045, 0.06, 0.08, 0.1, 0.125, 0.15, 0.18, 0.22, 0.3, 0.45)
    return variant_of(config, variant, smoke)
