"""Flow-backbone EBM (Nijkamp et al. 2022, arXiv 2006.06897): an energy tilts a frozen flow, chains move in its latents.

First trains the flow by maximum likelihood (in the folder flow/ of the work directory), then the energy. Is the tilt
better than its flow, what is log Z, and do chains mix in latent space, and in data space?
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data import to_float
from ebmjax.evaluation import (
    fit_classifier,
    fit_gaussian,
    frechet_distance,
    grid_kl,
    grid_log_density,
    map_batches,
    sample_in_batches,
)
from ebmjax.flows import quantize
from ebmjax.mcmc import adapt_step_size, make_bank, sign_rule
from ebmjax.methods import backbone_of_flow, flow_backbone
from ebmjax.training import cli
from ebmjax.training.config import require
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.metrics import read_rows
from ebmjax.training.optimizers import make_optimizers
from ebmjax.viz import chains, health, landscape, pictures
from experiments.flow import draw_samples, flow_of, num_levels, prepare
from experiments.mixing import class_changes, compare_spaces, independent_draws
from experiments.pieces import make_chain, make_data_energy
from experiments.toys import TOYS

LOWEST = {
    "model.energy.width": 1,
    "model.energy.widths": 1,
    "model.energy_l2": 0,
    "sampler.target_acceptance": 0,
    "chains.num_chains": 0,
    "chains.per_step": 0,
    "optimizer.energy.learning_rate": 0,
    "optimizer.energy.clip_norm": 0,
    "evaluate.max_examples": 2,
    "evaluate.feature_steps": 0,
    "evaluate.num_importance": 2,
    "evaluate.num_annealed": 2,
    "evaluate.num_betas": 2,
    **{f"evaluate.mixing.{field}": 4 for field in ("num_chains", "num_warmup", "num_steps")},
    "evaluate.mixing.num_leapfrog": 1,
    "evaluate.mixing.batch_size": 1,
    "evaluate.mixing.target_acceptance": 0,
}
AUTOCORRELATION = "Autocorrelation of E and of 10 random projections of x, averaged over the chains."
STRIP = 24
"""Points of a chain in the picture of its path."""


def adapting(chain, target):
    """The chain with a step size that follows a target acceptance, for ever: the energy moves, too."""
    options = dict(chain.make_kernel.keywords)
    fields = {"step_size": options.pop("step_size"), "target": target, "rule": sign_rule()}
    kernel = partial(chain.make_kernel.func, **options)
    return chain._replace(make_kernel=partial(adapt_step_size, make_kernel=kernel, **fields))


def build(config, data_spec, flow):
    """The method of a config, on the trained `flow`."""
    for field, low in LOWEST.items():
        require(config, field, low)
    chain, target = make_chain(config, "chain"), config.sampler.target_acceptance
    contrasted = config.model.objective == "noise_contrastive"
    optimizers = make_optimizers(config.optimizer, config.train.num_steps, 1)
    if not contrasted:
        del optimizers["log_normalizer"]
    num_chains = 0 if contrasted else config.chains.num_chains
    return flow_backbone(
        make_data_energy(config, data_spec.shape),
        backbone_of_flow(flow_of(config.flow, data_spec), flow.state.params["flow"]),
        chain=adapting(chain, target) if target else chain,
        chains=make_bank(num_chains, config.chains.per_step or config.train.batch_size) if num_chains else None,
        optimizers=optimizers,
        objective=config.model.objective,
        energy_l2=config.model.energy_l2,
        num_levels=num_levels(data_spec),
    )


def normalizer_figures(run):
    """log Z by importance sampling and by annealing, with standard errors, and how far E varies over the flow."""
    settings, (method, state) = run.config.evaluate, run.trained
    betas = jnp.linspace(0, 1, settings.num_betas)
    estimates = {
        "importance": partial(method.functions["log_normalizer"], num_samples=settings.num_importance),
        "annealed": partial(method.functions["annealed_log_normalizer"], betas=betas, num_chains=settings.num_annealed),
    }
    found = {}
    for name, estimate in estimates.items():
        found[f"log_z_{name}"], found[f"log_z_{name}_error"] = jax.jit(estimate)(state, run.rng_key)
    return found


def toy_figures(run, x):
    """Against the known law on the picture's grid: KL, log Z by quadrature; and the picture. x: draws `[N, 2]`."""
    toy, (method, state) = TOYS[run.dataset.name], run.trained
    energy = jax.jit(partial(method.functions["data_energy"], state))
    flow_energy = jax.jit(partial(run.prepared["flow"].method.functions["energy"], run.prepared["flow"].state))
    laws = {
        name: grid_log_density(u, toy.grid)
        for name, u in (("true", toy.target.energy), ("model", energy), ("flow", flow_energy))
    }
    figures = {
        "kl_true_model": grid_kl(laws["true"], laws["model"], toy.grid),
        "log_z_quadrature": jax.nn.logsumexp(-energy(toy.grid.x)) + np.log(toy.grid.cell),
    }
    others = {"kl_true_flow": grid_kl(laws["true"], laws["flow"], toy.grid)}
    titles = {"true": "true density", "flow": "flow, q(x)", "model": "model, exp(-E(x)) q(x) / Z"}
    side = toy.grid.num
    densities = {title: np.exp(laws[name]).reshape(side, side) for name, title in titles.items()}
    path = run.workdir / "landscape.png"
    draws = {"samples, latent chains": x}
    landscape.plot_landscape(densities, draws, toy.limit, path, title=f"flow-backbone EBM on {run.dataset.name}")
    return figures, others, [path]


