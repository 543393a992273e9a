"""Text short-run inference on Penn Treebank with the settings of the released code (Pang et al. 2021, arXiv
2106.02513).

    python -m experiments.text_short_run --config=configs/text_short_run/ptb_released.py --config.data.name=lines:FILE

FILE as for ptb.py. A schedule of step sizes, .8 to .05 over 20 steps, whose noise is a fraction of Langevin dynamics':
.05 until epoch 15, then .05 more each epoch up to .2, so the chain is between gradient descent and a sampler. 60 epochs
of 1,314 steps. h_0 = Wz + b and c_0 = 0. The chain of training has the decoder's dropout; here one draw of it a chain,
there one a step. Also different: batches mix lengths. The opponents of Table 1 are trained beside it: a language model,
and variational auto-encoders whose KL is annealed, in cycles, with free bits, or with an encoder that is trained more.
Expected (paper, Table 1): perplexity 94.26, which is by chains and their Jacobians (short_run_perplexity),
reconstruction 91.14 nats, 32 active units, KL 10.13, with the chain's noise held fixed (kl_fixed_noise).
Cost: 60 epochs on a GPU, or days of a CPU; not run at full length (ptb_released_short.py is).
"""

from configs.common import paper, variant_of
from configs.text_short_run.common import RELEASED_STEP_SIZES, full_size, smoke, text_short_run


def get_config(variant=""):
    config = text_short_run("lines:data/ptb.train.txt.gz", RELEASED_STEP_SIZES)
    full_size(config, 256, 256, 60, 1314)
    config.data.max_length = 200
    config.data.vocabulary_size = 10_002
    config.sampler.chain_dropout = True
    note = "perplexity and KL by 10 chains and their Jacobians"
    figures = {"short_run_perplexity": 94.26, "reconstruction_nll": 91.14, "active_units": 32, "kl_fixed_noise": 10.13}
    paper(config, "Pang et al. 2021, table 1", protocol=note, data=("ptb",), **figures)
    return variant_of(config, variant, smoke)
