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
    config.sampler.posterior.step_size = 0.03  # a third of what is learned; evaluate.other_start is three times it
    config.search.every = 20
    config.search.grid = ()
    config.search.num_examples = 8
    config.search.num_chains = 32
    config.search.num_fixed_noise_chains = 2
    config.optimizer.log_step_size.learning_rate = 0.2
    config.optimizer.log_step_size.schedule = "cosine"
    config.optimizer.generator.learning_rate = 1e-3
    config.optimizer.generator.b1 = 0.9
    config.optimizer.generator.schedule = "cosine"
    config.train.num_steps = 1500
    config.train.steps_per_dispatch = 50
    config.train.checkpoint_every = 500
    config.train.log_every = 50
    config.train.batch_size = 128
    config.evaluate.num_divergence_examples = 16
    config.evaluate.step_sizes = tuple(0.02 * 1.15**i for i in range(23))  # to .43
    config.evaluate.fixed_noise_baseline = True
    config.evaluate.retrained_baselines = True
    config.evaluate.other_start = 0.3
    return variant_of(config, variant, smoke)
