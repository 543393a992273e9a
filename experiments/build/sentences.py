"""Decoders of sentences and language models, from a config."""

from ebmjax.methods import language_model
from ebmjax.nets import CELLS, TextDecoder
from ebmjax.training.config import ConfigError, choose
from experiments.build.optimizers import optimizers_of

LIMITS = {
    "model.decoder.embed_dim": 1,
    "model.decoder.hidden_dim": 1,
    "model.decoder.dropout": (0, 0.99),
    "model.decoder.word_dropout": (0, 0.99),
    "evaluate.num_draws": 0,
    "evaluate.num_samples": 0,
    "evaluate.num_proposals": 0,
    "evaluate.max_swaps": 0,
    "evaluate.cross_steps": 0,
}


def check(config, data_spec):
    """Raise ConfigError for data without sentences, or too small a num_draws."""
    if data_spec.vocab_size is None:
        raise ConfigError(f"data.name = {data_spec.name} holds no sentences: choose pydoc or lines:PATH")
    if 0 < config.evaluate.num_draws < max(config.model.latent_dim + 2, 4):
        raise ConfigError(
            f"evaluate.num_draws = {config.evaluate.num_draws} must exceed model.latent_dim + 1 = "
            f"{config.model.latent_dim + 1}, or be 0 to skip its figures"
        )


def make_decoder(config, data_spec):
    """The decoder of config.model.decoder: cell, embed_dim, hidden_dim, dropout, word_dropout, init_scale, tied."""
    fields = config.model.decoder
    choose(CELLS, fields.cell, "model.decoder.cell")
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
