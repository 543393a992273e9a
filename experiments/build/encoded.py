"""Methods with a generator and an encoder, from a config: networks, options, the VAE trained beside them."""

from flax.linen.initializers import normal

from ebmjax.methods import vae
from ebmjax.nets import (
    ENERGY_FORMS,
    ConvEncoder,
    ConvEnergy,
    JointConvEnergy,
    JointMLPEnergy,
    MLPEncoder,
    NormedGenerator,
    conv_energy_layers,
    normed_generator_layers,
)
from ebmjax.nets.normed import normal_scales
from ebmjax.training.config import ConfigError, choose
from experiments.build import missing
from experiments.build.networks import make_data_energy, make_generator
from experiments.build.optimizers import optimizers_of

LIMITS = {"model.kl_weight": 0, "model.fill_steps": 1} | missing.LIMITS
NEEDS_SQUARES = "needs squares with sides of 8 n pixels, not {}; choose mlp"
SIDES = (32, 64)
NEEDS_SIDE = "makes or takes images of 32 x 32 or 64 x 64, not {}; resize them (data.name=...@32), or choose mlp"


def check_side(shape, field: str) -> None:
    """Raise ConfigError unless examples are squares with one of `SIDES`, which the published convolutions need."""
    if len(shape) != 3 or shape[0] != shape[1] or shape[0] not in SIDES:
        raise ConfigError(f"{field} dcgan {NEEDS_SIDE.format(shape)}")


def make_networks(config, shape) -> dict:
    """{"generator", "encoder"} for examples of `shape` from config.model.<network>: "mlp" (hidden layers `widths`), the
    published convolutions "dcgan" (`width`; an encoder with batch normalisation if `normed`), or a generator of
    `nets.PUBLISHED`."""
    model = config.model
    if model.generator.name == "dcgan":
        check_side(shape, "model")
    dim, fields = model.latent_dim, model.encoder
    scales = normal_scales(model.get("scale_deviation", 0.02))  # runs of earlier versions have no such field
    encoders = {
        "mlp": lambda: MLPEncoder(dim, fields.widths, fields.activation),
        "dcgan": lambda: ConvEncoder(
            dim, conv_energy_layers(fields.width, shape[0])[:-1], fields.normed, scale_init=scales
        ),
    }
    make = choose(encoders, fields.name, "model.encoder.name")
    if fields.name == "dcgan" and (len(shape) != 3 or shape[0] != shape[1] or shape[0] % 8):
        raise ConfigError(f"model.encoder.name = dcgan {NEEDS_SQUARES.format(shape)}")
    encoder = make()
    if model.generator.name == "dcgan":
        generator = NormedGenerator(
            normed_generator_layers(model.generator.width, shape[2], shape[0]), scale_init=scales
        )
    else:
        generator = make_generator(config, shape)
    return {"generator": generator, "encoder": encoder}


def make_triangle_energy(config, shape):
    """The energy of x from config.model.energy: one of `make_data_energy`, or "dcgan", the published one (`width`)."""
    fields = config.model.energy
    if fields.name != "dcgan":
        return make_data_energy(config, shape)
    check_side(shape, "model.energy.name =")
    return ConvEnergy(conv_energy_layers(fields.width, shape[0], 4), use_bias=False, kernel_init=normal(0.02))


def make_joint_energy(config, shape):
    """The energy of (x, z) from config.model.energy: "mlp" (`widths`) or "dcgan", the published one (`width`)."""
    fields = config.model.energy
    choose(ENERGY_FORMS, fields.form, "model.energy.form")
    nets = {
        "mlp": lambda: JointMLPEnergy(fields.widths, fields.form),
        "dcgan": lambda: JointConvEnergy(fields.width, fields.form),
    }
    make = choose(nets, fields.name, "model.energy.name")
    if fields.name == "dcgan" and (len(shape) != 3 or shape[0] != shape[1] or shape[0] % 8):
        raise ConfigError(f"model.energy.name = dcgan {NEEDS_SQUARES.format(shape)}")
    return make()


def make_options(config, data_spec) -> dict:
    """Keyword arguments of the methods: optimizers, sigma, latent_dim, fill_steps."""
    model = config.model
    return {
        "optimizers": optimizers_of(config, data_spec),
        "sigma": model.sigma,
        "latent_dim": model.latent_dim,
        "fill_steps": model.fill_steps,
    }


def baselines(config, data_spec):
    """`Experiment.baselines`: the same generator and encoder trained as a VAE, as long and by the same optimisers."""
    if not config.evaluate.vae_baseline:
        return {}
    options = make_options(config, data_spec)
    del options["optimizers"]["energy"]
    method = vae(**make_networks(config, data_spec.shape), **options)
    return {"vae": missing.with_missing_entries(config, data_spec, method)}
