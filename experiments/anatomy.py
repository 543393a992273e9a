"""Anatomy of maximum-likelihood learning with MCMC (Nijkamp et al. 2020, arXiv 1903.12370).

Trains an energy with chains from noise, from the data or from a bank, and tests whether learning converged, that is,
whether long chains stay where short ones end. In the plane a non-convergent run is trained for comparison.
"""

import numpy as np

from ebmjax.data import to_float
from ebmjax.methods import anatomy
from ebmjax.report.results import OWN, merge
from ebmjax.training import cli
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.viz import health, landscape, pictures
from experiments.build.chains import chain_starts, make_chain, one_step_size
from experiments.build.networks import make_data_energy
from experiments.build.optimizers import optimizers_of
from experiments.measure import energy_map
from experiments.measure.history import draw_health
from experiments.measure.long_chains import check_lengths, diagnose
from experiments.measure.plane import TOYS, mode_figures, toy_densities, toy_figures

LIMITS = {
    "evaluate.num_chains": 2,
    "evaluate.num_samples": 2,
    "evaluate.continued_steps": 20,
    "evaluate.long_run_steps": 100,
    "evaluate.mala.num_steps": 0,
} | energy_map.LIMITS


def build(config, data_spec):
    """The method of a config."""
    check_lengths(config)
    one_step_size(config, "chain")  # its chains go on for longer than in training
    return anatomy(
        make_data_energy(config, data_spec.shape),
        chain=make_chain(config, "chain"),
        optimizers=optimizers_of(config, data_spec),
        shape=data_spec.shape,
        temperature=config.sampler.chain.temperature,
        data_noise=config.model.data_noise,
        energy_l2=config.model.energy_l2,
        gradient_penalty=config.model.gradient_penalty,
        **chain_starts(config, data_spec),
    )


def nonconvergent(config):
    """The config, with its sections replaced by those of config.nonconvergent."""
    other = config.copy_and_resolve_references().unlock()
    for section, fields in config.nonconvergent.items():
        other[section] = fields
    return other.lock()


def is_compared(config):
    """Whether a non-convergent run is trained too: the config must describe one and ask for it."""
    return config.evaluate.nonconvergent_baseline and len(config.nonconvergent) > 0


def baselines(config, data_spec):
    """The same energy learned on the same data by non-convergent chains, if the config describes them."""
    return {"nonconvergent": build(nonconvergent(config), data_spec)} if is_compared(config) else {}


def figures_of(run, found):
    """Figures of one arm: d_s and r_s; in the plane also against the known law; of images also saturated pixels."""
    figures = {"mean_d_s": np.mean(found.d_s[-1000:]), "mean_r_s": np.mean(found.r_s[-1000:])}
    end, toy = found.long[max(found.long)], TOYS.get(run.dataset.name)
    if toy is not None:
        bank = found.trained.state.extra.get("chains")
        exact = found.adjusted.end if found.adjusted else None
        draws = {"bank": bank, "short_run": found.samples, "long_run": end, "mala": exact}
        figures |= toy_figures(toy, found.potential, {name: x for name, x in draws.items() if x is not None})
        of_data = mode_figures(toy, "data", run.dataset.x_test)
        figures["long_run_sd_ratio"] = figures["long_run_mode_sd"] / of_data["data_mode_sd"]
    if run.dataset.max_value is not None:
        figures["long_run_saturated"] = np.mean(np.abs(end) > 1)
        if found.adjusted:
            figures["mala_saturated"] = np.mean(np.abs(found.adjusted.end) > 1)
    if found.adjusted:
        figures["mala_acceptance"] = found.adjusted.acceptance
    return figures


def draw_arm(run, found, title, suffix):
    """[paths] of the pictures of one arm: d_s and r_s, and its landscape or its samples and long chains."""
    data, toy = run.dataset, TOYS.get(run.dataset.name)
    path = lambda stem: run.workdir / f"{stem}{suffix}.png"
    health.plot_learning_dynamics(found.d_s, found.r_s, path("learning"), title=title)
    if toy is not None:
        steps = max(found.long)
        draws = {f"chains from data, {steps:,} steps": found.long[steps]}
        densities = toy_densities(toy, found.potential, found.samples)
        landscape.plot_landscape(densities, draws, toy.limit, path("landscape"), title=title)
        return [path("learning"), path("landscape")]
    if data.max_value is None:
        return [path("learning")]
    pictures.save_grid(found.samples[:100], path("samples"))
    draw_strip(found.long, path("long_run"), "chains from data")
    if not found.adjusted:
        return [path(stem) for stem in ("learning", "samples", "long_run")]
    draw_strip(found.adjusted.kept, path("mala"), "Metropolis-adjusted chains from data")
    return [path(stem) for stem in ("learning", "samples", "long_run", "mala")]


