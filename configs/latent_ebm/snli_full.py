"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on SNLI, full size.

    python -m experiments.latent_ebm --config=configs/latent_ebm/snli_full.py --config.data.name=lines:FILE

FILE: snli.train.txt, one sentence a line, with snli.test.txt beside it: 100,000 as Li et al. 2019 prepared them.
The paper's code for sentences is not released. Sizes and optimisers are those of later code for dialogues (Pang & Wu
2021, unconditional_gen: LSTM and embeddings of 512, dropout .2, z of 32, batches of 30, 50 epochs), where an encoder
infers z; here z is inferred by Algorithm 1. Forward and reverse perplexity by the settings of code that is commented
out there (conditional_gen); the paper's own are not known.
Expected (paper, Table 2): forward perplexity 27.81, reverse 31.96, NLL 28.9 (of reconstructions), real data 23.53.
Cost: 166,650 steps and the language models; for a GPU, never run at full length here.
"""

from configs.common import variant_of
from configs.latent_ebm.common import full_size_text, latent_ebm_text, smoke_text, table_2


def get_config(variant=""):
    config = latent_ebm_text("lines:data/snli.train.txt")
    full_size_text(config, 100000)
    table_2(config, forward_perplexity=27.81, reverse_perplexity=31.96, reconstruction_nll=28.9)
    return variant_of(config, variant, smoke_text)
