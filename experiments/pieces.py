"""Pieces that several experiments make from their configs."""

from functools import partial

from ebmjax.mcmc import KERNELS, Chain
from ebmjax.nets.mlp import ACTIVATIONS
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


def check_activation(config, net: str) -> None:
    """Raise ConfigError unless config.model.<net>.activation is known."""
    choose(ACTIVATIONS, config.model[net].activation, f"model.{net}.activation")
