"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on Penn Treebank, full size.

    python -m experiments.latent_ebm --config=configs/latent_ebm/ptb_full.py --config.data.name=lines:FILE

FILE: ptb.train.txt or .txt.gz, one sentence a line, with ptb.test.txt beside it.
The paper's code for sentences is not released. Sizes and optimisers are those of later code for dialogues (Pang & Wu
2021, unconditional_gen: LSTM and embeddings of 512, dropout .2, z of 32, batches of 30, 50 epochs), where an encoder
infers z; here z is inferred by Algorithm 1. Forward and reverse perplexity by the settings of code that is commented
out there (conditional_gen); the paper's own are not known.
Expected (paper, Table 2): forward perplexity 107.45, reverse 181.54, NLL 91.35 (of reconstructions), real data 100.36.
Cost: 70,100 steps and the language models; for a GPU, never run at full length here.
"""

from configs.common import variant_of
from configs.latent_ebm.common import full_size_text, latent_ebm_text, smoke_text, table_2


def get_config(variant=""):
    config = latent_ebm_text("lines:data/ptb.train.txt.gz")
    full_size_text(config, 42068)
    table_2(config, forward_perplexity=107.45, reverse_perplexity=181.54, reconstruction_nll=91.35)
    return variant_of(config, variant, smoke_text)
