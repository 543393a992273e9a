"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on Penn Treebank, reduced for a CPU.

    python -m experiments.latent_ebm --config=configs/latent_ebm/ptb.py --config.data.name=lines:FILE

FILE: ptb.train.txt or .txt.gz, one sentence a line, with ptb.test.txt beside it.
Expected (paper, Table 2): forward perplexity 107.45, reverse 181.54, NLL 91.35, which is of reconstructions; real data
100.36. Not in our tables: this vocabulary is smaller, and the language models behind the perplexities have the size of
the decoder, because the published ones (ptb_full.py) need hours of a CPU. Not measured here. Reduced from ptb_full.py:
128 hidden units and embeddings of 128 for 512, 5,000 words for 10,000, 1,200 steps: less than one epoch.
Cost: forty minutes of one CPU core.
"""

from configs.common import each, variant_of
from configs.latent_ebm.common import latent_ebm_text, smoke_text


def get_config(variant=""):
    config = latent_ebm_text("lines:data/ptb.train.txt.gz")
    config.data.vocabulary_size = 5000
    config.model.decoder.embed_dim = config.model.decoder.hidden_dim = 128
    config.optimizer.generator.learning_rate = 3e-3
    each(config.optimizer.values(), schedule="cosine")
    config.train.update(num_steps=1200, steps_per_dispatch=5, log_every=50, checkpoint_every=200)
    config.evaluate.max_examples = 400
    config.evaluate.max_generated = 10_000
    return variant_of(config, variant, smoke_text)
