"""Multi-layer short-run inference (Nijkamp et al. 2020, arXiv 1912.01909) on the 8 x 8 digits of scikit-learn.

    python -m experiments.multilayer_short_run

The default of the experiment; perceptrons, sizes and length are ours.
Expected: none published for these images. Here, seeds 0, 1: reconstruction_mse .036, .039 with the learned step .087,
.086; the published objective's step .055, .094; a third of the step .17, three times .16.
Cost: three minutes of a CPU core.
"""

from configs.common import variant_of
from configs.multilayer_short_run.common import multilayer_short_run, smoke


def get_config(variant=""):
    config = multilayer_short_run("digits")
    config.model.latent_dims = (16, 8)
    config.sampler.posterior.num_steps = 20
    config.sampler.posterior.step_size = 0.03  # a third of the learned one; evaluate.other_start is three times it
    config.search.update(every=20, grid=(), num_examples=8, num_chains=32, num_fixed_noise_chains=2)
    config.optimizer.log_step_size.update(learning_rate=0.2, schedule="cosine")
    config.optimizer.generator.update(learning_rate=1e-3, b1=0.9, schedule="cosine")
    config.train.update(num_steps=1500, batch_size=128, steps_per_dispatch=50, log_every=50, checkpoint_every=500)
    config.evaluate.num_divergence_examples = 16
    config.evaluate.step_sizes = tuple(0.02 * 1.15**i for i in range(23))  # to .43
    config.evaluate.update(fixed_noise_baseline=True, retrained_baselines=True, other_start=0.3)
    return variant_of(config, variant, smoke)
