"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on SNLI sentences, reduced for a CPU.

    python -m experiments.latent_ebm --config=configs/latent_ebm/snli.py --config.data.name=lines:FILE

FILE: one sentence a line, in lower case, blanks around punctuation. The paper's figures (Table 2, 100,000 sentences as
Li et al. 2019 prepared them), forward perplexity 27.81, reverse 31.96, NLL 28.90, which is of reconstructions, real
data 23.53, are not in our tables: data, vocabulary and the language models behind perplexities differ, which have the
size of the decoder, because the published ones (snli_full.py) need hours of a CPU. Reduced from snli_full.py: 128
hidden units and embeddings of 128 for 512, 3,000 words, 20 words a sentence, 2,500 steps. With a rate of 1e-3 for the
energy its gradient outgrew the prior's steps (75 at steps of .5 after 800 iterations), so the rate is 1e-4, as in the
released script.
Expected (seed 0, --config.evaluate.max_examples=200): the posterior collapses: kl_gaussian .16; forward perplexity 41,
reverse 43, as with N(0, I); real sentences 39. With --config.sampler.posterior.noise_scale=0 kl_gaussian is 47.
Cost: 27 minutes of a CPU core.
"""

from configs.common import each, variant_of
from configs.latent_ebm.common import latent_ebm_text, smoke_text


def get_config(variant=""):
    config = latent_ebm_text("lines:data/snli.txt")
    config.data.max_length = 20
    config.data.vocabulary_size = 3000
    config.model.decoder.embed_dim = config.model.decoder.hidden_dim = 128
    config.optimizer.generator.learning_rate = 3e-3
    each(config.optimizer.values(), schedule="cosine")
    config.train.update(num_steps=2500, steps_per_dispatch=5, log_every=50, checkpoint_every=250)
    return variant_of(config, variant, smoke_text)
