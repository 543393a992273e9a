"""Text short-run inference on Penn Treebank with the chain of the released code, reduced for a CPU (Pang et al. 2021,
arXiv 2106.02513).

    python -m experiments.text_short_run --config=configs/text_short_run/ptb_released_short.py \\
        --config.data.name=lines:FILE

FILE as for ptb.py. As ptb_released.py: the chain, the rise of its noise after a quarter of the training, the rate, the
dropout. Reduced: 128 hidden units and embeddings of 128 for 256, 5,000 words for 10,000, 40 words a sentence for 200,
800 steps, .6 epochs, for 60 epochs. The KL's weight of the variational auto-encoder rises for a fifth of the training.
Expected: not in our tables: perplexity 94.26 and the published estimate of the KL 10.13 are of the full training.
Cost: half an hour of a CPU core.
"""

from configs.common import variant_of
from configs.text_short_run.common import RELEASED_STEP_SIZES, smoke, text_short_run


def get_config(variant=""):
    config = text_short_run("lines:data/ptb.train.txt.gz", RELEASED_STEP_SIZES)
    config.data.vocabulary_size = 5000
    config.model.decoder.update(embed_dim=128, hidden_dim=128, initial="hidden")
    config.sampler.noise_scale.update(start=0.05, end=0.2, begin=200, increments=3, every=13)
    config.train.update(num_steps=800, steps_per_dispatch=5, log_every=50, checkpoint_every=200)
    config.vae.warmup_epochs = 0.12
    config.evaluate.update(max_examples=200, num_draws=40, num_samples=4, max_short_run=30, vaes=("free_bits",))
    return variant_of(config, variant, smoke)
