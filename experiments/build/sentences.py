"""Decoders of sentences, and the models they are compared with, from a config."""

from ebmjax.methods import VAETraining, language_model, text_vae
from ebmjax.nets import CELLS, TextDecoder
from ebmjax.nets.text import INITIAL
from ebmjax.nets.text_encoder import TextEncoder
from ebmjax.objectives.amortised import cyclical_weight, linear_weight
from ebmjax.training.config import ConfigError, choose
from experiments.build.optimizers import optimizers_of

LIMITS = {
    "model.decoder.embed_dim": 1,
    "model.decoder.hidden_dim": 1,
    "model.decoder.dropout": (0, 0.99),
    "model.decoder.word_dropout": (0, 0.99),
    "evaluate.num_draws": 0,
    "evaluate.num_samples": 0,
    "evaluate.max_short_run": 1,
    "evaluate.num_proposals": 0,
    "evaluate.max_swaps": 0,
    "evaluate.cross_steps": 0,
    "vae.warmup_epochs": 0,
    "vae.cycles": 1,
    "vae.free_nats": 0,
    "vae.encoder_steps": 0,
    "vae.aggressive_epochs": 0,
}


CROSS_PROTOCOLS = ("decoder", "released")
"""Of the language models behind forward and reverse perplexity: `language_models`."""


def check(config, data_spec):
    """Raise ConfigError for data without sentences, or too small a num_draws."""
    if data_spec.vocab_size is None:
        raise ConfigError(f"data.name = {data_spec.name} holds no sentences: choose pydoc or lines:PATH")
    choose(dict.fromkeys(CROSS_PROTOCOLS), config.evaluate.cross_protocol, "evaluate.cross_protocol")
    if 0 < config.evaluate.num_draws < max(config.model.latent_dim + 2, 4):
        raise ConfigError(
            f"evaluate.num_draws = {config.evaluate.num_draws} must exceed model.latent_dim + 1 = "
            f"{config.model.latent_dim + 1}, or be 0 to skip its figures"
        )


def make_decoder(config, data_spec):
    """The decoder of config.model.decoder: cell, embed_dim, hidden_dim, dropout, word_dropout, init_scale, initial,
    tied."""
    fields = config.model.decoder
    choose(CELLS, fields.cell, "model.decoder.cell")
    choose(dict.fromkeys(INITIAL), fields.get("initial", "cell"), "model.decoder.initial")
    if fields.get("tied", False) and fields.embed_dim != fields.hidden_dim:
        raise ConfigError(
            "model.decoder.tied: a softmax tied to the embeddings needs embed_dim = hidden_dim, not "
            f"{fields.embed_dim} and {fields.hidden_dim}"
        )
    return TextDecoder(data_spec.vocab_size, **fields.to_dict())


def make_language_model(config, data_spec):
    """The decoder without a latent vector, trained as long by the same optimiser."""
    optimizers = optimizers_of(config, data_spec, {"decoder": config.optimizer.generator})
    return language_model(make_decoder(config, data_spec), length=data_spec.shape[0], optimizers=optimizers)


def language_models(config, vocab_size, num_train):
    """(network, options of `sentence_scores.cross_figures`) of the language models behind forward and reverse
    perplexity, by evaluate.cross_protocol.

    decoder: the model's own decoder without z, evaluate.cross_steps steps.
    released: an LSTM of 512 with dropout .5, Adam at 1e-4 for 8 passes over as many sentences as are trained on;
        forward perplexity is of five batches. From code that is commented out (Pang & Wu 2021, conditional_gen).
    """
    options: dict = {"batch_size": config.train.batch_size}
    if config.evaluate.cross_protocol == "decoder":
        decoder = TextDecoder(vocab_size, **config.model.decoder.to_dict())
        return decoder, options | {"num_steps": config.evaluate.cross_steps}
    options |= {"num_steps": max(8 * num_train // config.train.batch_size, 1), "learning_rate": 1e-4}
    options |= {"final_fraction": 1.0, "clip_norm": 0.0, "num_forward": 5 * config.train.batch_size}
    return TextDecoder(vocab_size, "lstm", 512, 512, dropout=0.5, init_scale=None), options


def annealed(config, steps_per_epoch):
    """The KL's weight rises from .1 to 1 in vae.warmup_epochs."""
    return VAETraining(lambda step: linear_weight(step, config.vae.warmup_epochs * steps_per_epoch))


def cyclical(config, steps_per_epoch):
    """The KL's weight rises from 0 to 1 in the first half of each of vae.cycles parts of the training."""
    fixed = {"zero": 0.0, "ramp": 0.5, "largest": 1.0}
    return VAETraining(lambda step: cyclical_weight(step, config.train.num_steps, cycles=config.vae.cycles, **fixed))


def free_bits(config, steps_per_epoch):
    """`annealed`; dimensions of a KL up to vae.free_nats do not count."""
    return annealed(config, steps_per_epoch)._replace(free_nats=config.vae.free_nats)


def aggressive(config, steps_per_epoch):
    """`annealed`; vae.encoder_steps updates of the encoder before each of the decoder in vae.aggressive_epochs."""
    steps = round(config.vae.aggressive_epochs * steps_per_epoch)
    return annealed(config, steps_per_epoch)._replace(encoder_steps=config.vae.encoder_steps, aggressive_steps=steps)


VAES = {make.__name__: make for make in (annealed, cyclical, free_bits, aggressive)}
"""name -> (config, steps per epoch) -> what keeps z in use."""


def make_vaes(config, data_spec):
    """{vae_<name>: method} of config.evaluate.vaes: the decoder with a bidirectional encoder of its cell and sizes,
    trained as long by the same optimiser."""
    fields, found = config.model.decoder, {}
    steps_per_epoch = max(data_spec.num_train // config.train.batch_size, 1)
    groups = dict.fromkeys(("generator", "encoder"), config.optimizer.generator)
    for name in config.evaluate.vaes:
        training = choose(VAES, name, "evaluate.vaes")(config, steps_per_epoch)
        dim, vocabulary = config.model.latent_dim, data_spec.vocab_size
        found[f"vae_{name}"] = text_vae(
            make_decoder(config, data_spec),
            TextEncoder(dim, vocabulary, fields.cell, fields.embed_dim, fields.hidden_dim),
            optimizers=optimizers_of(config, data_spec, groups),
            latent_dim=dim,
            length=data_spec.shape[0],
            training=training,
        )
    return found


def make_opponents(config, data_spec):
    """{arm: method} that are trained beside a model of sentences: the language model and `make_vaes`."""
    found = {"language_model": make_language_model(config, data_spec)} if config.evaluate.language_model else {}
    return found | make_vaes(config, data_spec)
