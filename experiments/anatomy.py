"""Anatomy of maximum-likelihood learning with MCMC (Nijkamp et al. 2020, arXiv 1903.12370).

Trains one energy with chains from noise, from the data or from a bank, and asks what was learned: is the energy in
balance with its samples, or do long chains leave what short ones make? On the toys a non-convergent run is set beside.
"""

import numpy as np

from ebmjax.methods import anatomy
from ebmjax.training import cli
from ebmjax.training.config import ConfigError, require
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.metrics import read_rows
from ebmjax.training.optimizers import make_optimizers
from ebmjax.viz import health, landscape, learning, pictures
from experiments.pieces import chain_starts, make_chain, make_data_energy
from experiments.probes import probe
from experiments.toys import TOYS, mode_figures, toy_densities, toy_figures

LOWEST = {
    "model.energy.width": 1,
    "model.energy.widths": 1,
    "optimizer.energy.learning_rate": 0,
    "optimizer.energy.clip_norm": 0,
    "evaluate.num_chains": 2,
    "evaluate.num_samples": 2,
    "evaluate.continued_steps": 20,
    "evaluate.long_run_steps": 100,
    "evaluate.mala.num_steps": 0,
}


def build(config, data_spec):
    """The method of a config."""
    for field, low in LOWEST.items():
        require(config, field, low)
    if config.evaluate.long_run_steps % 100:
        raise ConfigError(f"evaluate.long_run_steps = {config.evaluate.long_run_steps} must be a multiple of 100")
    steps_per_epoch = max(data_spec.num_train // config.train.batch_size, 1)
    return anatomy(
        make_data_energy(config, data_spec.shape),
        chain=make_chain(config, "chain"),
        optimizers=make_optimizers(config.optimizer, config.train.num_steps, steps_per_epoch),
        shape=data_spec.shape,
        temperature=config.sampler.chain.temperature,
        data_noise=config.model.data_noise,
        energy_l2=config.model.energy_l2,
        gradient_penalty=config.model.gradient_penalty,
        **chain_starts(config, data_spec),
    )


def nonconvergent(config):
    """The config with the sections of config.nonconvergent in the place of its own."""
    other = config.copy_and_resolve_references().unlock()
    for section, fields in config.nonconvergent.items():
        other[section] = fields
    return other.lock()


def baselines(config, data_spec):
    """The same energy learned on the same data by chains that do not converge, where the config describes them."""
    wanted = config.evaluate.nonconvergent_baseline and len(config.nonconvergent)
    return {"nonconvergent": build(nonconvergent(config), data_spec)} if wanted else {}


def figures_of(run, arm):
    """The figures of one arm: of its learning; on toys against the known law; on images how many pixels saturate."""
    figures = {"mean_d_s": np.mean(arm.d_s[-1000:]), "mean_r_s": np.mean(arm.r_s[-1000:])}
    end, toy = arm.long[max(arm.long)], TOYS.get(run.dataset.name)
    if toy is not None:
        bank = arm.trained.state.extra.get("chains")
        draws = {"bank": bank, "short_run": arm.samples, "long_run": end, "mala": arm.exact}
        figures |= toy_figures(toy, arm.potential, {name: x for name, x in draws.items() if x is not None})
        of_data = mode_figures(toy, "data", run.dataset.x_test)
        figures["long_run_sd_ratio"] = figures["long_run_mode_sd"] / of_data["data_mode_sd"]
    if run.dataset.max_value is not None:
        figures["long_run_saturated"] = np.mean(np.abs(end) > 1)
    return figures


def draw_arm(run, arm, title, suffix):
    """Pictures of one arm: its learning, and its landscape or its samples and long chains."""
    data, toy = run.dataset, TOYS.get(run.dataset.name)
    path = lambda stem: run.workdir / f"{stem}{suffix}.png"
    learning.plot_learning(arm.d_s, arm.r_s, path("learning"), title=title)
    if toy is not None:
        steps = max(arm.long)
        draws = {f"chains from data, {steps:,} steps": arm.long[steps]}
        densities = toy_densities(toy, arm.potential, arm.samples)
        landscape.plot_landscape(densities, draws, toy.limit, path("landscape"), title=title)
        return [path("learning"), path("landscape")]
    if data.max_value is None:
        return [path("learning")]
    pictures.save_grid(arm.samples[:100], path("samples"))
    strip = np.stack([x[:8] for x in arm.long.values()], axis=1)
    steps = ", ".join(map(str, arm.long))
    pictures.save_interpolations(strip, path("long_run"), title=f"chains from data, after {steps} steps")
    return [path(stem) for stem in ("learning", "samples", "long_run")]


def draw(run, arms):
    """The pictures of all arms, the strip that compares them, and the health of the training."""
    name, toy = run.dataset.name, TOYS.get(run.dataset.name)
    label = lambda arm: arm or ("convergent" if run.baselines else "chains")
    paths = []
    for arm, found in arms.items():
        paths += draw_arm(run, found, f"{name}: {label(arm)}" if run.baselines else name, arm and f"_{arm}")
    if toy is not None:
        paths.append(run.workdir / "long_run.png")
        strips = {label(arm): found.long for arm, found in arms.items()}
        landscape.plot_long_run(strips, toy.limit, paths[-1], title=f"{name}: chains from data")
    rows = [row for row in read_rows(run.workdir / "metrics.jsonl") if row["step"] <= run.trained.state.step]
    if rows:
        paths.append(run.workdir / "health.png")
        health.plot_health(rows, paths[-1], title=f"anatomy on {name}")
    return paths


def evaluate(run):
    """What each arm learned: the series of its learning, its landscape, and where its long chains end."""
    arms = {"": probe(run, run.trained, run.config.sampler.chain.temperature)}
    for name, trained in run.baselines.items():
        arms[name] = probe(run, trained, nonconvergent(run.config).sampler.chain.temperature)
    figures = {name: figures_of(run, arm) for name, arm in arms.items()}
    metrics = figures.pop("")
    others = {f"{name}_{key}": value for name, found in figures.items() for key, value in found.items()}
    return Evaluation(metrics, others, protocol(run.config), draw(run, arms))


def protocol(config):
    """How the figures were measured."""
    settings, chain = config.evaluate, config.sampler.chain
    return (
        f"mean_d_s (nats), mean_r_s: the last 1,000 of {settings.continued_steps} steps of training continued from the "
        f"final state. long_run: {settings.num_chains} chains of training's kernel from test data after "
        f"{settings.long_run_steps} steps; long_run_sd_ratio: their standard deviation within modes over that of the "
        f"test data; mala: Metropolis-adjusted chains from there, at {settings.mala.temperature_factor} T, after "
        f"{settings.mala.num_steps} steps; short_run: {settings.num_samples} samples of training's chain; bank: all "
        "its chains; energy: exp(-E / T) on a grid, as is KL(true || model) in nats. Unadjusted chains with noise "
        f"s = {chain.step_size} are wider than exp(-E / T): where they match data of variance V within a mode, the "
        "energy's is (V / 2)(1 + sqrt(1 - s²/V)), so energy_mode_sd is below the data's by design (.132 for .15). "
        "long_run_saturated: share of pixels outside [-1, 1]. Last parameters, no selection."
    )


def draw_samples(x, path):
    """A grid of samples while training; nothing for points of the plane."""
    if np.ndim(x) == 4:
        pictures.save_grid(x, path)


EXPERIMENT = Experiment(
    name="anatomy",
    default_config="configs/anatomy/gmm.py",
    build=build,
    baselines=baselines,
    evaluate=evaluate,
    draw_samples=draw_samples,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
