"""Opponents of a latent EBM (Pang et al. 2020, arXiv 2006.08205, Table 1) on the 8 x 8 digits of scikit-learn.

    python -m experiments.sweep latent_ebm --seeds 0 1 2 -- --config=configs/latent_ebm/digits_opponents.py

The settings of digits.py at a third of its length, and beside it a VAE of the same generator, short-run inference with
one layer (the arm gaussian_trained) and with five (short_run_5), trained as long by the same optimiser. Chains of the
learned prior are run for 2,500 steps, as in the paper's figure of long chains.
Expected (seeds 0, 1, 2): frechet_pixels .28, .20, .22, gaussian_trained 1.89, 1.98, 1.94, after 2,500 steps of the
prior's chain .40, .66, .80; test_mse .014 to .016, gaussian_trained .016. short_run_5 does not learn on seed 0
(test_mse .57; then .096, .112). The VAE (frechet_pixels 13 to 32) is not tuned and has the EBM's σ = .1; with .3 and
twice the iterations it has 1.2 (configs/vae_latent_ebm/digits.py).
Cost: four minutes of a CPU core.
"""

from configs.common import variant_of
from configs.latent_ebm import digits
from configs.latent_ebm.common import smoke


def get_config(variant=""):
    config = digits.get_config()
    config.train.num_steps = 1000
    config.model.multilayer.update(latent_dims=(16, 8, 8, 8, 8), sigma=0.3)
    config.sampler.multilayer.update(num_steps=20, step_size=0.1)
    config.evaluate.opponents = ("gaussian_trained", "vae", "short_run_5")
    config.evaluate.long_chain_steps = 2500
    return variant_of(config, variant, smoke)
