"""Draw from an analytic target, or from the energy of a trained run, with any kernel, and diagnose the chains.

With neural transport the kernel runs in the latent space of the target's exact map, beside itself in data space.
"""

import sys
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from ebmjax.diagnostics import autocorrelation, summarise
from ebmjax.mcmc import KERNELS, adapt_step_size, averaged_step_size, in_data_space, neural_transport, run_chain
from ebmjax.training import cli, results
from ebmjax.training.config import ConfigError, choose, to_json
from ebmjax.training.files import write_atomically
from ebmjax.training.reproduce import command_of
from ebmjax.training.run import enable_compilation_cache, say
from ebmjax.viz.chains import plot_autocorrelation, plot_density, plot_traces
from ebmjax.viz.report import write_report
from experiments.pieces import check_target, kernel_options
from experiments.targets import make_target

DEFAULT_CONFIG = "configs/sample/funnel.py"
NUM_EXACT = 100_000


class Arm(NamedTuple):
    """Draws x[num_steps, num_chains, dim] of one way to sample, their diagnostics `[dim]` each, and scalars."""

    x: np.ndarray
    summary: dict[str, np.ndarray]
    figures: dict[str, float]


def make_kernel(config, potential):
    """config.sampler.name on `potential`, its step size adapting where a target acceptance is set."""
    sampler = config.sampler
    builder = choose(KERNELS, sampler.name, "sampler.name")
    options = kernel_options(sampler) | {"temperature": sampler.temperature}
    if not sampler.target_acceptance:
        return builder(potential, step_size=sampler.step_size, **options)
    return adapt_step_size(
        potential,
        make_kernel=partial(builder, **options),
        step_size=sampler.step_size,
        target=sampler.target_acceptance,
        num_adapt=config.num_warmup,
    )


def run_arm(config, target, transport, rng_key):
    """Warm up, sample and diagnose. Chains start from N(0, start_scale² I) of the space they run in."""
    build = partial(make_kernel, config)
    if transport is None:
        kernel, collect = build(target.energy), lambda state, info: state.position
    else:
        kernel = neural_transport(target.energy, transport=transport, make_kernel=build)
        collect = in_data_space(transport)

    def sample(rng_key):
        keys = jax.random.split(rng_key, 3)
        start = config.start_scale * jax.random.normal(keys[0], (config.num_chains, target.dim))
        state, warm, _ = run_chain(kernel, keys[1], start, config.num_warmup)
        state, info, x = run_chain(
            kernel, keys[2], state.position, config.num_steps, adapt=state.adapt, collect=collect
        )
        return state.adapt, info, x, jnp.sum(warm.num_nonfinite) + jnp.sum(info.num_nonfinite)

    compiled = jax.jit(sample).lower(rng_key).compile()
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
    return Arm(np.asarray(x), summary, figures)


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


def sample(arguments):
    """Run both arms, print the tables, draw, write results.json."""
    config = arguments.config
    if config.get("experiment") != "sample":
        raise ConfigError(
            f"this config belongs to another experiment: python -m experiments.{config.get('experiment')}"
        )
    if min(config.num_steps, config.num_warmup, config.num_chains) < 4:
        raise ConfigError("num_steps, num_warmup and num_chains must be at least 4")
    if config.sampler.step_size <= 0 or config.sampler.temperature <= 0:
        raise ConfigError("sampler: step_size and temperature must be > 0")
    check_target(config.sampler)
    enable_compilation_cache()
    target = make_target(config)
    if config.sampler.neural_transport and target.transport is None:
        raise ConfigError(f"{target.name} has no exact map: set --config.sampler.neural_transport=False")
    workdir = arguments.workdir or Path("runs") / "sample" / arguments.name
    workdir.mkdir(parents=True, exist_ok=True)
    write_atomically(workdir / "config.json", to_json(config) + "\n")
    say(f"sample: {config.sampler.name} on {target.name}, {config.num_chains} chains, in {workdir}")
    keys = jax.random.split(jax.random.key(config.seed), 3)
    arms = {"data space": run_arm(config, target, None, keys[0])}
    if config.sampler.neural_transport:
        arms = {"neural transport": run_arm(config, target, target.transport, keys[1])} | arms
    exact = target.sample(keys[2], NUM_EXACT)
    exact = None if exact is None else np.asarray(exact)
    finish(config, target, arms, exact, workdir)


def finish(config, target, arms, exact, workdir, *, note=""):
    """Tables, pictures and results.json. note: what its protocol says besides."""
    main, *others = arms.values()
    metrics, baselines = dict(main.figures), {f"data_space_{k}": v for arm in others for k, v in arm.figures.items()}
    if exact is not None:
        error = lambda arm: np.max(np.abs(arm.summary["mean"] - exact.mean(0)) / exact.std(0))
        metrics["mean_error_max"] = error(main)
        if others:
            baselines["data_space_mean_error_max"] = error(others[0])
    print_summary(arms, exact)
    paths = [workdir / f"{name}.png" for name in ("traces", "autocorrelation", "density")]
    plot_traces({k: a.x for k, a in arms.items()}, paths[0])
    lags = min(100, config.num_steps - 1)
    rho = {k: np.asarray(jnp.mean(autocorrelation(jnp.asarray(a.x), lags + 1), axis=1)) for k, a in arms.items()}
    plot_autocorrelation(rho, paths[1], max_lag=lags)
    if target.dim > 1:
        draws = {k: a.x.reshape(-1, target.dim) for k, a in arms.items()}
        plot_density(draws | ({} if exact is None else {"exact": exact}), paths[2])
    protocol = (
        f"{config.num_chains} chains from N(0, {config.start_scale}² I), {config.num_warmup} of warm-up, "
        f"{config.num_steps} kept. Rank-normalised split R-hat and ESS (arXiv 1903.08008) of the worst coordinate. "
        "ess_per_second: ess_bulk_min over the wall seconds of warm-up and sampling, compiled. "
        "mean_error_max: in exact standard deviations. " + note
    )
    summary = {
        "experiment": config.experiment,
        "method": config.sampler.name,
        "dataset": target.name,
        "metrics": {k: float(v) for k, v in metrics.items()},
        "baselines": {k: float(v) for k, v in baselines.items()},
        "protocol": protocol,
        "seed": config.seed,
        "num_steps": config.num_steps,
        "commit": results.commit(),
        "command": command_of(config.experiment, f"configs/{config.experiment}/funnel.py", config),
        "versions": results.versions(),
    }
    results.write(workdir / "results.json", summary)
    results.print_table(workdir / "results.json")
    written = [*paths, workdir / "results.json", write_report(workdir)]
    print("wrote:", *(f"  {p}" for p in written if p.exists()), sep="\n")


if __name__ == "__main__":
    cli.command("sample", DEFAULT_CONFIG, sample, doc=__doc__)
