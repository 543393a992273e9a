"""Densities to draw from: analytic ones by name, and those that a run has learned."""

from math import prod

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from ebmjax.energies import TARGETS, Target
from ebmjax.training.config import ConfigError, choose
from ebmjax.training.experiment import Trained
from experiments.build.trained import restore


def make_target(config: ConfigDict) -> Target:
    """The named analytic target, or the energy of a trained run."""
    if not config.target.workdir:
        return choose(TARGETS, config.target.name, "target.name")()
    run_config, trained = restore(config.target.workdir)
    return learned_target(config.target.workdir, run_config, trained)


def learned_energy(workdir: str, config: ConfigDict, trained: Trained) -> tuple[str, bool]:
    """(name of a run's energy among its functions, whether it is of a latent vector). A tilted flow has an energy in
    data space; a tilted decoder has one of z alone, like a learned prior. Raises ConfigError without an energy."""
    functions = trained.method.functions
    name = next((name for name in ("data_energy", "latent_energy", "energy") if name in functions), None)
    if name is None:
        raise ConfigError(
            f"target.workdir = {workdir}: {config.get('experiment')} learns no energy that can be sampled"
        )
    return name, name == "latent_energy" or (name == "energy" and "sample_latent" in functions)


def learned_target(workdir: str, config: ConfigDict, trained: Trained) -> Target:
    """The density exp(-E / T) that a run has learned, on vectors, without exact draws: of z if E is a function of z.

    T: by the method's function temperature, else 1. workdir, config: of the run. Raises ConfigError for a method
    without an energy.
    """
    method, state = trained
    functions, key = method.functions, jax.random.key(0)
    name, latent = learned_energy(workdir, config, trained)
    draw = functions["sample_latent"] if latent else method.sample
    shape = jax.eval_shape(lambda key: draw(state, key, 1), key).shape[1:]
    temperature = functions["temperature"](state) if "temperature" in functions else 1.0
    energy = lambda x: functions[name](state, jnp.reshape(x, (-1, *shape))) / temperature
    over = "" if temperature == 1.0 else f" / {temperature:g}"
    return Target(f"energy of {workdir}{over}", prod(shape), energy, None, float("nan"))
