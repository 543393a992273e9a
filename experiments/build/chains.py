"""Chains from a config's sections sampler and initial."""

from collections.abc import Sequence
from functools import partial

import jax.numpy as jnp
from ml_collections import ConfigDict

from ebmjax.energies import standard_normal
from ebmjax.mcmc import KERNELS, UNADJUSTED, Chain, adapt_step_size, langevin, sign_rule
from ebmjax.mcmc.bank import make_bank
from ebmjax.training.config import ConfigError, choose
from ebmjax.types import Array


def make_chain(config, name: str) -> Chain:
    """The chain of config.sampler.<name>: num_steps of the kernel config.sampler.name, with the section's other fields,
    and those of config.sampler.options.<kernel> if there is such a section.

    step_size: a number, or a tuple with one for each step; on the command line
    --config.sampler.<name>.step_size="(0.3, 0.2, 0.1)". A kernel that starts afresh at every temperature of annealing
    begins with the first again.
    """
    options = config.sampler[name].to_dict()
    num_steps = options.pop("num_steps")
    for field, value in ({"num_steps": num_steps} | options).items():
        low, values = ">=" if field == "noise_scale" else ">", value if isinstance(value, tuple) else (value,)
        if not all(number > 0 or (number == 0 and low == ">=") for number in values):
            raise ConfigError(f"sampler.{name}.{field} = {value} must be {low} 0")
    if isinstance(options["step_size"], tuple):
        sizes = options["step_size"]
        if len(sizes) != num_steps:
            raise ConfigError(f"sampler.{name}.step_size has {len(sizes)} values, but num_steps = {num_steps}")
        options["step_size"] = partial(nth, sizes)
    kernel = partial(choose(KERNELS, config.sampler.name, "sampler.name"), **(options | kernel_options(config.sampler)))
    try:
        kernel(standard_normal)  # options are checked where a kernel is built
    except (TypeError, ValueError) as error:
        raise ConfigError(f"sampler.{name} or sampler.options.{config.sampler.name}: {error}") from error
    return Chain(kernel, num_steps)


def nth(sizes: Sequence[float], step: Array) -> Array:
    """The step size of a step, int32, from those of all steps."""
    return jnp.asarray(sizes)[step]


def one_step_size(config, name: str) -> float:
    """config.sampler.<name>.step_size where a tuple of them has no meaning. Raises ConfigError for one."""
    size = config.sampler[name].step_size
    if isinstance(size, tuple):
        raise ConfigError(f"sampler.{name}.step_size = {size} must be one number in this experiment")
    return size


def noise_free_chain(config, name: str, num_steps: int) -> Chain:
    """Langevin without noise at the step size (of several, the last) and temperature of config.sampler.<name>: gradient
    descent, for `num_steps`."""
    fields = config.sampler[name]
    size = fields.step_size[-1] if isinstance(fields.step_size, tuple) else fields.step_size
    return Chain(partial(langevin, step_size=size, temperature=fields.temperature, noise_scale=0), num_steps)


def stage_config(config, section: dict) -> ConfigDict:
    """The config of a stage of `Experiment.prepare`: `section`, and the fields of `config` that affect the stage."""
    own = {"experiment": config.experiment, "seed": config.seed, "data": config.data.to_dict()}
    return ConfigDict(own | section).lock()


def kernel_options(sampler) -> dict:
    """The options of the kernel sampler.name, from sampler.options, {kernel: {option: value}}."""
    return dict(sampler.get("options", {}).get(sampler.name, {}))


def check_target(sampler, field: str = "sampler") -> None:
    """Raise ConfigError unless a step size can follow sampler.target_acceptance (0: it is fixed).

    field: the config's section that holds the sampler.
    """
    if not 0 <= sampler.target_acceptance < 1:
        raise ConfigError(f"{field}.target_acceptance = {sampler.target_acceptance} must be in [0, 1)")
    if sampler.target_acceptance and sampler.name in UNADJUSTED:
        raise ConfigError(
            f"{field}.name = {sampler.name} accepts every proposal, so no step size can follow "
            f"{field}.target_acceptance = {sampler.target_acceptance}: set that to 0, or choose another kernel"
        )


def make_adapting_chain(config, name: str) -> Chain:
    """`make_chain` with a step size that follows config.sampler.target_acceptance (0: it is fixed) without end, because
    the energy keeps changing."""
    check_target(config.sampler)
    chain, target = make_chain(config, name), config.sampler.target_acceptance
    if not target:
        return chain
    fields = {"step_size": one_step_size(config, name), "target": target, "rule": sign_rule()}
    return chain._replace(make_kernel=partial(adapt_step_size, make_kernel=chain.make_kernel, **fields))


def chain_starts(config, data_spec) -> dict:
    """Keyword arguments of `anatomy` from config.initial: initial, noise, initial_scale, fresh_steps, bank,
    reinitialise.

    name: "noise", "data" or "bank"; bank_size: chains in the bank, 0 for one per training example; num_chains: chains
    that move in a step, 0 for as many as the batch has examples.
    """
    fields = config.initial
    options = {"initial": fields.name, "noise": fields.noise, "initial_scale": fields.scale}
    options["fresh_steps"] = fields.get("fresh_steps", 0)  # runs of earlier versions have no such field
    if fields.name != "bank":
        return options
    size = fields.bank_size or data_spec.num_train
    bank = make_bank(size, fields.num_chains or config.train.batch_size)
    return options | {"bank": bank, "reinitialise": fields.reinitialise}
