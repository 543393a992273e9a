"""Multi-layer short-run inference (Nijkamp et al. 2020, arXiv 1912.01909) beside VAEs on scikit-learn's 8 x 8 digits.

    python -m experiments.multilayer_short_run --config=configs/multilayer_short_run/digits_vae.py

Settings of configs/multilayer_short_run/digits.py, but for the rate. The VAE and the ladder VAE (Sønderby et al. 2016,
arXiv 1602.02282) have the same generator and number of iterations. All were tuned on seed 0: the rate of each (3e-4 to
1e-2), and of the VAEs also b1 (.5 and .9; with .9 most diverge), the clip of gradients and the warming up of the KL.
Expected: none published for these images. Here, seeds 0 to 2: reconstruction_mse .035 to .039 (one sample), VAE .021,
ladder VAE .020 to .021 (their means); frechet_features 24 to 27, VAE 24 to 31, ladder VAE 10 to 13.
Cost: two and a half minutes of a busy CPU core.
"""

from configs.common import variant_of
from configs.multilayer_short_run import digits
from configs.multilayer_short_run.common import smoke


def get_config(variant=""):
    config = digits.get_config()
    config.optimizer.generator.update(learning_rate=3e-3)
    config.vae.optimizer.update(learning_rate=3e-3, schedule="cosine", clip_norm=100.0)
    config.evaluate.update(fixed_noise_baseline=False, retrained_baselines=False, other_start=0.0, step_sizes=())
    config.evaluate.update(vae_baseline=True, ladder_vae_baseline=True)
    return variant_of(config, variant, smoke)
