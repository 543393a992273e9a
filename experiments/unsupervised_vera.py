"""VERA without labels (Grathwohl, Kelly et al. 2021, arXiv 2010.04230): an energy of points, images or stacked digits.

In the plane the learned density is compared with the known law, and the bound of log Z with log Z on a grid. Of images
the generator's samples are measured by Fréchet distances, those of stacked images ("stacked:NAME") by the modes that
they cover.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.evaluation import map_batches, sample_in_batches, square_grid
from ebmjax.evaluation.entropy_bounds import entropy_bounds
from ebmjax.report.results import OWN, Figures, merge
from ebmjax.training import cli
from ebmjax.training.config import choose
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.viz import landscape, pictures
from experiments.build.vera import ARMS, make_vera
from experiments.measure import images, stacked
from experiments.measure.history import draw_health
from experiments.measure.plane import TOYS, density_pictures, grid_of, mode_figures, toy_figures


def by_chains(config, data_spec):
    """The method with the entropy's gradient estimated by chains over z, as with model.posterior.name = hmc."""
    config = config.copy_and_resolve_references()
    config.model.posterior.name = "hmc"
    return make_vera(config, data_spec)


BASELINES = {"no_entropy": ARMS["no_entropy"], "hmc": by_chains}
"""Values of config.evaluate.arms."""


def baselines(config, data_spec):
    """The arms of config.evaluate.arms, trained as long."""
    return {name: choose(BASELINES, name, "evaluate.arms")(config, data_spec) for name in config.evaluate.arms}


def energy_of(trained):
    """E(x) `[B]` of a trained method, compiled."""
    return jax.jit(partial(trained.method.functions["energy"], trained.state))


def draws_of(run, trained, num, key):
    """(x, g(z)) of `num` samples of the generator, each `[num, ...]`."""
    generate = trained.method.functions["generate"]
    sigma = jnp.exp(trained.state.params["generator"]["log_sigma"])

    @partial(jax.jit, static_argnums=1)
    def draw(key, num):
        z_key, noise_key = jax.random.split(key)
        mean = generate(trained.state, jax.random.normal(z_key, (num, run.config.model.latent_dim)))
        return mean + sigma * jax.random.normal(noise_key, mean.shape), mean

    return sample_in_batches(draw, key, num, min(num, 10_000))


def bound_figures(run, trained, grid) -> dict[str, float]:
    """log Z on a grid of twice the side, and the gap to the bound E_q[-E] + H(q), which is KL(generator || model).

    The entropy is known between two bounds, hence the gap too.
    """
    keys, settings = jax.random.split(run.rng_key), run.config.evaluate
    x, own = draws_of(run, trained, settings.num_bound, keys[0])
    means = draws_of(run, trained, settings.num_means, keys[1])[1]
    sigma = float(jnp.exp(trained.state.params["generator"]["log_sigma"]))
    lower, upper = entropy_bounds(x, own, means, sigma)
    energy, wide = energy_of(trained), square_grid(2 * grid.limit, 2 * grid.num)
    of_grid = map_batches(energy, np.asarray(wide.x), 10_000)
    log_z = float(jax.nn.logsumexp(-of_grid)) + np.log(wide.cell)
    mean = -float(np.mean(map_batches(energy, x, settings.num_bound)))
    return {
        "log_z": log_z,
        "log_z_gap_lowest": log_z - (mean + upper),
        "log_z_gap_highest": log_z - (mean + lower),
        "sigma": sigma,
    }


def plane_figures(run, arms) -> tuple[Figures, dict]:
    """KL to the law, modes, and the bound of log Z of every arm; and the picture of ours."""
    toy, grid, figures, drawn = TOYS.get(run.dataset.name), grid_of(run.dataset), {}, {}
    for arm, trained in arms.items():
        drawn[arm] = draws_of(run, trained, len(run.dataset.x_test), run.rng_key)[0]
        figures[arm] = bound_figures(run, trained, grid)
        if toy is not None:
            figures[arm] |= toy_figures(toy, energy_of(trained), {"samples": drawn[arm]})
    log_density = jax.nn.log_softmax(-map_batches(energy_of(run.trained), np.asarray(grid.x), 10_000))
    densities = density_pictures({"exp(-E)": log_density - np.log(grid.cell)}, grid)
    if toy is not None:
        figures["real"] = mode_figures(toy, "samples", run.dataset.x_test)
        log_true = jax.nn.log_softmax(-toy.target.energy(grid.x)) - np.log(grid.cell)
        densities = density_pictures({"true density": log_true}, grid) | densities
    path = run.workdir / "landscape.png"
    shown = {"data": run.dataset.x_test, "samples of the generator": drawn[OWN]}
    landscape.plot_landscape(densities, shown, grid.limit, path, title=f"VERA on {run.dataset.name}")
    return figures, {path: ""}


