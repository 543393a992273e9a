"""Evaluators of densities: a method's own likelihood, and log Z of its energy by annealing from both sides."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data import to_float
from ebmjax.energies import gaussian, standard_gaussian
from ebmjax.evaluation import map_batches
from ebmjax.flows.dequantize import bin_width, bits_per_dim, dequantize
from ebmjax.importance import WeightedMean
from ebmjax.mcmc import annealed_importance_sampling, base_from, mala, reverse_annealed_importance_sampling
from ebmjax.training.config import ConfigError
from experiments.build.targets import learned_energy, learned_target
from experiments.evaluators.base import NO_BATCH, Figure, Measured, needs, references
from experiments.measure.estimates import over_examples, trust


def check_log_likelihood(run: Measured) -> None:
    """A method with a likelihood, normal test examples, and two of them for a standard error."""
    if run.config.experiment == "anomaly":
        raise ConfigError("--with log_likelihood: the test part of an anomaly run holds the anomalies")
    if "log_likelihood" not in run.trained.method.functions:
        raise ConfigError(f"--with log_likelihood: {run.config.experiment} has no likelihood; try annealed")
    needs(run, "log_likelihood", test=2)


def log_likelihood(run: Measured) -> list[Figure]:
    """The method's own log p(x) of test examples: exact, or estimated as the method says; images also in bits/dim."""
    (method, state), dataset, options = run.trained, run.dataset, run.options
    function = method.functions.get("log_likelihood_estimate", method.functions["log_likelihood"])
    x = np.asarray(to_float(dataset.x_test[: options["num"]], dataset.max_value))
    if dataset.max_value is not None:
        x = np.asarray(dequantize(jax.random.fold_in(run.key, NO_BATCH + 1), jnp.asarray(x), dataset.max_value + 1))
    batch = min(options["batch_size"], len(x))
    found = map_batches(jax.jit(partial(function, state)), x, batch, rng_key=run.key)
    told = ""
    if isinstance(found, WeightedMean):
        shares = over_examples("", found)
        told = f"; importance weights: median ESS {shares['_ess']:.3g}, {shares['_unreliable']:.0%} of the examples "
        told += f"past the limit of k̂{', UNRELIABLE: most likely too low' if shares['_unreliable'] > 0.1 else ''}"
        found = found.log_mean
    error = float(np.std(found, ddof=1) / np.sqrt(len(found)))
    protocol = "nats, mean over test examples; images dequantised by one draw of uniform noise; "
    protocol += f"the standard error is of these examples alone{told}"
    if run.config.experiment != "flow":
        protocol += "; log Z, estimated or learned by the method, has an error of its own"
    figures = [Figure("test_log_likelihood", float(np.mean(found)), error, protocol, {"test": len(x)})]
    if dataset.max_value is not None:
        dim, width = int(np.prod(x.shape[1:])), bin_width(dataset.max_value + 1)
        bits = float(np.mean(bits_per_dim(found, dim, width)))
        figures.append(Figure("test_bits_per_dim", bits, error / dim / np.log(2), protocol, {"test": len(x)}))
    return figures


def check_annealed(run: Measured) -> None:
    """A method with an energy; in data space, examples for the base's covariance and for a standard error."""
    latent = learned_energy(str(run.workdir), run.config, run.trained)[1]
    if not latent:
        needs(run, "annealed", train=2, test=0 if run.config.experiment == "anomaly" else 2)


def annealed(run: Measured) -> list[Figure]:
    """Bounds on log Z of the learned energy, by annealing from a base to it and back, with standard errors.

    For energies of x the base is a Gaussian fitted to the training data, and the test log-likelihood follows; for those
    of a latent vector it is N(0, I). The way back starts from the model's samples, and gives an upper bound only if
    these are samples of exp(-E / T).
    """
    options, (method, state) = run.options, run.trained
    target = learned_target(str(run.workdir), run.config, run.trained)
    latent = learned_energy(str(run.workdir), run.config, run.trained)[1]
    base = standard_gaussian(target.dim) if latent else base_of(run)
    draw = method.functions["sample_latent"] if latent else method.sample
    start = jnp.reshape(draw(state, jax.random.fold_in(run.key, NO_BATCH + 2), options["num_chains"]), (-1, target.dim))
    betas = np.linspace(0.0, 1.0, options["num_betas"] + 1)
    walk = {"betas": betas, "make_kernel": partial(mala, step_size=options["step_size"])}
    forth = partial(annealed_importance_sampling, num_chains=options["num_chains"], **walk)
    back = partial(reverse_annealed_importance_sampling, **walk)
    lower = jax.jit(lambda key: forth(key, base_from(base), target.energy))(run.key)
    upper_key = jax.random.fold_in(run.key, NO_BATCH + 3)
    upper = jax.jit(lambda key, x: back(key, x, base_from(base), target.energy))(upper_key, start)
    counts = {"chains": options["num_chains"], "temperatures": options["num_betas"]}
    acceptance = float(jnp.mean(lower.info.acceptance_rate))
    protocol = (
        f"annealed importance sampling by mala of step {options['step_size']:g} (acceptance {acceptance:.2f}) from "
        f"{'N(0, I)' if latent else 'a Gaussian fitted to the training data'}; _upper: backwards from samples"
    )
    bounds = {"lower": lower, "upper": upper}
    figures = [
        Figure(f"log_z_{name}", float(b.log_z), known(b.standard_error), protocol + trust(b), counts)
        for name, b in bounds.items()
    ]
    if not latent and run.config.experiment != "anomaly":
        x = np.asarray(to_float(run.dataset.x_test[: options["num"]], run.dataset.max_value))
        energy = map_batches(jax.jit(target.energy), x.reshape(len(x), -1), min(options["batch_size"], len(x)))
        spread = np.std(energy, ddof=1) / np.sqrt(len(x))
        raw = "; grey levels without the uniform noise of test_log_likelihood"
        of_test = raw if run.dataset.max_value is not None else ""
        for name, bound in (("upper", lower), ("lower", upper)):  # log p(x) = -E(x) / T - log Z
            error, value = np.hypot(spread, float(bound.standard_error)), -np.mean(energy) - float(bound.log_z)
            name, told = f"test_log_likelihood_annealed_{name}", protocol + of_test + trust(bound)
            figures.append(Figure(name, float(value), known(error), told, counts | {"test": len(x)}))
    return figures


def known(error) -> float | None:
    """A standard error; None if it is infinite, that is unknown."""
    return float(error) if np.isfinite(error) else None


def base_of(run: Measured):
    """A Gaussian with the mean of the training data and 1.5 times their covariance, with a floor for dead pixels."""
    x = references(run).reshape(-1, int(np.prod(run.dataset.x_train.shape[1:])))
    covariance = 1.5 * np.atleast_2d(np.cov(x.T)) + 1e-2 * np.eye(x.shape[1])
    return gaussian(x.mean(axis=0), covariance)
