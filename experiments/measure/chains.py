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

from ebmjax.diagnostics import Report, autocorrelation, diagnose, summarise
from ebmjax.energies import Target
from ebmjax.mcmc import in_data_space, online, run_chain
from ebmjax.report.results import OWN, Figures, write_results
from ebmjax.report.run_page import write_report
from ebmjax.training.arguments import Arguments
from ebmjax.training.config import Limit
from ebmjax.training.devices import enable_compilation_cache
from ebmjax.training.workdir import open_untrained
from ebmjax.types import Array
from ebmjax.viz.chains import plot_autocorrelation, plot_density, plot_ess_evolution, plot_ranks, plot_traces
from experiments.build.warm_ups import check_sampler, settle
from experiments.measure.comparison import count_evaluations, print_comparison

LIMITS = {"num_chains": 4, "num_warmup": 8, "num_steps": 4}
NUM_EXACT = 100_000
DATA_SPACE = "data space"
"""Title of the arm of chains without neural transport."""


class Arm(NamedTuple):
    """Draws x[num_steps, num_chains, dim] of one sampler, their diagnostics `[dim]` each, scalar figures, and what is
    wrong in words."""

    x: np.ndarray
    summary: dict[str, np.ndarray]
    figures: dict[str, float]
    report: Report


def open_chains(
    name: str, arguments: Arguments, limits: Mapping[str, Limit] = {}, samplers: Sequence[str] = ("sampler",)
) -> tuple[ConfigDict, Path, str]:
    """`open_untrained` for a command whose chains are described by the sections `samplers`, which it checks too."""
    opened = open_untrained(name, arguments, LIMITS | dict(limits))
    for field in samplers:
        check_sampler(opened[0][field], field, opened[0].num_warmup)
    enable_compilation_cache()
    return opened


def run_arm(config, target, transport, rng_key, *, count: bool = False):
    """Warm up, sample and diagnose. Chains start from N(0, start_scale² I) of the space they run in.

    count: run it once more to count the gradients, warm-up included.
    """
    place = (lambda state, info: state.position) if transport is None else in_data_space(transport)
    collect = {"x": place, "ebfmi": online.ebfmi()}

    def sample(energy, rng_key):
        keys = jax.random.split(rng_key, 3)
        start = config.start_scale * jax.random.normal(keys[0], (config.num_chains, target.dim))
        warm = settle(config, energy, transport, keys[1], start)
        _, info, found = run_chain(
            warm.kernel, keys[2], warm.position, config.num_steps, adapt=warm.adapt, collect=collect
        )
        return warm.step_size, info, found, jnp.sum(warm.num_nonfinite) + jnp.sum(info.num_nonfinite)

    compiled = jax.jit(partial(sample, target.energy)).lower(rng_key).compile()
    started = time.perf_counter()
    step_size, info, found, num_nonfinite = jax.block_until_ready(compiled(rng_key))
    seconds = time.perf_counter() - started
    x = np.asarray(found["x"])
    summary = {name: np.asarray(value) for name, value in jax.jit(summarise)(x).items()}
    report = diagnose(x, info, ebfmi=found["ebfmi"], target=config.sampler.target_acceptance or None)
    figures = {
        "rhat_max": summary["rhat"].max(),
        "ess_bulk_min": summary["ess_bulk"].min(),
        "ess_tail_min": summary["ess_tail"].min(),
        "ess_per_second": summary["ess_bulk"].min() / seconds,
        "acceptance": float(jnp.mean(info.acceptance_rate)),
        "num_nonfinite": float(num_nonfinite),
        "num_divergent": report.figures["num_divergent"],
    }
    if "ebfmi_min" in report.figures:
        figures["ebfmi_min"] = report.figures["ebfmi_min"]
    if config.sampler.target_acceptance:
        figures["step_size"] = float(step_size)
    if count:
        gradients = count_evaluations(sample, target.energy, rng_key)
        figures["gradients_per_transition"] = gradients / (config.num_warmup + config.num_steps)
        figures["ess_per_thousand_gradients"] = 1000 * figures["ess_bulk_min"] / (gradients * config.num_chains)
    return Arm(x, summary, figures, report)


def exact_draws(target: Target, rng_key: Array) -> np.ndarray | None:
    """`NUM_EXACT` independent draws, or None where the target has none."""
    return None if target.sample is None else np.asarray(target.sample(rng_key, NUM_EXACT))


def print_summary(arms, exact):
    """The diagnostics of the first coordinates, arm by arm, against the exact moments where they are known, and what
    is wrong."""
    for name, arm in arms.items():
        columns = ["mean", "sd", "mcse", "rhat", "ess_bulk", "ess_tail"]
        known = ["exact mean", "exact sd"] if exact is not None else []
        table = Table("coordinate", *columns, *known, title=name, title_justify="left")
        for i in range(min(arm.x.shape[2], 10)):
            row = [f"{arm.summary[c][i]:.3f}" for c in columns[:4]] + [f"{arm.summary[c][i]:.0f}" for c in columns[4:]]
            row += [f"{exact[:, i].mean():.3f}", f"{exact[:, i].std():.3f}"] if exact is not None else []
            table.add_row(str(i), *row)
        Console(width=None if sys.stdout.isatty() else 110).print(table)
        print(arm.report, end="\n\n")


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
    """The pictures of {title: arm}: traces, ranks, ESS, autocorrelation and, of more than one dimension, densities."""
    names = ("traces", "ranks", "ess", "autocorrelation", "density")
    paths = [workdir / f"{name}.png" for name in names]
    x = {title: arm.x for title, arm in arms.items()}
    plot_traces(x, paths[0])
    plot_ranks(x, paths[1])
    plot_ess_evolution(x, paths[2])
    lags = min(100, config.num_steps - 1)
    rho = {t: np.asarray(jnp.mean(autocorrelation(jnp.asarray(a.x), lags + 1), axis=1)) for t, a in arms.items()}
    plot_autocorrelation(rho, paths[3], max_lag=lags)
    if target.dim == 1:
        return paths[:4]
    draws = {title: arm.x.reshape(-1, target.dim) for title, arm in arms.items()}
    plot_density(draws | ({} if exact is None else {"exact": exact}), paths[4])
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
    sampler, learned = config.sampler, ""
    if sampler.get("learn_mass", False):
        learned = " (its first half learns a diagonal mass, not in num_nonfinite)"
    elif sampler.get("warm_up", ""):
        learned = f" by mcmc.warm_up ({sampler.warm_up}; its last window alone in num_nonfinite)"
    protocol = (
        f"{config.num_chains} chains from N(0, {config.start_scale}² I), {config.num_warmup} of warm-up{learned}, "
        f"{config.num_steps} kept. Rank-normalised split R-hat and ESS (arXiv 1903.08008) of the worst coordinate. "
        "ess_per_second: ess_bulk_min over the wall seconds of warm-up and sampling, compiled. "
        "mean_error_max: in exact standard deviations. sd_error_max: relative. num_divergent and ebfmi_min: of the "
        "steps kept. " + note
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
