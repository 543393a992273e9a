"""Chains on a known density: their diagnostics, tables, pictures and results."""

import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict
from rich.console import Console
from rich.table import Table

from ebmjax.diagnostics import autocorrelation, summarise
from ebmjax.energies import Target, standard_normal
from ebmjax.mcmc import (
    KERNELS,
    adapt_step_size,
    averaged_step_size,
    in_data_space,
    learn_inverse_mass,
    neural_transport,
    run_chain,
)
from ebmjax.report.results import OWN, Figures, write_results
from ebmjax.report.run_page import write_report
from ebmjax.training.arguments import Arguments
from ebmjax.training.config import ConfigError, Limit, choose, input_errors
from ebmjax.training.devices import enable_compilation_cache
from ebmjax.training.workdir import open_untrained
from ebmjax.types import Array
from ebmjax.viz.chains import plot_autocorrelation, plot_density, plot_traces
from experiments.build.chains import check_target, kernel_options
from experiments.measure.comparison import count_evaluations, print_comparison

LIMITS = {"num_chains": 4, "num_warmup": 8, "num_steps": 4}
NUM_EXACT = 100_000
DATA_SPACE = "data space"
"""Title of the arm of chains without neural transport."""


class Arm(NamedTuple):
    """Draws x[num_steps, num_chains, dim] of one sampler, their diagnostics `[dim]` each, and scalar figures."""

    x: np.ndarray
    summary: dict[str, np.ndarray]
    figures: dict[str, float]


def open_chains(
    name: str, arguments: Arguments, limits: Mapping[str, Limit] = {}, samplers: Sequence[str] = ("sampler",)
) -> tuple[ConfigDict, Path, str]:
    """`open_untrained` for a command whose chains are described by the sections `samplers`, which it checks too."""
    opened = open_untrained(name, arguments, LIMITS | dict(limits))
    for field in samplers:
        check_sampler(opened[0][field], field)
    enable_compilation_cache()
    return opened


def check_sampler(sampler, field: str) -> None:
    """Raise ConfigError unless the section `field`, whose fields are `sampler`, describes a kernel."""
    kernel = choose(KERNELS, sampler.name, f"{field}.name")
    if not (sampler.step_size > 0 and sampler.temperature > 0):
        raise ConfigError(f"{field}.step_size and {field}.temperature must be > 0")
    if sampler.learn_mass and sampler.name != "hmc":
        raise ConfigError(f"{field}.learn_mass = True needs {field}.name = hmc: {sampler.name} has no mass")
    check_target(sampler, field)
    with input_errors():  # options are checked where a kernel is built
        kernel(standard_normal, **{k: sampler[k] for k in ("step_size", "temperature")}, **kernel_options(sampler))


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
    learn = config.num_warmup // 2 if config.sampler.learn_mass else 0
    return learn, config.num_warmup - learn


def run_arm(config, target, transport, rng_key, *, count: bool = False):
    """Warm up, sample and diagnose. Chains start from N(0, start_scale² I) of the space they run in.

    count: run it once more to count the gradients, warm-up included.
    """
    learn, warm_up = num_warmup(config)
    collect = (lambda state, info: state.position) if transport is None else in_data_space(transport)

    def sample(energy, rng_key):
        def build(inverse_mass=None):
            latent = partial(make_kernel, config, inverse_mass=inverse_mass)
            if transport is None:
                return latent(energy)
            return neural_transport(energy, transport=transport, make_kernel=latent)

        keys = jax.random.split(rng_key, 3)
        start = config.start_scale * jax.random.normal(keys[0], (config.num_chains, target.dim))
        kernel = build()
        if learn:
            start, inverse_mass = learn_inverse_mass(build, jax.random.fold_in(keys[1], warm_up), start, learn)
            kernel = build(inverse_mass)
        state, warm, _ = run_chain(kernel, keys[1], start, warm_up)
        state, info, x = run_chain(
            kernel, keys[2], state.position, config.num_steps, adapt=state.adapt, collect=collect
        )
        return state.adapt, info, x, jnp.sum(warm.num_nonfinite) + jnp.sum(info.num_nonfinite)

    compiled = jax.jit(partial(sample, target.energy)).lower(rng_key).compile()
    started = time.perf_counter()
    adapt, info, x, num_nonfinite = jax.block_until_ready(compiled(rng_key))
    seconds = time.perf_counter() - started
    summary = {name: np.asarray(value) for name, value in jax.jit(summarise)(x).items()}
    figures = {
        "rhat_max": summary["rhat"].max(),
        "ess_bulk_min": summary["ess_bulk"].min(),
        "ess_tail_min": summary["ess_tail"].min(),
        "ess_per_second": summary["ess_bulk"].min() / seconds,
        "acceptance": float(jnp.mean(info.acceptance_rate)),
        "num_nonfinite": float(num_nonfinite),
    }
    if config.sampler.target_acceptance:
        figures["step_size"] = float(averaged_step_size(adapt))
    if count:
        gradients = count_evaluations(sample, target.energy, rng_key)
        figures["gradients_per_transition"] = gradients / (config.num_warmup + config.num_steps)
        figures["ess_per_thousand_gradients"] = 1000 * figures["ess_bulk_min"] / (gradients * config.num_chains)
    return Arm(np.asarray(x), summary, figures)