def image_figures(run, x, flow_x, walks):
    """Fréchet distances over a classifier's features, class changes of the chains; sample grids and paths."""
    data, settings = run.dataset, run.config.evaluate
    train, test = (to_float(a[: settings.max_examples], data.max_value) for a in (data.x_train, data.x_test))
    paths = [run.workdir / f"{name}.png" for name in ("samples", "samples_flow", "path_latent", "path_data")]
    pictures.save_grid(x[:100], paths[0])
    pictures.save_grid(flow_x[:100], paths[1])
    for path, name in zip(paths[2:], ("latent", "data")):
        walk = walks[name].x
        steps = np.linspace(0, len(walk) - 1, STRIP).astype(int)
        strip = np.swapaxes(walk[steps, :8], 0, 1)
        pictures.save_interpolations(
            np.clip(strip, -1, 1), path, title=f"chains in {name} space, {len(walk)} transitions"
        )
    if data.y_train is None or not settings.feature_steps:
        return {}, {}, paths
    labels, key = data.y_train[: len(train)], jax.random.fold_in(run.rng_key, 1)
    classifier = fit_classifier(key, train, labels, int(labels.max()) + 1, num_steps=settings.feature_steps)
    reference = fit_gaussian(classifier.features(train))
    distance = lambda y: frechet_distance(classifier.features(y), reference)
    figures = {
        "frechet_features": distance(x),
        "class_changes": class_changes(walks["latent"].x, classifier.logits),
    }
    others = {"frechet_features_flow": distance(flow_x), "frechet_features_real": distance(test)}
    return figures, others | {"class_changes_data_space": class_changes(walks["data"].x, classifier.logits)}, paths


def evaluate(run):
    """Log Z, chains in both spaces from the same points, and the model against its flow."""
    settings, (method, state), flow = run.config.evaluate, run.trained, run.prepared["flow"]
    keys, dim = jax.random.split(run.rng_key, 4), int(np.prod(run.dataset.x_train.shape[1:]))
    start = jax.random.normal(keys[0], (settings.mixing.num_chains, dim))
    walks = compare_spaces(method.functions, state, start, keys[1], settings.mixing)
    num = min(settings.max_examples, len(run.dataset.x_train))
    x = independent_draws(method.functions, state, keys[2], num, dim, settings.mixing)
    flow_x = sample_in_batches(partial(flow.method.sample, flow.state), keys[3], num, settings.mixing.batch_size)
    energies = map_batches(jax.jit(partial(method.functions["energy"], state)), flow_x, settings.mixing.batch_size)
    metrics = normalizer_figures(run) | {"sd_energy_flow": np.std(energies)}
    metrics |= {name: value for name, value in walks["latent"].figures.items()}
    baselines = {f"{name}_data_space": value for name, value in walks["data"].figures.items()}
    if run.dataset.name in TOYS:
        found, others, paths = toy_figures(run, x)
    elif run.dataset.max_value is not None:
        x, flow_x = (quantize(y, num_levels(run.dataset)) for y in (x, flow_x))
        found, others, paths = image_figures(run, x, flow_x, walks)
    else:
        found, others, paths = {}, {}, []
    path = run.workdir / "autocorrelation.png"
    chains.plot_autocorrelation({f"{name} space": walk.autocorrelation for name, walk in walks.items()}, path)
    paths = {p: "" for p in paths} | {path: AUTOCORRELATION}
    rows = [row for row in read_rows(run.workdir / "metrics.jsonl") if row["step"] <= state.step]
    health.plot_health(rows, run.workdir / "health.png", title=f"flow-backbone EBM on {run.dataset.name}")
    paths[run.workdir / "health.png"] = ""
    return Evaluation(found | metrics, others | baselines, protocol(run.config, num), paths)


def protocol(config, num):
    """How the figures were measured."""
    settings, mixing = config.evaluate, config.evaluate.mixing
    return (
        f"log_z of the tilt, in nats: importance, {settings.num_importance} samples of the flow; annealed, "
        f"{settings.num_annealed} latent chains over {settings.num_betas} temperatures; quadrature, on the "
        f"grid; _error: standard errors. rhat, ess, class_changes: HMC of {mixing.num_leapfrog} leapfrog steps "
        f"in latent and in data space, {mixing.num_chains} chains from the same samples of the flow, "
        f"{mixing.num_warmup} transitions that adapt the step size to acceptance {mixing.target_acceptance}, "
        f"{mixing.num_steps} kept; rank-normalised split R-hat and bulk ESS, the worst of E and 10 random "
        "projections of x; class_changes: of a small classifier's answer in 1,000 transitions of a chain. "
        "sd_energy_flow: of E over samples of the flow, nats. kl: KL(true || .) on the grid. "
        f"frechet_features: {num} independent latent chains of {mixing.num_warmup} transitions, or samples of "
        "the flow, to the training images, over the classifier's last hidden layer, on the data's grey "
        "levels. Parameters averaged where training averages, no selection."
    )


EXPERIMENT = Experiment(
    name="flow_backbone",
    default_config="configs/flow_backbone/eight_gaussians.py",
    prepare=prepare,
    build=build,
    evaluate=evaluate,
    draw_samples=draw_samples,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
