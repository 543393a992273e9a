"""The anatomy's configs: settings of Nijkamp et al. 2020 (arXiv 1903.12370) and its official code."""

from ml_collections import ConfigDict

from configs.common import base


def sampler(num_steps: int, step_size: float) -> ConfigDict:
    """Chains x' = x - ∇E + ε z: step_size ε, temperature ε² / 2 (docs/conventions.md)."""
    chain = {"num_steps": num_steps, "step_size": step_size, "temperature": step_size**2 / 2}
    return ConfigDict({"name": "langevin", "chain": chain})


def initial(name: str, noise: str = "uniform", scale: float = 1.0) -> ConfigDict:
    """Where chains start: "noise", "data" or a "bank" of persistent chains; noise "uniform" or "normal", of `scale`."""
    return ConfigDict(
        {
            "name": name,
            "noise": noise,
            "scale": scale,
            "bank_size": 0,  # 0: one chain per training example
            "num_chains": 0,  # that take part in a step; 0: as many as the batch has examples
            "reinitialise": 0.0,
        }
    )


def adam(learning_rate: float) -> ConfigDict:
    """Adam with a constant rate."""
    return ConfigDict(
        {
            "name": "adam",  # or sgd, without momentum
            "learning_rate": learning_rate,
            "b1": 0.9,
            "b2": 0.999,
            "clip_norm": 0.0,  # 0: no clipping
            "schedule": "constant",  # cosine, geometric (× decay_rate per step), both to final_fraction; exponential
            "final_fraction": 0.05,
            "decay_rate": 0.99995,
        }
    )


def sgd(learning_rate: float) -> ConfigDict:
    """SGD with a constant rate, of the loss in E; the paper's, of the loss in E / T, is T times it."""
    return ConfigDict(adam(learning_rate).to_dict() | {"name": "sgd"})


def anatomy(data: str) -> ConfigDict:
    """Images of 32 x 32 pixels without convergence: chains from noise, Adam, "vanilla" net."""
    config = base("anatomy", data)
    config.train.num_steps = 100_000
    config.train.batch_size = 100
    # name: conv (width, slope), nonlocal (width, slope) or mlp (widths, activation, init, output_scale).
    config.model = ConfigDict(
        {
            "energy": {
                "name": "conv",
                "width": 32,  # n_f
                "slope": 0.05,
                "widths": (32, 64, 64, 64),
                "activation": "leaky_relu_0.05",
                "init": "torch",
                "output_scale": 1.0,
            },
            "data_noise": 0.03,
            "energy_l2": 0.0,
            "gradient_penalty": 0.0,
        }
    )
    config.sampler = sampler(150, 0.01)
    config.initial = initial("noise")
    config.optimizer = ConfigDict({"energy": adam(1e-4)})
    config.nonconvergent = ConfigDict()  # sampler, initial, optimizer of a second run to compare with, if any
    config.evaluate.nonconvergent_baseline = True
    config.evaluate.continued_steps = 2000  # of training, for d_s and r_s step by step
    config.evaluate.long_run_steps = 100_000  # of chains from test data; a multiple of 100
    config.evaluate.num_chains = 100
    config.evaluate.num_samples = 100
    # Metropolis-adjusted chains from test data, at a multiple of T; num_steps 0: none (paper: 1,000,000 of .002).
    config.evaluate.mala = ConfigDict({"num_steps": 0, "step_size": 0.002, "temperature_factor": 1.0})
    return config


def toy(data: str, scale: float) -> ConfigDict:
    """Points of the plane, convergent and not; scale: of the non-convergent chains' normal start."""
    config = anatomy(data)
    config.train.num_steps = 200_000
    config.train.steps_per_dispatch = 50
    config.train.log_every = 1000
    config.train.checkpoint_every = 10_000
    config.model.energy.name = "mlp"
    config.model.data_noise = 0.0
    config.sampler = sampler(500, 0.125)
    config.initial = initial("bank")
    config.initial.bank_size = 10_000
    config.optimizer.energy = sgd(0.1)
    config.nonconvergent = ConfigDict(
        {
            "sampler": sampler(100, 0.01),
            "initial": initial("noise", "normal", scale),
            "optimizer": {"energy": adam(1e-4)},
        }
    )
    config.evaluate.long_run_steps = 10_000
    config.evaluate.num_chains = 1000
    config.evaluate.num_samples = 10_000
    config.evaluate.mala.num_steps = 10_000
    config.evaluate.mala.step_size = 0.02
    return config


def smoke(config: ConfigDict) -> None:
    """Seconds instead of minutes: for tests, of no scientific value."""
    config.train.num_steps = 10
    config.train.steps_per_dispatch = 5
    config.train.log_every = config.train.checkpoint_every = 5
    config.train.batch_size = 16
    config.initial.bank_size = 32
    config.initial.num_chains = 0
    for chains in (config.sampler, config.nonconvergent.get("sampler", config.sampler)):
        chains.chain.num_steps = 4
    config.evaluate.continued_steps = 20
    config.evaluate.long_run_steps = 100
    config.evaluate.num_chains = 16
    config.evaluate.num_samples = 16
    config.evaluate.mala.num_steps = 3


def smoke_images(config: ConfigDict, data: str) -> None:
    """`smoke` with a narrow net on fake images, so that a published config is exercised without its data."""
    smoke(config)
    config.data.name = data
    config.model.energy.width = 4
    config.train.num_steps = 2
    config.train.steps_per_dispatch = config.train.log_every = config.train.checkpoint_every = 1
    config.train.batch_size = 8
    config.sampler.chain.num_steps = 2
    config.initial.bank_size = 16