def draw_strip(times, path, title):
    """A row for each of eight chains of images, {number of steps: x`[N, ...]`}."""
    strip = np.stack([x[:8] for x in times.values()], axis=1)
    pictures.save_interpolations(strip, path, title=f"{title}, after {', '.join(map(str, times))} steps")


def maps_of(run, arms):
    """{arm: `EnergyMap`} of the energies of all arms, from the same test examples; {} if config.evaluate wants none."""
    settings = run.config.evaluate
    if not energy_map.is_wanted(settings):
        return {}
    x = to_float(run.dataset.x_test[: settings.landscape.num_starts], run.dataset.max_value)
    return {arm: energy_map.map_energy(run, found.potential, x, settings.num_chains) for arm, found in arms.items()}


def draw_maps(run, maps):
    """[paths] of the disconnectivity graphs of {arm: `EnergyMap`}."""
    paths = []
    for arm, found in maps.items():
        path = run.workdir / f"disconnectivity{arm and f'_{arm}'}.png"
        paths += energy_map.draw_map(found, path, f"{run.dataset.name}: minima and barriers {arm}".strip())
    return paths


def draw(run, arms, maps):
    """{path: caption} of the pictures of all arms, the strip that compares them, and the health of the training."""
    name, toy = run.dataset.name, TOYS.get(run.dataset.name)
    label = lambda arm: arm or ("convergent" if run.baselines else "chains")
    paths = draw_maps(run, maps)
    for arm, found in arms.items():
        paths += draw_arm(run, found, f"{name}: {label(arm)}" if run.baselines else name, arm and f"_{arm}")
    if toy is not None:
        paths.append(run.workdir / "long_run.png")
        strips = {label(arm): found.long for arm, found in arms.items()}
        landscape.plot_long_run(strips, toy.limit, paths[-1], title=f"{name}: chains from data")
    return dict.fromkeys(paths, "") | draw_health(run, f"anatomy on {name}")


def evaluate(run):
    """Figures and pictures of each arm: d_s and r_s, its landscape, and the ends of its long chains."""
    arms = {OWN: diagnose(run, run.trained, run.config.sampler.chain.temperature)}
    for name, trained in run.baselines.items():
        arms[name] = diagnose(run, trained, nonconvergent(run.config).sampler.chain.temperature)
    maps = maps_of(run, arms)
    mapped = {arm: energy_map.map_figures(found) for arm, found in maps.items()}
    figures = merge({arm: figures_of(run, found) for arm, found in arms.items()}, mapped)
    return Evaluation(figures, protocol(run.config), draw(run, arms, maps))


def protocol(config):
    """How the figures were measured."""
    settings, chain = config.evaluate, config.sampler.chain
    other = " nonconvergent: the same energy and data, with the chains and optimiser of config.nonconvergent."
    text = (
        f"mean_d_s (nats), mean_r_s: the last 1,000 of {settings.continued_steps} steps of training continued from the "
        f"final state. long_run: {settings.num_chains} chains of training's kernel from test data after "
        f"{settings.long_run_steps} steps; long_run_sd_ratio: their standard deviation within modes over that of the "
        f"test data; mala: Metropolis-adjusted chains from there, at {settings.mala.temperature_factor} T, after "
        f"{settings.mala.num_steps} steps of {settings.mala.step_size}; short_run: {settings.num_samples} samples of "
        "training's chain; bank: all its chains; energy: exp(-E / T) on a grid, like KL(true || model), in nats. "
        f"Unadjusted chains with noise s = {chain.step_size} are wider than exp(-E / T): where they match data of "
        "variance V within a mode, the energy's variance is (V / 2)(1 + sqrt(1 - s²/V)), so energy_mode_sd is less "
        "than the data's (.132 for .15). long_run_saturated, mala_saturated: share of pixels outside [-1, 1]. Last "
        "parameters, no selection."
    )
    return text + energy_map.protocol(settings) + (other if is_compared(config) else "")


EXPERIMENT = Experiment(
    default_config="configs/anatomy/gmm.py",
    limits=lambda config: LIMITS,
    build=build,
    baselines=baselines,
    evaluate=evaluate,
    energy_net=make_data_energy,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
