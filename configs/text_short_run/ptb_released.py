"""Text short-run inference on Penn Treebank with the settings of the released code (arXiv 2106.02513).

    python -m experiments.text_short_run --config=configs/text_short_run/ptb_released.py --config.data.name=lines:FILE

FILE as for ptb.py. A schedule of step sizes, .8 to .05 over 20 steps, whose noise is a fraction of Langevin dynamics':
.05 until epoch 15, then .05 more each epoch up to .2, so the chain is between gradient descent and a sampler. 60 epochs
of 1,314 steps. Differs from the code: batches mix lengths, and the chain runs without dropout. Needs a GPU, or days.
"""

from configs.common import variant_of
from configs.text_short_run.common import RELEASED_STEP_SIZES, smoke, text_short_run


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = text_short_run("lines:data/ptb.train.txt.gz", RELEASED_STEP_SIZES)
    config.data.max_length = 200
    config.data.vocabulary_size = 10_002
    config.sampler.noise_scale.start = 0.05
    config.sampler.noise_scale.end = 0.2
    config.sampler.noise_scale.begin = 15 * 1314
    config.sampler.noise_scale.increments = 3
    config.sampler.noise_scale.every = 1314
    config.train.num_steps = 60 * 1314
    config.train.steps_per_dispatch = 5
    config.evaluate.max_examples = 10_000
    config.evaluate.num_samples = 10  # M
    return variant_of(config, variant, smoke)
