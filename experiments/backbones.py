"""What `experiments.flow_backbone` tilts: a flow, or the generator of a VAE where the config has a section decoder."""

from ebmjax.methods import backbone_of_decoder, backbone_of_flow, vae
from ebmjax.nets import ACTIVATIONS, MLPEncoder, MLPGenerator
from ebmjax.training.config import choose, require
from ebmjax.training.optimizers import make_optimizers
from experiments import flow
from experiments.pieces import stage_config

LOWEST = {f"decoder.optimizer.{group}.learning_rate": 0 for group in ("generator", "encoder")}
LOWEST |= {"decoder.model.latent_dim": 1, "decoder.model.widths": 1}


def prepare(config, data_spec):
    """`Experiment.prepare`: the training of the backbone, {"flow": ...} or {"decoder": ...}."""
    if not config.get("decoder"):
        return flow.prepare(config, data_spec)
    for field, low in LOWEST.items():
        require(config, field, low)
    fields = config.decoder
    steps_per_epoch = max(data_spec.num_train // fields.train.batch_size, 1)
    method = vae(
        make_decoder(config, data_spec),
        MLPEncoder(fields.model.latent_dim, fields.model.widths, fields.model.activation),
        optimizers=make_optimizers(fields.optimizer, fields.train.num_steps, steps_per_epoch),
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
    """The trained backbone, with the grey levels over which its training added noise (None: it added none)."""
    if "decoder" in prepared:
        params = prepared["decoder"].state.params["generator"]
        latent_dim = config.decoder.model.latent_dim
        return backbone_of_decoder(make_decoder(config, data_spec), params, latent_dim), None
    trained = prepared["flow"]
    backbone = backbone_of_flow(flow.flow_of(config.flow, data_spec), trained.state.params["flow"])
    return backbone, flow.num_levels(data_spec)
