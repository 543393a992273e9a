"""Text short-run inference's config: the published settings for Penn Treebank (arXiv 2106.02513)."""

from ml_collections import ConfigDict

from configs.common import adam, base, short

# The released code's schedule over its 20 steps, in our convention (docs/conventions.md).
RELEASED_STEP_SIZES = (0.8, 0.7, 0.6, 0.5, 0.2, 0.2, 0.1, 0.1, 0.05) + (0.05,) * 11


def text_short_run(data: str, step_size: float | tuple[float, ...] = 0.5) -> ConfigDict:
    """The published sizes; a data set's config states what differs."""
    config = base("text_short_run", data)
    config.data.max_length = 40  # words of a sentence; what is longer is cut
    config.data.vocabulary_size = 10_000  # of the training sentences' most frequent words; the others are unknown
    config.train.batch_size = 32
    config.model = ConfigDict({"latent_dim": 32, "decoder": decoder("lstm", 256, 0.5)})
    # x' = x - s² / (2T) ∇E + noise_scale · s ε with s = step_size, T = temperature (docs/conventions.md).
    config.sampler = ConfigDict(
        {
            "name": "langevin",
            "posterior": {"num_steps": 20, "step_size": step_size, "temperature": 1.0},
            # noise_scale is `start`, and from the training step `begin` on rises in `increments`, one `every` steps, to
            # `end`. 1 is Langevin dynamics; from the first step on, that leaves z unused (pydoc.py).
            "noise_scale": ConfigDict({"start": 0.1, "end": 1.0, "begin": 0, "increments": 1, "every": 1}),
            # The chain descends β ||z||² / 2 - log p(x | z), β from .1 up by 1 / prior_warmup_epochs an epoch, to 1;
            # with 0 epochs β is 1.
            "prior_warmup_epochs": 0.0,
            "chain_dropout": False,  # the chains of training have the decoder's dropout
        }
    )
    # Every so many iterations the posterior's step size becomes the best of the grid; sampler.posterior.step_size is
    # that of the start. The other fields: configs/multilayer_short_run/common.py.
    config.search = ConfigDict({"every": 0, "grid": (0.1, 0.2, 0.3, 0.4, 0.5), "objective": "fixed_noise"})
    config.search.update(num_examples=8, num_chains=48, num_fixed_noise_chains=1, num_log_det_terms=0, width=0.0)
    config.optimizer = ConfigDict({"generator": adam(1e-3, clip_norm=5.0)})
    config.evaluate.language_model = True  # also train the decoder without z, and compare
    evaluation(config)
    return config


def full_size(config: ConfigDict, embed_dim: int, hidden_dim: int, epochs: int, steps_per_epoch: int) -> None:
    """A full-size LSTM that starts from z as the released one does, and the chain of the released PTB script, whose
    noise rises after 15 epochs."""
    config.model.decoder.update(embed_dim=embed_dim, hidden_dim=hidden_dim, initial="hidden")
    noise = {"start": 0.05, "end": 0.2, "begin": 15 * steps_per_epoch, "increments": 3, "every": steps_per_epoch}
    config.sampler.noise_scale.update(noise)
    config.train.update(num_steps=epochs * steps_per_epoch, steps_per_dispatch=5, checkpoint_every=steps_per_epoch)
    config.evaluate.update(max_examples=10_000, num_samples=10, max_short_run=2560)  # M; 80 batches
    config.evaluate.vaes = ("annealed", "cyclical", "free_bits", "aggressive")


def decoder(cell: str, size: int, dropout: float, initial: str = "cell") -> dict:
    """The network of p(sentence | z), an lstm or a gru whose embeddings are as wide as its state."""
    return {
        "cell": cell,
        "embed_dim": size,
        "hidden_dim": size,
        "dropout": dropout,  # of embeddings and of what the softmax sees, while learning
        "word_dropout": 0.0,  # probability that a word is hidden from the prediction of the next ones
        "init_scale": 0.1,  # parameters start as U(±init_scale)
        "initial": initial,  # state from z: cell, hidden, separate (ebmjax/nets/text.py)
    }


def evaluation(config: ConfigDict) -> None:
    """The fields of the figures of sentences (experiments/measure/sentences.py), and of the opponents."""
    config.evaluate.vaes = ()  # also train: annealed, cyclical, free_bits, aggressive
    config.vae = ConfigDict(
        {
            "warmup_epochs": 10.0,  # in which the KL's weight rises from .1 to 1, but for cyclical
            "cycles": 4,
            "free_nats": 0.25,  # of each dimension of z: 8 in 32
            "encoder_steps": 10,
            "aggressive_epochs": 5.0,
        }
    )
    config.evaluate.batch_size = 100
    config.evaluate.max_examples = 1000  # of test sentences
    config.evaluate.num_draws = 50  # of the posterior of each, for kl, active_units, mutual_information; 0: none
    config.evaluate.num_proposals = 200  # of the likelihood, from Gaussians fitted to these draws; 0: no perplexity
    config.evaluate.num_samples = 0  # chains with their Jacobians, the published estimates (kl_fixed_noise): expensive
    config.evaluate.max_short_run = 1000  # sentences that these are of
    config.evaluate.max_swaps = 0  # also reconstruct from sentences with 1 .. max_swaps pairs of words swapped
    config.evaluate.cross_steps = 0  # of the language models behind forward and reverse perplexity; 0: none
    config.evaluate.cross_protocol = "decoder"  # or "released": LSTMs of 512, 8 passes, whatever cross_steps > 0
    config.evaluate.max_generated = 10_000  # sentences, and as many training ones, that these see


def smoke(config: ConfigDict) -> None:
    """`short`, on Python's documentation, with small nets."""
    draws = {"num_draws": 4, "num_samples": 2, "max_short_run": 20, "num_proposals": 2, "max_generated": 40}
    short(config, 4, 8, 2, batch_size=20, max_examples=40, **draws)
    config.data.update(name="pydoc", max_length=8, vocabulary_size=30)
    config.model.latent_dim = 2
    config.model.decoder.update(embed_dim=4, hidden_dim=4)
    if "search" in config and config.search.every:
        config.search.update(every=2, grid=(0.1, 0.3), num_examples=2)
    if config.evaluate.cross_steps:
        config.evaluate.cross_steps = 5