def exact_draws(target: Target, rng_key: Array) -> np.ndarray | None:
    """`NUM_EXACT` independent draws, or None where the target has none."""
    return None if target.sample is None else np.asarray(target.sample(rng_key, NUM_EXACT))


def print_summary(arms, exact):
    """The diagnostics of the first coordinates, arm by arm, against the exact moments where they are known."""
    for name, arm in arms.items():
        columns = ["mean", "sd", "mcse", "rhat", "ess_bulk", "ess_tail"]
        known = ["exact mean", "exact sd"] if exact is not None else []
        table = Table("coordinate", *columns, *known, title=name, title_justify="left")
        for i in range(min(arm.x.shape[2], 10)):
            row = [f"{arm.summary[c][i]:.3f}" for c in columns[:4]] + [f"{arm.summary[c][i]:.0f}" for c in columns[4:]]
            row += [f"{exact[:, i].mean():.3f}", f"{exact[:, i].std():.3f}"] if exact is not None else []
            table.add_row(str(i), *row)
        Console(width=None if sys.stdout.isatty() else 110).print(table)


def with_errors(arm: Arm, exact) -> dict[str, float]:
    """The figures of an arm, with its errors against exact draws, if there are any."""
    if exact is None:
        return arm.figures
    mean, sd = exact.mean(0), exact.std(0)
    errors = {"mean_error_max": np.max(np.abs(arm.summary["mean"] - mean) / sd)}
    return arm.figures | errors | {"sd_error_max": np.max(np.abs(arm.summary["sd"] / sd - 1.0))}


def figures_of(arms: Mapping[str, Arm], exact) -> Figures:
    """Figures of {title: arm}: the first as our own, the others as baselines. exact: draws, or None."""
    names = [OWN, *(title.replace(" ", "_") for title in list(arms)[1:])]
    return {name: with_errors(arm, exact) for name, arm in zip(names, arms.values())}


def draw(config, target, arms: Mapping[str, Arm], exact, workdir: Path) -> list[Path]:
    """The pictures of {title: arm}: traces, autocorrelation and, of more than one dimension, densities."""
    paths = [workdir / f"{name}.png" for name in ("traces", "autocorrelation", "density")]
    plot_traces({title: arm.x for title, arm in arms.items()}, paths[0])
    lags = min(100, config.num_steps - 1)
    rho = {t: np.asarray(jnp.mean(autocorrelation(jnp.asarray(a.x), lags + 1), axis=1)) for t, a in arms.items()}
    plot_autocorrelation(rho, paths[1], max_lag=lags)
    if target.dim == 1:
        return paths[:2]
    draws = {title: arm.x.reshape(-1, target.dim) for title, arm in arms.items()}
    plot_density(draws | ({} if exact is None else {"exact": exact}), paths[2])
    return paths


def write(opened, target, arms: Mapping[str, Arm], exact, note: str = "", *, compare: bool = False) -> None:
    """Print the tables, draw, and write results.json.

    opened: from `open_chains`. arms: {title: arm}, the method itself first. exact: draws of the target, or None. note:
    added to the protocol. compare: one table with a row for each arm, in place of one of coordinates for each.
    """
    config, workdir, command = opened
    if not compare:
        print_summary(arms, exact)
    pictures = draw(config, target, arms, exact, workdir)
    learned = " (its first half learns a diagonal mass, not in num_nonfinite)" if config.sampler.learn_mass else ""
    protocol = (
        f"{config.num_chains} chains from N(0, {config.start_scale}² I), {config.num_warmup} of warm-up{learned}, "
        f"{config.num_steps} kept. Rank-normalised split R-hat and ESS (arXiv 1903.08008) of the worst coordinate. "
        "ess_per_second: ess_bulk_min over the wall seconds of warm-up and sampling, compiled. "
        "mean_error_max: in exact standard deviations. sd_error_max: relative. " + note
    )
    origin = {
        "experiment": config.experiment,
        "method": config.sampler.name,
        "dataset": target.name,
        "seed": config.seed,
        "num_steps": config.num_steps,
        "command": command,
    }
    path = workdir / "results.json"
    write_results(path, origin, figures_of(arms, exact), protocol)
    print("wrote:", *(f"  {p}" for p in [*pictures, path, write_report(workdir)]), sep="\n")
    if compare:
        print_comparison({title: with_errors(arm, exact) for title, arm in arms.items()})
