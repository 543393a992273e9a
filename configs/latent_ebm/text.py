"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on the sentences of Python's own documentation.

    python -m experiments.latent_ebm --config=configs/latent_ebm/text.py

Published: Algorithm 1, whose posterior chain has the noise of Langevin dynamics (text_noise_free.py is the same without
it), the energy's width, steps and lengths of both chains. Our own: everything that makes it minutes of CPU (a GRU 128
wide, 16 latent dimensions, at most 25 words a sentence), learning rates and length. Evaluation compares forward and
reverse perplexity with those of N(0, I) through the same decoder.
Expected: none published for this text. Here, seed 0, with --config.evaluate.cross_steps=0: codes 2.4 nats from N(0, I),
mutual information .09 nats, perplexity 91.4 (a language model 89.0).
Cost: seven minutes of a CPU core, without the language models of the cross perplexities.
"""

from configs.common import each, variant_of
from configs.latent_ebm.common import latent_ebm_text, smoke_text


def get_config(variant=""):
    config = latent_ebm_text("pydoc")
    config.data.max_length = 25
    config.data.vocabulary_size = 1800
    config.model.latent_dim = 16
    config.model.decoder.update(cell="gru", embed_dim=64, hidden_dim=128, dropout=0.3)
    config.optimizer.energy.learning_rate = 1e-3
    config.optimizer.generator.learning_rate = 4e-3
    each(config.optimizer.values(), schedule="cosine")
    config.train.update(num_steps=400, steps_per_dispatch=5, log_every=20, checkpoint_every=100)
    config.evaluate.update(num_draws=20, num_proposals=50, num_samples=2, max_short_run=100, cross_steps=400)
    return variant_of(config, variant, smoke_text)
