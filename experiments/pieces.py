"""Pieces that several experiments make from their configs."""

from functools import partial

from ebmjax.mcmc import KERNELS, Chain
from ebmjax.nets import ACTIVATIONS, INITIALISATIONS, PUBLISHED, ConvGenerator, MLPEnergy, MLPGenerator
from ebmjax.training.config import ConfigError, choose


def make_chain(config, name: str) -> Chain:
    """The chain of config.sampler.<name>: its num_steps of the kernel config.sampler.name, with its other fields."""
    options = config.sampler[name].to_dict()
    num_steps = options.pop("num_steps")
    for field, value in ({"num_steps": num_steps} | options).items():
        if value <= 0:
            raise ConfigError(f"sampler.{name}.{field} = {value} must be > 0")
    kernel = choose(KERNELS, config.sampler.name, "sampler.name")
    return Chain(partial(kernel, **options), num_steps)


def make_energy(config) -> MLPEnergy:
    """The energy of a latent vector from config.model.energy: widths, activation, init."""
    fields = config.model.energy
    choose(ACTIVATIONS, fields.activation, "model.energy.activation")
    choose(INITIALISATIONS, fields.init, "model.energy.init")
    return MLPEnergy(fields.widths, fields.activation, fields.init)


def make_generator(config, shape):
    """The generator of examples of `shape` from config.model.generator.

    name: "mlp" (hidden layers `widths`, for any shape), or a stack of `nets.PUBLISHED` (of `width`), whose last layer
    takes the channels of the data. Raises ConfigError if the stack makes images of another size.
    """
    fields = config.model.generator
    if fields.name == "mlp":
        choose(ACTIVATIONS, fields.activation, "model.generator.activation")
        bounded = len(shape) == 3  # images lie in [-1, 1], tables anywhere
        return MLPGenerator(shape, fields.widths, fields.activation, bounded)
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
