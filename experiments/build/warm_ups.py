"""Warm-ups of a sampler from a config: a kernel that adapts while it runs, or `mcmc.warm_up`."""

from functools import partial
from typing import Any, NamedTuple

import jax

from ebmjax.energies import standard_normal
from ebmjax.mcmc import (
    KERNELS,
    adapt_step_size,
    averaged_step_size,
    learn_inverse_mass,
    neural_transport,
    run_chain,
    warm_up,
)
from ebmjax.mcmc.warm_up import window_lengths
from ebmjax.training.config import ConfigError, choose, input_errors
from ebmjax.types import Array, Kernel, PyTree
from experiments.build.chains import check_target, kernel_options

WARM_UPS: dict[str, dict[str, Any]] = {
    "step_size": {"mass": None},
    "diagonal": {"mass": "diagonal"},
    "dense": {"mass": "dense"},
    "chees": {"trajectory": "chees"},
}
"""config.sampler.warm_up -> options of `mcmc.warm_up`."""
LEARNERS = {
    "diagonal": ("hmc", "blackjax_nuts"),
    "dense": ("hmc", "blackjax_nuts"),
    "chees": ("hmc",),
}
"""config.sampler.warm_up -> names of the kernels that have what it learns; others are for all."""


class Warm(NamedTuple):
    """Where chains are after the warm-up: the kernel to go on with, the adapt of their state (None: the kernel's own),
    the step size, and the non-finite proposals so far, `[B]`."""

    kernel: Kernel
    position: Array
    adapt: PyTree
    step_size: float | Array
    num_nonfinite: Array


def check_sampler(sampler, field: str, num_warmup: int) -> None:
    """Raise ConfigError unless the section `field`, whose fields are `sampler`, describes a kernel, and a warm-up that
    has enough transitions."""
    kernel = choose(KERNELS, sampler.name, f"{field}.name")
    if not (sampler.step_size > 0 and sampler.temperature > 0):
        raise ConfigError(f"{field}.step_size and {field}.temperature must be > 0")
    check_target(sampler, field)
    check_warm_up(sampler, field)
    with input_errors():  # options are checked where a kernel is built
        if sampler.get("warm_up", "") not in ("", "step_size"):
            window_lengths(num_warmup)
        kernel(standard_normal, **{k: sampler[k] for k in ("step_size", "temperature")}, **kernel_options(sampler))


def check_warm_up(sampler, field: str) -> None:
    """Raise ConfigError if the kernel lacks what its warm-up is to learn. field: the section that holds the sampler."""
    name, way = sampler.name, sampler.get("warm_up", "")
    if way:
        choose(WARM_UPS, way, f"{field}.warm_up")
    if sampler.get("learn_mass", False) and name != "hmc":
        raise ConfigError(f"{field}.learn_mass = True needs {field}.name = hmc: {name} has no mass")
    able = LEARNERS.get(way, (name,))
    if name not in able:
        raise ConfigError(f'{field}.warm_up = "{way}" needs {field}.name = {" or ".join(able)}: {name} cannot learn it')
    if way and not sampler.target_acceptance:
        raise ConfigError(f'{field}.warm_up = "{way}" needs {field}.target_acceptance > 0')


def make_kernel(config, potential, inverse_mass=None):
    """config.sampler.name on `potential`, its step size adapting where a target acceptance is set."""
    sampler = config.sampler
    builder = choose(KERNELS, sampler.name, "sampler.name")
    options = kernel_options(sampler) | {"temperature": sampler.temperature}
    if inverse_mass is not None:
        options["inverse_mass"] = inverse_mass
    if not sampler.target_acceptance:
        return builder(potential, step_size=sampler.step_size, **options)
    return adapt_step_size(
        potential,
        make_kernel=partial(builder, **options),
        step_size=sampler.step_size,
        target=sampler.target_acceptance,
        num_adapt=num_warmup(config)[1],
    )


def num_warmup(config) -> tuple[int, int]:
    """(transitions that learn the mass, the first half of the warm-up or 0; transitions of the rest)."""
    learn = config.num_warmup // 2 if config.sampler.get("learn_mass", False) else 0
    return learn, config.num_warmup - learn


def on_target(energy, transport, make_latent) -> Kernel:
    """The kernel on the target's energy, through the transport if there is one."""
    if transport is None:
        return make_latent(energy)
    return neural_transport(energy, transport=transport, make_kernel=make_latent)


def settle(config, energy, transport, rng_key, start) -> Warm:
    """Run the warm-up of config.sampler on `energy`, through the transport if there is one."""
    run = run_warm_up if config.sampler.get("warm_up", "") else run_adapting
    return run(config, energy, transport, rng_key, start)


def run_adapting(config, energy, transport, rng_key, start) -> Warm:
    """Chains of a kernel that adapts its step size while it runs, or keeps it."""
    learn, rest = num_warmup(config)
    build = lambda mass=None: on_target(energy, transport, partial(make_kernel, config, inverse_mass=mass))
    kernel = build()
    if learn:
        start, inverse_mass = learn_inverse_mass(build, jax.random.fold_in(rng_key, rest), start, learn)
        kernel = build(inverse_mass)
    state, info, _ = run_chain(kernel, rng_key, start, rest)
    step_size = averaged_step_size(state.adapt) if config.sampler.target_acceptance else config.sampler.step_size
    return Warm(kernel, state.position, state.adapt, step_size, info.num_nonfinite)


def run_warm_up(config, energy, transport, rng_key, start) -> Warm:
    """The same by `mcmc.warm_up`."""
    sampler = config.sampler
    options = kernel_options(sampler) | {"temperature": sampler.temperature}

    def build(potential, **learned):
        return on_target(potential, transport, partial(KERNELS[sampler.name], **(options | learned)))

    fields = WARM_UPS[sampler.warm_up] | {"step_size": sampler.step_size, "target": sampler.target_acceptance}
    tuned = warm_up(build, energy, rng_key, start, config.num_warmup, **fields)
    return Warm(tuned.kernel, tuned.position, None, tuned.step_size, tuned.num_nonfinite)
