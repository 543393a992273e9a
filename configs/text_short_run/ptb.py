"""Text short-run inference (Pang et al. 2021, arXiv 2106.02513) on Penn Treebank, reduced for a CPU.

    python -m experiments.text_short_run --config=configs/text_short_run/ptb.py --config.data.name=lines:FILE

FILE: ptb.train.txt or .txt.gz, one sentence a line, with ptb.test.txt beside it. Published: LSTM, 32 latent dimensions,
K = 20, Adam 1e-3, clip 5; perplexity 94.26, reconstruction 91.14 nats, 32 active units, KL 10.13 (LSTM language model
100.47), not in our tables (ptb_released.py). Reduced here: 128 hidden units and embeddings of 128 for 256, 5,000 words
for 10,000, 40 words a sentence for 82 (a share of the words, and 3 % of the sentences' ends, are lost: the figures are
easier and not the published ones), dropout .2 for .5, 1,500 steps, about one epoch, for 60 epochs; the noise grows from
.1 to 1 (pydoc.py says why). The language model is reduced alike.
Expected (seeds 0, 1, 2): perplexity 168 (more than .95 of the sentences unreliable by k̂), the VAE with free bits 149 to
153, the language model 145 to 147; reconstruction 103.4 to 104.0 nats, kl_gaussian 4.2 to 4.5, kl_fixed_noise 158 to
163, 32 active units.
Cost: about an hour of a CPU core, with the two opponents and the evaluation.
"""

from configs.common import variant_of
from configs.text_short_run.common import smoke, text_short_run


def get_config(variant=""):
    config = text_short_run("lines:data/ptb.train.txt.gz")
    config.data.vocabulary_size = 5000
    config.model.decoder.update(embed_dim=128, hidden_dim=128, dropout=0.2)
    config.sampler.noise_scale.update(begin=500, increments=7, every=100)
    config.optimizer.generator.update(learning_rate=3e-3, schedule="cosine")
    config.train.update(num_steps=1500, steps_per_dispatch=5, log_every=50, checkpoint_every=250)
    config.vae.warmup_epochs = 0.25
    config.evaluate.update(max_examples=200, max_swaps=2, num_samples=4, max_short_run=40, vaes=("free_bits",))
    return variant_of(config, variant, smoke)
