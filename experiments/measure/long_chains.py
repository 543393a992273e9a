"""A learned energy of data: its training continued, its samples, and chains much longer than those of training."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data import to_float
from ebmjax.data.loader import batch_of, make_loader
from ebmjax.evaluation import distinct_samples
from ebmjax.mcmc import mala, run_chain
from ebmjax.training.config import ConfigError
from ebmjax.training.experiment import Trained

KEPT = (1, 10, 100)
"""When positions of long chains are kept, in percent of their length."""


class Diagnosis(NamedTuple):
    """A trained method, and the results of continuing its training and its chains.

    temperature: of its chain. d_s, r_s: `[continued_steps]` of further training. samples: x`[num_samples, ...]` of its
    chain. long: {steps: x`[num_chains, ...]`} of chains from data. adjusted: of Metropolis-adjusted ones, or None.
    """

    trained: Trained
    temperature: float
    d_s: np.ndarray
    r_s: np.ndarray
    samples: np.ndarray
    long: dict[int, np.ndarray]
    adjusted: "Adjusted | None"

    def potential(self, x):
        """E(x) / T: `[B, ...]` -> `[B]`."""
        return self.trained.method.functions["energy"](self.trained.state, x) / self.temperature


class Adjusted(NamedTuple):
    """Metropolis-adjusted chains from data. kept: {steps: x`[num_chains, ...]`}. acceptance: mean rate in [0, 1]."""

    kept: dict[int, np.ndarray]
    acceptance: float

    @property
    def end(self) -> np.ndarray:
        """The last positions."""
        return self.kept[max(self.kept)]


def check_lengths(config):
    """Raise ConfigError unless the lengths of long chains can be divided into percents."""
    fields = {"long_run_steps": config.evaluate.long_run_steps, "mala.num_steps": config.evaluate.mala.num_steps}
    for field, steps in fields.items():
        if steps % 100:
            raise ConfigError(f"evaluate.{field} = {steps} must be a multiple of 100")


def diagnose(run, trained, temperature):
    """Continue the training, sample, and run long chains from test data, as long as config.evaluate says."""
    settings, (method, state) = run.config.evaluate, trained
    d_s, r_s = continue_training(run, trained)
    samples = distinct_samples(method, state, run.rng_key, settings.num_samples, min(settings.num_samples, 1000))
    x = to_float(run.dataset.x_test[: settings.num_chains], run.dataset.max_value)
    found = Diagnosis(trained, temperature, d_s, r_s, samples, long_run(run, trained, x), None)
    return found._replace(adjusted=adjusted_run(run, found.potential, x)) if settings.mala.num_steps else found


def continue_training(run, trained):
    """d_s and r_s `[continued_steps]` of further training steps from the final state; their result is discarded."""
    config, data = run.config, run.dataset
    x = jnp.asarray(data.x_train)
    loader = make_loader(len(x), config.train.batch_size, data.max_value)
    index = jax.random.randint(run.rng_key, (config.evaluate.continued_steps, config.train.batch_size), 0, len(x))

    def one_step(state, rows):
        state, metrics = trained.method.train_step(state, batch_of(loader, {"x": x}, rows))
        return state, (metrics["d_s"], metrics["r_s"])

    return jax.device_get(jax.jit(lambda state: jax.lax.scan(one_step, state, index)[1])(trained.state))


def long_run(run, trained, x):
    """{steps: positions} of chains from `x`, by the kernel of training for `long_run_steps`."""
    block = run.config.evaluate.long_run_steps // 100
    advance = jax.jit(partial(trained.method.functions["run"], trained.state, num_steps=block))
    kept = {0: np.asarray(x)}
    for percent in range(1, 101):
        x = advance(jax.random.fold_in(run.rng_key, percent), x)
        if percent in KEPT:
            kept[percent * block] = np.asarray(x)
    return kept


def adjusted_run(run, potential, x) -> Adjusted:
    """Metropolis-adjusted chains from `x`: on exp(-E / T) itself, without the bias of training's kernel."""
    settings = run.config.evaluate.mala
    kernel = mala(potential, step_size=settings.step_size, temperature=settings.temperature_factor)
    block = settings.num_steps // 100

    @jax.jit
    def advance(key, x):
        state, info, _ = run_chain(kernel, key, x, block)
        return state.position, jnp.mean(info.acceptance_rate)

    kept, rates = {0: np.asarray(x)}, []
    for percent in range(1, 101):
        x, rate = advance(jax.random.fold_in(run.rng_key, percent), x)
        rates.append(rate)
        if percent in KEPT:
            kept[percent * block] = np.asarray(x)
    return Adjusted(kept, float(np.mean(rates)))
