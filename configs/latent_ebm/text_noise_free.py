"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on Python's documentation, its posterior chain without noise.

    python -m experiments.latent_ebm --config=configs/latent_ebm/text_noise_free.py

As text.py, but z is where gradient descent from N(0, I) ends: the code of a sentence, and no sample of its posterior as
Algorithm 1 has it. The later code (Pang & Wu 2021, unconditional_gen) has such a chain, to report figures only.
Expected: none published. Here, seed 0, with --config.evaluate.cross_steps=0: codes 19 nats from N(0, I), mutual
information .30 nats, perplexity 216, unreliable (text.py: 2.4, .09, 91.4).
Cost: six minutes of a CPU core, without the language models of the cross perplexities.
"""

from configs.common import variant_of
from configs.latent_ebm import text
from configs.latent_ebm.common import smoke_text


def get_config(variant=""):
    config = text.get_config()
    config.sampler.posterior.noise_scale = 0.0
    return variant_of(config, variant, smoke_text)
