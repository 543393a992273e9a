"""Short-run MCMC's config: the settings of Nijkamp et al. 2019 (arXiv 1904.09770) and its official script."""

from ml_collections import ConfigDict

from configs.common import adam, base, fake_data, images_evaluation, net, short


def short_run(data: str) -> ConfigDict:
    """The published values; a data set's config states what differs."""
    config = base("short_run", data)
    config.train.update(num_steps=100_000, batch_size=64)
    # width: n_f; the script says: increase until compute is exhausted.
    config.model = ConfigDict(
        {
            "energy": net("conv", (256, 256), activation="leaky_relu", init="torch", width=64, slope=0.2),
            "data_noise": 0.03,  # the script says: decrease until training is unstable
            "energy_l2": 0.0,
            "gradient_penalty": 0.0,
        }
    )
    # x' = x - s² / (2T) ∇E + s ε with s = step_size, T = temperature: here x - 1 · ∇E + 0.01 ε (docs/conventions.md).
    config.sampler = ConfigDict(
        {"name": "langevin", "chain": {"num_steps": 100, "step_size": 0.01, "temperature": 5e-5}}
    )
    config.initial = ConfigDict({"noise": "uniform", "scale": 1.0})
    config.optimizer = ConfigDict({"energy": adam(1e-4)})
    images_evaluation(config, 40_000)
    config.evaluate.num_reconstructions = 100
    config.evaluate.reconstruction_steps = 200  # of Adam on the starting noise, through all K steps
    return config


def smoke(config: ConfigDict) -> None:
    """`short`, with short chains."""
    short(config, num_reconstructions=16, reconstruction_steps=3)
    config.sampler.chain.num_steps = 4


def smoke_images(config: ConfigDict) -> None:
    """The same on fake images, with a narrow net."""
    smoke(config)
    fake_data(config, max_examples=16, batch_size=16, num_reconstructions=4)
    config.model.energy.width = 4
