"""Draw from an analytic target, or from the energy of a trained run, with any kernel, and diagnose the chains.

With neural transport the kernel runs in the latent space of the target's exact map, and for comparison in data space.
With a section `samplers` in the config, all of them run, and stand in one table: configs/sample/comparison.py.
"""

import jax

from ebmjax.training import cli
from ebmjax.training.config import ConfigError
from ebmjax.training.hosts import print_once
from ebmjax.training.workdir import begin
from experiments.build.targets import make_target
from experiments.build.warm_ups import check_sampler
from experiments.measure.chains import (
    DATA_SPACE,
    exact_draws,
    open_chains,
    run_arm,
    write,
)
from experiments.measure.comparison import NOTE, of_each_sampler

DEFAULT_CONFIG = "configs/sample/funnel.py"


def sample(arguments):
    """Run both arms, print the tables, draw, write results.json."""
    opened = config, workdir, command = open_chains("sample", arguments)
    target = make_target(config)
    if config.sampler.neural_transport and target.transport is None:
        raise ConfigError(f"{target.name} has no exact map: set --config.sampler.neural_transport=False")
    if config.get("samplers"):
        return compare(opened, target)
    begin(workdir, config, command)
    print_once(f"sample: {config.sampler.name} on {target.name}, {config.num_chains} chains, in {workdir}")
    keys = jax.random.split(jax.random.key(config.seed), 3)
    arms = {DATA_SPACE: run_arm(config, target, None, keys[0])}
    note = ""
    if config.sampler.neural_transport:
        arms = {"neural transport": run_arm(config, target, target.transport, keys[1])} | arms
        note = "data_space: the same kernel without neural transport."
    write(opened, target, arms, exact_draws(target, keys[2]), note)


def compare(opened, target):
    """Run config.sampler and those of config.samplers, from the same starts, and print and write one table."""
    config, workdir, command = opened
    configs = of_each_sampler(config)
    for title, arm in configs.items():
        check_sampler(arm.sampler, f"samplers.{title}", config.num_warmup)
    begin(workdir, config, command)
    print_once(f"sample: {', '.join(configs)} on {target.name}, {config.num_chains} chains, in {workdir}")
    keys = jax.random.split(jax.random.key(config.seed), 3)
    transport = target.transport if config.sampler.neural_transport else None
    arms = {title: run_arm(arm, target, transport, keys[0], count=True) for title, arm in configs.items()}
    write(opened, target, arms, exact_draws(target, keys[2]), NOTE, compare=True)


if __name__ == "__main__":
    with cli.arguments_of("sample", DEFAULT_CONFIG, doc=__doc__) as arguments:
        sample(arguments)
