"""Networks from a config's sections model.energy and model.generator."""

from ebmjax.nets import (
    ACTIVATIONS,
    INITIALISATIONS,
    PUBLISHED,
    SCALES,
    Confined,
    ConvEnergy,
    ConvGenerator,
    MLPEnergy,
    MLPGenerator,
    MultilayerConvGenerator,
    MultilayerMLPGenerator,
    NonlocalEnergy,
    NormedMLPGenerator,
    conv_energy_layers,
    dcgan_energy_layers,
    dcgan_generator,
    residual_generator,
)
from ebmjax.nets.multilayer_conv import doublings
from ebmjax.training.config import ConfigError, choose, input_errors


def make_energy(config) -> MLPEnergy:
    """The energy of a latent vector from config.model.energy: widths, activation, init."""
    fields = config.model.energy
    choose(ACTIVATIONS, fields.activation, "model.energy.activation")
    choose(INITIALISATIONS, fields.init, "model.energy.init")
    return MLPEnergy(fields.widths, fields.activation, fields.init)


def make_generator(config, shape):
    """The generator of examples of `shape` from config.model.generator.

    name: "mlp" (hidden layers `widths`, `activation`, and, if it is there, `init`; for any shape), or a stack of
    `nets.PUBLISHED` (of `width`), whose last layer has the channels of the data. Raises ConfigError if the stack makes
    images of another size.
    """
    fields = config.model.generator
    if fields.name == "mlp":
        choose(ACTIVATIONS, fields.activation, "model.generator.activation")
        bounded = len(shape) == 3  # images lie in [-1, 1], tables anywhere
        init = fields.get("init", "he")
        choose(INITIALISATIONS, init, "model.generator.init")
        return MLPGenerator(shape, fields.widths, fields.activation, bounded, init)
    *layers, (_, *last) = choose(PUBLISHED | {"mlp": None}, fields.name, "model.generator.name")(fields.width)
    size = 1
    for _, kernel_size, stride, padding in (*layers, (0, *last)):
        size = (size - 1) * stride - 2 * padding + kernel_size
    if len(shape) != 3 or shape[:2] != (size, size):
        raise ConfigError(
            f"model.generator.name = {fields.name} makes {size} x {size} images, but examples have shape {shape}; "
            f"choose mlp or another of {', '.join(sorted(PUBLISHED))}"
        )
    return ConvGenerator((*layers, (shape[2], *last)))


def make_normed_generator(config, shape):
    """`make_generator`, and generators with batch normalisation, for methods that keep its statistics.

    name: "residual" (square images of 8, 16, 32 ... pixels) or "dcgan" (32 or 64 pixels), both of `width`; or
    "normed_mlp", the perceptron "mlp" with batch normalisation.
    """
    fields = config.model.generator
    nets = {
        "residual": lambda: residual_generator(fields.width, shape),
        "dcgan": lambda: dcgan_generator(fields.width, shape),
        "normed_mlp": lambda: NormedMLPGenerator(shape, fields.widths, fields.activation, len(shape) == 3),
    }
    choose(nets | PUBLISHED | {"mlp": None}, fields.name, "model.generator.name")
    if fields.name not in nets:
        return make_generator(config, shape)
    choose(ACTIVATIONS, fields.activation, "model.generator.activation")
    if fields.name != "normed_mlp" and len(shape) != 3:
        raise ConfigError(f"model.generator.name = {fields.name} makes images, but examples have shape {shape}")
    with input_errors():
        return nets[fields.name]()


def make_multilayer_generator(config, shape):
    """The generator of several layers of latents, for examples of `shape`, from config.model.generator: name "mlp"
    (hidden layers `widths` of each of its perceptrons, `activation`), or "conv", the released one for images
    (`features`, `map_size`, `activation`, `variance`, `ladder`). Raises ConfigError for a shape that it cannot make."""
    fields = config.model.generator
    choose({"mlp": None, "conv": None}, fields.name, "model.generator.name")
    choose(ACTIVATIONS, fields.activation, "model.generator.activation")
    if fields.name == "mlp":
        return MultilayerMLPGenerator(shape, fields.widths, fields.activation, len(shape) == 3)
    choose(SCALES, fields.variance, "model.generator.variance")
    try:
        doublings(shape, fields.map_size)
    except ValueError as error:
        raise ConfigError(f"model.generator.map_size: {error}") from error
    options = {name: fields[name] for name in ("map_size", "features", "activation", "variance", "ladder")}
    return MultilayerConvGenerator(shape, **options)


def make_data_energy(config, shape):
    """The energy of examples of `shape` from config.model.energy.

    name: "mlp" (hidden layers `widths`, `activation`, `init`, `output_scale`; any shape), "conv" (the published stack
    of `width` with LeakyReLU `slope`; square images of 8, 16, 32, 64 ... pixels), "dcgan" (`width`, `slope`; 32 or 64
    pixels) or "nonlocal" (`width`, `slope`; sides that are multiples of 8). Raises ConfigError for a shape that the net
    does not take.
    """
    fields = config.model.energy
    nets = {
        "mlp": lambda: make_energy(config).clone(output_scale=fields.output_scale),
        "conv": lambda: ConvEnergy(conv_energy_layers(fields.width, shape[0]), fields.slope),
        "dcgan": lambda: ConvEnergy(dcgan_energy_layers(fields.width, shape[0]), fields.slope),
        "nonlocal": lambda: NonlocalEnergy(fields.width, fields.slope),
    }
    make = choose(nets, fields.name, "model.energy.name")
    if fields.name == "mlp":
        return make()
    multiple = {"nonlocal": 8, "dcgan": 32}.get(fields.name, 4)
    if len(shape) != 3 or shape[0] != shape[1] or shape[0] % multiple:
        raise ConfigError(
            f"model.energy.name = {fields.name} needs square images with sides of {multiple} n pixels, but examples "
            f"have shape {shape}; resize them (data.name=...@32), or choose mlp"
        )
    with input_errors():
        return make()


def make_confined_energy(config, shape):
    """`make_data_energy`, plus config.model.confinement · ||x||² unless that is 0."""
    energy, weight = make_data_energy(config, shape), config.model.confinement
    return Confined(energy, weight) if weight else energy
