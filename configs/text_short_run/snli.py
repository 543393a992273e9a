"""Text short-run inference on SNLI (Pang et al. 2021, arXiv 2106.02513), full size.

    python -m experiments.text_short_run --config=configs/text_short_run/snli.py --config.data.name=lines:FILE

FILE: snli.train.txt, one sentence a line, with snli.test.txt beside it: 100,000 sentences as Li et al. 2019 prepared
them. The paper's code has a script for Penn Treebank alone. Widths are those of Li et al.'s code, whose data the paper
uses (LSTM 512 wide, embeddings of 128, dropout .5); the chain and the 60 epochs are those of the Treebank.
Expected (paper, Table 1): perplexity 21.21, reconstruction 22.24 nats, 32 active units, KL 10.02 (kl_fixed_noise);
LSTM language model 21.44.
Cost: 187,500 steps; for a GPU, never run at full length here.
"""

from configs.common import paper, variant_of
from configs.text_short_run.common import RELEASED_STEP_SIZES, full_size, smoke, text_short_run


def get_config(variant=""):
    config = text_short_run("lines:data/snli.train.txt", RELEASED_STEP_SIZES)
    full_size(config, 128, 512, 60, 3125)
    note = "perplexity and KL by chains and their Jacobians; which settings made the table is unknown"
    figures = {"short_run_perplexity": 21.21, "reconstruction_nll": 22.24, "active_units": 32, "kl_fixed_noise": 10.02}
    paper(config, "Pang et al. 2021, table 1", protocol=note, data=("snli",), **figures)
    return variant_of(config, variant, smoke)
