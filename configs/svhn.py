"""Latent EBM prior on SVHN: the README's example, the same as configs/latent_ebm/svhn.py.

python -m experiments.latent_ebm --config=configs/svhn.py
"""

from configs.latent_ebm.svhn import get_config

__all__ = ["get_config"]
