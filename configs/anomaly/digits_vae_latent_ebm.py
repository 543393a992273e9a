"""Anomaly detection by an energy of x and z (Han et al. 2020, arXiv 2006.06059) on digits.

    python -m experiments.anomaly --config=configs/anomaly/digits_vae_latent_ebm.py

Trained as in configs/vae_latent_ebm/digits.py, once for every class that is held out, with the VAE beside it.
Expected: none published for these images. Here, seed 0: auprc_joint_energy_mean .722, below the VAE's .891.
Cost: three minutes of a CPU core.
"""

from configs.anomaly import common
from configs.vae_latent_ebm import digits


def get_config(variant=""):
    config = common.anomaly(digits.get_config(variant), common.OF_PAIRS)
    if variant:
        common.smoke(config)
    return config
