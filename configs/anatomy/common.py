"""The anatomy's configs: settings of Nijkamp et al. 2020 (arXiv 1903.12370) and its official code."""

from ml_collections import ConfigDict

from configs.common import adam, base, fake_data, net, short


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
            "num_chains": 0,  # that move in a step; 0: as many as the batch has examples
            "reinitialise": 0.0,
            "fresh_steps": 0,  # of the chains of samples, from noise; 0: as in training, no more samples than chains
        }
    )


def optimizer(name: str, learning_rate: float, **fields) -> ConfigDict:
    """ "adam", or "sgd" without momentum; the rate is for a loss in E: T times the paper's, for one in E / T."""
    return adam(learning_rate, name=name, decay_rate=0.99995, **fields)


def anatomy(data: str) -> ConfigDict:
    """Non-convergent learning of 32 x 32 images: chains from noise, Adam, "vanilla" net."""
    config = base("anatomy", data)
    config.train.update(num_steps=100_000, batch_size=100)
    config.model = ConfigDict(
        {
            "energy": net("conv", (32, 64, 64, 64), activation="leaky_relu_0.05", init="torch", width=32),  # n_f
            "data_noise": 0.03,
            "energy_l2": 0.0,
            "gradient_penalty": 0.0,
        }
    )
    config.sampler = sampler(150, 0.01)
    config.initial = initial("noise")
    config.optimizer = ConfigDict({"energy": optimizer("adam", 1e-4)})
    config.nonconvergent = ConfigDict()  # sampler, initial, optimizer of a second run to compare with, if any
    config.evaluate.nonconvergent_baseline = True
    config.evaluate.continued_steps = 2000  # of training, for d_s and r_s step by step
    config.evaluate.long_run_steps = 100_000  # of chains from test data; a multiple of 100
    config.evaluate.num_chains = 100
    config.evaluate.num_samples = 100
    # Metropolis-adjusted chains from test data, at a multiple of T; num_steps 0: none (paper: 1,000,000 of .002).
    config.evaluate.mala = ConfigDict({"num_steps": 0, "step_size": 0.002, "temperature_factor": 1.0})
    config.evaluate.landscape = landscape(0.005, strengths=(300.0, 1000.0, 3000.0), radius=1.0, num_steps=5000)
    return config


def landscape(step_size: float, *, strengths: tuple[float, ...], radius: float, num_steps: int) -> ConfigDict:
    """The map of minima and of the barriers between them (`experiments.measure.energy_map`), off by default.

    step_size: of chains at T, s; descent is at a rate of s² / 2. strengths: of the attraction to another minimum, in
    nats per unit of x; a chain passes slopes of E / T below them. radius: minima nearer than this are one.
    """
    fields = {
        "num_starts": 0,  # test examples from which minima are sought; 0: no map
        "descent_steps": 2000,
        "step_size": step_size,
        # Of the chains between minima; each dimension adds some factor / 2 nats of thermal energy to a barrier.
        "temperature_factor": 0.01,
        "strengths": strengths,
        "radius": radius,
        "num_steps": num_steps,
        "patience": 200,  # steps without coming nearer, after which a chain has failed
    }
    return ConfigDict(fields)


def convergent(data: str, energy: ConfigDict) -> ConfigDict:
    """Convergent learning of 32 x 32 images: a bank of one chain per image, non-local net. energy: its optimiser."""
    config = anatomy(data)
    config.model.energy.name = "nonlocal"
    config.model.data_noise = 0.015
    config.sampler = sampler(500, 0.0075)
    config.initial = initial("bank")
    config.optimizer.energy = energy
    return config


def annealed_sgd() -> ConfigDict:
    """SGD from .1 to 5e-4, the rate times .99995 a step: for flowers as published."""
    return optimizer("sgd", 0.1, schedule="geometric", final_fraction=0.005)


def toy(data: str, scale: float) -> ConfigDict:
    """Points of the plane, convergent and not. scale: of the normal noise that starts non-convergent chains."""
    config = anatomy(data)
    config.train.update(num_steps=200_000, steps_per_dispatch=50, log_every=1000, checkpoint_every=10_000)
    config.model.energy.name = "mlp"
    config.model.data_noise = 0.0
    config.sampler = sampler(500, 0.125)
    config.initial = initial("bank")
    config.initial.bank_size = 10_000
    config.optimizer.energy = optimizer("sgd", 0.1)
    config.nonconvergent = ConfigDict(
        {
            "sampler": sampler(100, 0.01),
            "initial": initial("noise", "normal", scale),
            "optimizer": {"energy": optimizer("adam", 1e-4)},
        }
    )
    config.evaluate.update(long_run_steps=10_000, num_chains=1000, num_samples=10_000)
    config.evaluate.mala.update(num_steps=10_000, step_size=0.02)
    config.evaluate.landscape = landscape(0.05, strengths=(5.0, 10.0, 20.0, 40.0), radius=0.1, num_steps=2000)
    return config


def smoke(config: ConfigDict) -> None:
    """`short`, with few and short chains."""
    short(config, continued_steps=20, long_run_steps=100, num_chains=16, num_samples=16)
    config.initial.update(bank_size=32, num_chains=0)
    for chains in (config.sampler, config.nonconvergent.get("sampler", config.sampler)):
        chains.chain.num_steps = 4
    config.evaluate.mala.num_steps = 100
    config.evaluate.landscape.update(num_starts=4, descent_steps=4, num_steps=4, strengths=(10.0, 30.0))


def smoke_images(config: ConfigDict) -> None:
    """The same on fake images, with a narrow net."""
    smoke(config)
    fake_data(config)
    config.model.energy.width = 4
    config.sampler.chain.num_steps = 2
    config.initial.bank_size = 16