def image_figures(run, arms) -> tuple[Figures, dict]:
    """Fréchet distances of every arm's samples and of test images, modes of stacked images; and grids of samples."""
    train, test = images.examples(run)
    samplers = {arm: partial(jax.jit(t.method.sample, static_argnums=2), t.state) for arm, t in arms.items()}
    drawn, shown = images.draw_arms(run, samplers, len(train)), {}
    of_stacks = stacked.is_stacked(run.dataset)
    spaces = images.pixel_space(train) if of_stacks else images.feature_spaces(run, train)
    figures = images.frechet_figures(spaces, train, drawn | {"real": test})
    if of_stacks:
        figures = merge(figures, stacked.stacked_figures(run, drawn | {"real": test}))
    for arm, x in drawn.items():
        path = run.workdir / f"samples{f'_{arm}' if arm else ''}.png"
        pictures.save_grid(x[:100], path)
        shown[path] = f"Samples of the generator{f', arm {arm}' if arm else ''}"
    return figures, shown


def evaluate(run):
    """Figures of every arm, by the kind of the data, and pictures."""
    arms = {OWN: run.trained} | run.baselines
    in_plane = run.dataset.x_test.shape[1:] == (2,)
    if in_plane:
        figures, shown = plane_figures(run, arms)
    elif run.dataset.x_test.ndim == 4:
        figures, shown = image_figures(run, arms)
    else:
        figures, shown = table_figures(run, arms), {}
    shown |= draw_health(run, f"VERA on {run.dataset.name}")
    return Evaluation(figures, protocol(run, in_plane), shown)


def table_figures(run, arms) -> Figures:
    """Fréchet distances over the columns of a table, or over pixels of vectors."""
    train, test = images.examples(run)
    samplers = {arm: partial(jax.jit(t.method.sample, static_argnums=2), t.state) for arm, t in arms.items()}
    drawn = images.draw_arms(run, samplers, len(train))
    return images.frechet_figures(images.pixel_space(train), train, drawn | {"real": test})


def protocol(run, in_plane):
    """How the figures were measured."""
    settings = run.config.evaluate
    arms = (
        "no_entropy: trained without the entropy of the generator; hmc: with its gradient by chains over z instead of "
        "importance sampling; real: test examples instead of samples."
    )
    if in_plane:
        return (
            f"log_z: of exp(-E), on a grid of twice the picture's side. log_z_gap: log Z - (E_q[-E] + H(q)), which is "
            f"KL(generator || exp(-E) / Z), {settings.num_bound} samples; H(q) lies between two bounds by "
            f"{settings.num_means} draws of z, hence lowest and highest. kl_true_model: KL(law || exp(-E) / Z) in nats "
            f"on 200 x 200 cells of the picture. energy_, samples_: of exp(-E) and of {len(run.dataset.x_test)} "
            "samples, the largest error of the modes' shares and the standard deviation within modes. "
            f"{arms} Last parameters, no selection."
        )
    num = min(len(run.dataset.x_train), settings.max_examples)
    modes = stacked.protocol(run, num) if stacked.is_stacked(run.dataset) else ""
    frechet = images.frechet_protocol(num, min(len(run.dataset.x_test), settings.max_examples))
    return f"{frechet} {modes}{arms} Last parameters, no selection."


EXPERIMENT = Experiment(
    default_config="configs/unsupervised_vera/eight_gaussians.py",
    limits=lambda config: {"evaluate.num_bound": 1, "evaluate.num_means": 1, "model.posterior.num_samples": 1},
    build=make_vera,
    baselines=baselines,
    check_data=stacked.check_data,
    evaluate=evaluate,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
