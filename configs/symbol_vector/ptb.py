"""Symbol-vector coupling on sequences of words: the Penn Treebank of Pang & Wu 2021, arXiv 2108.11556.

    python -m experiments.symbol_vector --config=configs/symbol_vector/ptb.py --config.data.name=lines:FILE

FILE: one sentence a line, "train" in its name, its test part beside it. Settings are those of the published code: GRUs
of 512 and a softmax tied to the embeddings (6.78 million parameters of the decoder), latent size 40, 20 symbols, ten
cycles of the KL's weight up to .5, one free nat a dimension, mutual information 50, dropout .3 in the decoder, one clip
of .5 for decoder and encoder together, 60 epochs, all parameters from U(±.1). Different: where the KL's weight is 0, z
is μ(x), as that code intends, but does not do; its encoder reads the padding too; a second bias of its GRUs' gates is
left out. nll is importance-sampled from the encoder by 500 draws as there, but by a right estimator, with log Z by
annealing. A smaller model: ptb_small.py.
Expected (paper, with and without the mutual information): reverse perplexity 177.6 and 180.7, BLEU 9.47 and 9.54, KL of
words .16 and .17, 94.7 and 95.0 nats a sentence. Not in our tables: the nats are by an estimator that is wrong in its
released form; the language model of the reverse perplexity and the direction of the KL of words are not released.
Cost: 84,120 steps; not run at full length.
"""

from configs.common import variant_of
from configs.symbol_vector.common import symbol_vector, text
from configs.symbol_vector.sequence import smoke
from configs.text_short_run.common import decoder


def get_config(variant=""):
    config = symbol_vector("lines:FILE")
    text(config, decoder("gru", 512, 0.3))
    config.train.num_steps = 84_120  # 60 epochs of 42,068 sentences
    config.train.update(log_every=100, checkpoint_every=7000)
    config.evaluate.update(max_examples=3761, num_samples=500, cross_steps=10_000, max_generated=46_000)
    return variant_of(config, variant, smoke)
