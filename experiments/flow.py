"""A normalising flow trained by maximum likelihood, on points of the plane, tables or images.

It is measured by the likelihood of test data; in the plane, where the law is known, also by KL(true || flow).
Experiments that need a trained flow train their own in `prepare`, or use that of a run of this command.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.evaluation import grid_kl, grid_log_density
from ebmjax.report.results import OWN, Figures, merge
from ebmjax.training import cli
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.viz import landscape, pictures
from experiments.build.flows import by_likelihood
from experiments.measure.flows import batched_log_prob, continuous, gaussian_figures, likelihood_figures
from experiments.measure.history import draw_health
from experiments.measure.plane import TOYS, density_pictures, grid_of


def evaluate(run):
    """Likelihoods of test and training data under the flow, a Gaussian and the known law, and pictures."""
    settings, (method, state), data = run.config.evaluate, run.trained, run.dataset
    train, test = (continuous(run, x[: settings.max_examples]) for x in (data.x_train, data.x_test))
    energy = jax.jit(partial(method.functions["energy"], state))
    log_prob = batched_log_prob(energy, settings.batch_size)
    own = likelihood_figures(run, log_prob, test=test, train=train)
    figures, shown = merge({OWN: own}, gaussian_figures(run, train, test)), {}
    if test.shape[1:] == (2,):
        found, shown = plane_figures(run, log_prob, test)
        figures = merge(figures, found)
    if test.ndim == 4:
        shown = draw_images(run)
    shown |= draw_health(run, f"{run.config.model.flow.name} on {data.name}")
    return Evaluation(figures, protocol(run.config, len(train), len(test)), shown)


def plane_figures(run, log_prob, test) -> tuple[Figures, dict]:
    """(KL(true || flow) in nats and the law's likelihood, where it is known; {path: caption} of the landscape)."""
    toy, grid = TOYS.get(run.dataset.name), grid_of(run.dataset)
    figures, log_densities = {}, {"flow": log_prob(np.asarray(grid.x))}
    if toy is not None:
        log_true = grid_log_density(toy.target.energy, grid)
        of_law = -np.mean(toy.target.energy(jnp.asarray(test))) - toy.target.log_z
        kl = grid_kl(log_true, log_densities["flow"], grid)
        figures = {OWN: {"kl_true_flow": kl}, "true": {"test_log_likelihood": of_law}}
        log_densities = {"true density": log_true} | log_densities
    draws = {"data": test, "samples of the flow": run.trained.method.sample(run.trained.state, run.rng_key, len(test))}
    path = run.workdir / "landscape.png"
    densities = density_pictures(log_densities, grid)
    landscape.plot_landscape(densities, draws, grid.limit, path, title=f"flow on {run.dataset.name}")
    return figures, {path: ""}


def draw_images(run) -> dict:
    """{path: caption} of grids of 100 samples, of the flow itself and at a lower temperature."""
    (method, state), temperature = run.trained, run.config.evaluate.temperature
    paths = [run.workdir / f"{name}.png" for name in ("samples", "samples_cool")]
    sample = jax.jit(method.functions["sample"], static_argnums=2)
    for path, t in zip(paths, (1.0, temperature)):
        pictures.save_grid(sample(state, run.rng_key, 100, t), path, title=f"temperature {t:g}")
    return dict.fromkeys(paths, "")


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    return (
        f"log_likelihood: mean of log q over {num_test} test (train_: the first {num_train} training) examples, in "
        "nats; images are in [-1, 1], dequantised by one draw of uniform noise. bits_per_dim: of the image's grey "
        "levels, an upper bound in expectation. gaussian: a Gaussian with mean and covariance of those training "
        "examples; true: the known law. kl_true_flow: sum over 200 x 200 cells of the picture, nats. "
        f"{'Averaged' if config.train.ema_decay else 'Last'} parameters, no selection."
    )


EXPERIMENT = Experiment(
    default_config="configs/flow/eight_gaussians.py",
    limits=lambda config: {"evaluate.temperature": 0},
    build=by_likelihood,
    evaluate=evaluate,
)


if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
