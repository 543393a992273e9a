"""Draw from an analytic target, or from the energy of a trained run, with any kernel, and diagnose the chains.

With neural transport the kernel runs in the latent space of the target's exact map, and for comparison in data space.
"""

import jax

from ebmjax.training import cli
from ebmjax.training.config import ConfigError
from ebmjax.training.hosts import print_once
from ebmjax.training.workdir import begin
from experiments.build.targets import make_target
from experiments.measure.chains import DATA_SPACE, exact_draws, open_chains, run_arm, write

DEFAULT_CONFIG = "configs/sample/funnel.py"


def sample(arguments):
    """Run both arms, print the tables, draw, write results.json."""
    opened = config, workdir, command = open_chains("sample", arguments)
    target = make_target(config)
    if config.sampler.neural_transport and target.transport is None:
        raise ConfigError(f"{target.name} has no exact map: set --config.sampler.neural_transport=False")
    begin(workdir, config, command)
    print_once(f"sample: {config.sampler.name} on {target.name}, {config.num_chains} chains, in {workdir}")
    keys = jax.random.split(jax.random.key(config.seed), 3)
    arms = {DATA_SPACE: run_arm(config, target, None, keys[0])}
    note = ""
    if config.sampler.neural_transport:
        arms = {"neural transport": run_arm(config, target, target.transport, keys[1])} | arms
        note = "data_space: the same kernel without neural transport."
    write(opened, target, arms, exact_draws(target, keys[2]), note)


if __name__ == "__main__":
    with cli.arguments_of("sample", DEFAULT_CONFIG, doc=__doc__) as arguments:
        sample(arguments)
