"""VERA (Grathwohl, Kelly et al. 2021, arXiv 2010.04230) beside JEM (arXiv 1912.03263) trained by chains, on 8 x 8
digits.

The paper claims that it is faster and does not diverge.

    python -m experiments.vera --config=configs/vera/against_jem.py

The same net, data, labels (10 a class, five draws), steps and batch size; the table has accuracy, seconds and the
number of draws whose training diverged for both.
Expected (seed 0): VERA .936 ± .009 in 61 seconds, JEM .906 ± .019 in 58, which is below the net that learns from labels
alone (.922 ± .021); no draw of either diverged. JEM's rate and noise are the first that were tried. At this size
neither claim is confirmed.
Cost: a minute and a half to three minutes of a CPU core.
"""

from configs.common import variant_of
from configs.vera.common import smoke
from configs.vera.digits import get_config as digits


def get_config(variant=""):
    config = digits()
    config.evaluate.arms = ("supervised", "jem")
    config.jem.optimizer.learning_rate = 1e-3
    config.jem.optimizer.schedule = "cosine"
    config.jem.data_noise = 0.3
    config.initial.bank_size = 1000
    config.initial.fresh_steps = 120  # of samples; chosen among seven by the Fréchet distance over pixels on seed 0
    config.initial.num_chains = 64  # half as many as there are examples: its chains are most of the cost
    config.train.guard.max_growth = 0.0  # a draw that diverges is counted, and the others go on
    return variant_of(config, variant, smoke)
