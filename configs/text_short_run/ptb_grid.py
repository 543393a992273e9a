"""Text short-run inference on Penn Treebank as the paper's text has it (Pang et al. 2021, arXiv 2106.02513).

    python -m experiments.text_short_run --config=configs/text_short_run/ptb_grid.py --config.data.name=lines:FILE

FILE as for ptb.py. As ptb_released.py, but for the chain: one step size for its 20 steps, with the noise of Langevin
dynamics, chosen from a grid in training by the published bound (fixed_noise). The paper states neither the grid nor how
often it searches: both are ours. Full noise from the first step may leave z unused (pydoc.py).
Expected (paper, Table 1): the figures of ptb_released.py; which of the two chains made them is unknown.
Cost: 60 epochs on a GPU, or days of a CPU; never run at full length here.
"""

from configs.common import variant_of
from configs.text_short_run.common import full_size, smoke, text_short_run


def get_config(variant=""):
    config = text_short_run("lines:data/ptb.train.txt.gz", 0.3)
    full_size(config, 256, 256, 60, 1314)
    config.data.max_length = 200
    config.data.vocabulary_size = 10_002
    config.sampler.noise_scale.update(start=1.0, end=1.0)
    config.search.every = 500
    return variant_of(config, variant, smoke)
