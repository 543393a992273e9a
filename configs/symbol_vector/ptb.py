"""Symbol-vector coupling on sequences of words: the Penn Treebank of Pang & Wu 2021, arXiv 2108.11556.

    python -m experiments.symbol_vector --config=configs/symbol_vector/ptb.py --config.data.name=lines:FILE

FILE: one sentence a line, "train" in its name, its test part beside it. Settings are those of the published code: GRUs
of 512, latent size 40, 20 symbols, ten cycles of the KL's weight up to .5, one free nat a dimension, mutual information
50, dropout .3 in the decoder. Different: the encoder has no dropout (.3 there); encoder and energy start from PyTorch's
range of weights (U(±.1) there); 40 epochs (60 there); where the KL's weight is 0, z is μ(x), as that code intends, but
does not do.
Expected (paper): 94.7 nats a sentence, by an estimator that is wrong in its released form; evaluate.num_samples gives
an importance-sampled one, whose log Z has an error too (configs/symbol_vector/common.py).
Cost: 56,000 steps; not run at full length.
"""

from configs.common import variant_of
from configs.symbol_vector.common import symbol_vector, text
from configs.symbol_vector.sequence import smoke
from configs.text_short_run.common import decoder


def get_config(variant=""):
    config = symbol_vector("lines:FILE")
    text(config, decoder("gru", 512, 0.3))
    config.train.num_steps = 56_000  # 40 epochs
    config.train.update(log_every=100, checkpoint_every=7000)
    return variant_of(config, variant, smoke)
