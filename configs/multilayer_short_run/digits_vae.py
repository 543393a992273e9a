"""Multi-layer short-run inference (Nijkamp et al. 2020, arXiv 1912.01909) beside VAEs on scikit-learn's 8 x 8 digits.

    python -m experiments.multilayer_short_run --config=configs/multilayer_short_run/digits_vae.py

Settings of configs/multilayer_short_run/digits.py. The VAE and the ladder VAE (Sønderby et al. 2016, arXiv 1602.02282)
have the same generator and number of iterations.
Expected: to be measured.
Cost: to be measured.
"""

from configs.common import variant_of
from configs.multilayer_short_run import digits
from configs.multilayer_short_run.common import smoke


def get_config(variant=""):
    config = digits.get_config()
    for optimizer in (config.optimizer.generator, config.vae.optimizer):
        optimizer.update(learning_rate=3e-3, b1=0.9, schedule="cosine")
    config.evaluate.update(fixed_noise_baseline=False, retrained_baselines=False, other_start=0.0, step_sizes=())
    config.evaluate.update(vae_baseline=True, ladder_vae_baseline=True)
    return variant_of(config, variant, smoke)
