"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on SVHN: the README's example.

    python -m experiments.latent_ebm --config=configs/svhn.py

The same as configs/latent_ebm/svhn.py, which has the details.
Expected (paper, Table 1): FID 29.44, test MSE .008.
Cost: 201 epochs of 732 steps on a GPU; not run at full length.
"""

from configs.latent_ebm.svhn import get_config

__all__ = ["get_config"]
