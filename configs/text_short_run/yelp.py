"""Text short-run inference on short reviews, whose latent vectors are then classified (arXiv 2106.02513).

    python -m experiments.text_short_run --config=configs/text_short_run/yelp.py --config.data.name=lines:FILE \
        --workdir=runs/yelp
    python -m experiments.text_classification --config.workdir=runs/yelp

FILE: lines `label TAB sentence`, the name with "train" in it and the test part beside it (Yelp, Shen et al. 2017).
Published: LSTM 512 wide, embeddings of 128, K = 40 noise-free steps of .4, 12 epochs. Reduced here for half an hour of
one CPU core: 128 hidden units, K = 20 steps whose noise grows to that of Langevin dynamics, 6 epochs of 10,000
sentences.
"""

from configs.common import variant_of
from configs.text_short_run.common import smoke, text_short_run


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = text_short_run("lines:data/yelp.train.txt.gz")
    config.data.max_length = 16
    config.data.vocabulary_size = 5000
    config.model.decoder.embed_dim = config.model.decoder.hidden_dim = 128
    config.model.decoder.dropout = 0.2
    config.sampler.noise_scale.begin = 600
    config.sampler.noise_scale.increments = 9
    config.sampler.noise_scale.every = 100
    config.optimizer.generator.learning_rate = 3e-3
    config.optimizer.generator.schedule = "cosine"
    config.train.num_steps = 6 * 312
    config.train.steps_per_dispatch = 4
    config.train.log_every = 48
    config.train.checkpoint_every = 312
    return variant_of(config, variant, smoke)
