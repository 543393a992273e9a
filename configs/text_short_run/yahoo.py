"""Text short-run inference on Yahoo answers (Pang et al. 2021, arXiv 2106.02513), full size.

    python -m experiments.text_short_run --config=configs/text_short_run/yahoo.py --config.data.name=lines:FILE

FILE: yahoo.train.txt, one answer a line, with yahoo.test.txt beside it: 100,000 answers as Yang et al. 2017 prepared
them. The paper's code has a script for Penn Treebank alone. Widths are those of the code of He et al. 2019 and Li et
al. 2019, which have these data (LSTM 1,024 wide, embeddings of 512, dropout .5); 20,000 words, from memory. The chain
and the 60 epochs are those of the Treebank.
Expected (paper, Table 1): perplexity 57.05, reconstruction 311.23 nats, 32 active units, KL 16.19 (kl_fixed_noise);
LSTM language model 60.75.
Cost: 187,500 steps; for a GPU, never run at full length here.
"""

from configs.common import paper, variant_of
from configs.text_short_run.common import RELEASED_STEP_SIZES, full_size, smoke, text_short_run


def get_config(variant=""):
    config = text_short_run("lines:data/yahoo.train.txt", RELEASED_STEP_SIZES)
    full_size(config, 512, 1024, 60, 3125)
    config.data.max_length = 200
    config.data.vocabulary_size = 20_000
    note = "perplexity and KL by chains and their Jacobians; which settings made the table is unknown"
    figures = {"short_run_perplexity": 57.05, "reconstruction_nll": 311.23, "active_units": 32}
    paper(config, "Pang et al. 2021, table 1", protocol=note, data=("yahoo",), **figures, kl_fixed_noise=16.19)
    return variant_of(config, variant, smoke)
