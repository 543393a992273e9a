"""Backbones of a flow-backbone EBM: a flow, or the generator of a VAE where the config has a section decoder."""

from ebmjax.methods import backbone_of_decoder, backbone_of_flow, vae
from ebmjax.nets import ACTIVATIONS, MLPEncoder, MLPGenerator
from ebmjax.training.config import choose
from experiments.build import flows
from experiments.build.chains import stage_config
from experiments.build.optimizers import optimizers_of


def prepare(config, data_spec):
    """`Experiment.prepare`: the training of the backbone, {"flow": ...} or {"decoder": ...}."""
    if not config.get("decoder"):
        return flows.prepare(config, data_spec)
    fields = config.decoder
    method = vae(
        make_decoder(config, data_spec),
        MLPEncoder(fields.model.latent_dim, fields.model.widths, fields.model.activation),
        optimizers=optimizers_of(fields, data_spec),
        sigma=fields.model.sigma,
        latent_dim=fields.model.latent_dim,
    )
    return {"decoder": (stage_config(config, fields.to_dict()), method)}


def make_decoder(config, data_spec):
    """The generator of config.decoder.model: hidden layers `widths`, for examples of any shape."""
    fields = config.decoder.model
    choose(ACTIVATIONS, fields.activation, "decoder.model.activation")
    return MLPGenerator(data_spec.shape, fields.widths, fields.activation, data_spec.max_value is not None)


def make_backbone(config, data_spec, prepared):
    """(the trained backbone, number of grey levels over which its training added noise, or None if it added none)."""
    if "decoder" in prepared:
        params = prepared["decoder"].state.params["generator"]
        latent_dim = config.decoder.model.latent_dim
        return backbone_of_decoder(make_decoder(config, data_spec), params, latent_dim), None
    trained = prepared["flow"]
    backbone = backbone_of_flow(flows.flow_of(config.flow, data_spec), trained.state.params["flow"])
    return backbone, flows.num_levels(data_spec)
