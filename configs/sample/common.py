"""The config of experiments.sample: a target, a kernel, and how long to run it."""

from ml_collections import ConfigDict

from configs.common import variant_of


def sample(target: str, variant: str = "") -> ConfigDict:
    """The common fields; `variant` "smoke" takes a second, for tests."""
    config = ConfigDict()
    config.experiment = "sample"
    config.seed = 0
    # name: of energies.TARGETS. workdir: of a trained run, whose energy (of x or of z), divided by the temperature of
    # its chains, is sampled instead of the named target.
    config.target = ConfigDict({"name": target, "workdir": ""})
    config.sampler = ConfigDict(
        {
            "name": "hmc",
            "neural_transport": False,  # run in the latent space of the target's exact map, where it has one
            "step_size": 0.1,  # at the start, if it adapts
            "temperature": 1.0,
            "target_acceptance": 0.8,  # the step size adapts to it during the warm-up; 0: it is fixed
            # mcmc.warm_up in place of that: "step_size", or with a "diagonal" or "dense" mass (hmc, blackjax_nuts), or
            # "chees", diagonal and with the length of hmc's trajectories. "": off.
            "warm_up": "",
            "options": {"hmc": {"num_leapfrog": 5, "jitter": 0.2}, "underdamped": {"friction": 1.0}},
        }
    )
    config.start_scale = 1.0  # chains start from N(0, start_scale² I) of the space they run in
    config.num_chains = 16
    config.num_warmup = 1000
    config.num_steps = 2000
    return variant_of(config, variant, _smoke)


def _smoke(config: ConfigDict) -> None:
    config.num_warmup = config.num_steps = 50
