"""Text short-run inference on short reviews, whose latent vectors are then classified (Pang et al. 2021, arXiv
2106.02513).

    python -m experiments.text_short_run --config=configs/text_short_run/yelp.py --config.data.name=lines:FILE \
        --workdir=runs/yelp
    python -m experiments.text_classification --config.workdir=runs/yelp

FILE: lines `label TAB sentence`, the name with "train" in it and the test part beside it (Yelp, Shen et al. 2017).
Published: LSTM 512 wide, embeddings of 128, K = 40 noise-free steps of .4, 12 epochs. Reduced here: 128 hidden units, K
= 20 steps whose noise grows to that of Langevin dynamics, 6 epochs of 10,000 sentences.
Expected: none published for the model itself. Here, seed 0, 300 test sentences: perplexity 71.2 (unreliable by k̂ for
.96 of them), the language model 62.2.
Cost: 22 minutes of a CPU core.
"""

from configs.common import variant_of
from configs.text_short_run.common import smoke, text_short_run


def get_config(variant=""):
    config = text_short_run("lines:data/yelp.train.txt.gz")
    config.data.max_length = 16
    config.data.vocabulary_size = 5000
    config.model.decoder.update(embed_dim=128, hidden_dim=128, dropout=0.2)
    config.sampler.noise_scale.update(begin=600, increments=9, every=100)
    config.optimizer.generator.update(learning_rate=3e-3, schedule="cosine")
    config.train.update(num_steps=6 * 312, steps_per_dispatch=4, log_every=48, checkpoint_every=312)
    return variant_of(config, variant, smoke)
