"""Short-run MCMC (Nijkamp et al. 2019, arXiv 1904.09770).

Learns an energy whose K Langevin steps from fresh noise generate the data: a generator, whose latent is the noise.
"""

from functools import partial

import jax
import numpy as np

from ebmjax.data import to_float
from ebmjax.evaluation import fit_classifier, fit_gaussian, frechet_distance, sample_in_batches
from ebmjax.mcmc import Chain, langevin
from ebmjax.methods import short_run
from ebmjax.training import cli
from ebmjax.training.config import require
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.metrics import read_rows
from ebmjax.training.optimizers import make_optimizers
from ebmjax.viz import health, pictures
from experiments.pieces import make_chain, make_data_energy

MAX_PIXELS = 4096
"""Above this many pixels, distances over pixels would need covariances of gigabytes: they are left out."""

LOWEST = {
    "model.energy.width": 1,
    "model.energy.widths": 1,
    "model.data_noise": 0,
    "model.energy_l2": 0,
    "model.gradient_penalty": 0,
    "optimizer.energy.learning_rate": 0,
    "optimizer.energy.clip_norm": 0,
    "evaluate.batch_size": 1,
    "evaluate.max_examples": 2,
    "evaluate.feature_steps": 0,
    "evaluate.num_reconstructions": 2,
    "evaluate.reconstruction_steps": 0,
}


def build(config, data_spec):
    """The method of a config."""
    for field, low in LOWEST.items():
        require(config, field, low)
    steps_per_epoch = max(data_spec.num_train // config.train.batch_size, 1)
    fields = config.sampler.chain
    noise_free = partial(langevin, step_size=fields.step_size, temperature=fields.temperature, noise_scale=0)
    return short_run(
        make_data_energy(config, data_spec.shape),
        chain=make_chain(config, "chain"),
        map_chain=Chain(noise_free, fields.num_steps) if config.sampler.name == "langevin" else None,
        optimizers=make_optimizers(config.optimizer, config.train.num_steps, steps_per_epoch),
        shape=data_spec.shape,
        noise=config.initial.noise,
        initial_scale=config.initial.scale,
        temperature=fields.temperature,
        data_noise=config.model.data_noise,
        energy_l2=config.model.energy_l2,
        gradient_penalty=config.model.gradient_penalty,
    )


def draw_arms(run, untrained, num):
    """Samples of every arm, images clipped to [-1, 1]: {"": K steps, "quarter_steps": K // 4, ...}."""
    state, functions = run.trained.state, run.trained.method.functions
    steps = jax.jit(functions["sample_steps"], static_argnums=(2, 3))
    num_steps = run.config.sampler.chain.num_steps
    arms = {
        "": lambda key, n: steps(state, key, n, num_steps),
        "quarter_steps": lambda key, n: steps(state, key, n, num_steps // 4),
        "untrained": lambda key, n: steps(untrained, key, n, num_steps),
        "noise": partial(functions["fresh"], state),
    }
    size = run.config.evaluate.batch_size
    drawn = {name: sample_in_batches(arm, run.rng_key, num, size) for name, arm in arms.items()}
    is_image = run.dataset.max_value is not None
    return {name: np.clip(x, -1, 1) for name, x in drawn.items()} if is_image else drawn


def class_shares(classifier, x, num_classes):
    """Smallest and largest share of a class among x, as a classifier sees them."""
    shares = np.bincount(np.argmax(classifier.logits(x), axis=1), minlength=num_classes) / len(x)
    return {"class_share_min": shares.min(), "class_share_max": shares.max()}


def reconstruct(run, states, x):
    """({arm: reconstructions of x}, figures) through the chains of {arm: state}."""
    steps = run.config.evaluate.reconstruction_steps
    through_chain = jax.jit(partial(run.trained.method.functions["reconstruct"], num_iterations=steps))
    reconstructed, figures = {}, {}
    for arm, state in states.items():
        reconstructed[arm], z = map(np.asarray, through_chain(state, run.rng_key, x))
        figures[f"reconstruction_mse{arm}"] = np.mean(np.square(reconstructed[arm] - x))
        figures[f"latent_rms{arm}"] = np.sqrt(np.mean(np.square(z)))
    return reconstructed, figures


def evaluate(run):
    """Fréchet distances of samples to the training images, shares of the classes, reconstructions; their pictures."""
    settings, data, (method, state) = run.config.evaluate, run.dataset, run.trained
    train, test = (to_float(x[: settings.max_examples], data.max_value) for x in (data.x_train, data.x_test))
    untrained = jax.jit(method.init)(jax.random.fold_in(run.rng_key, 2), {"x": train[:2]})
    labelled = data.y_train is not None and settings.feature_steps > 0
    spaces = {"pixels": lambda x: x.reshape(len(x), -1)} if train[0].size <= MAX_PIXELS else {}
    arms = draw_arms(run, untrained, len(train) if spaces or labelled else 100) | {"real": test}
    metrics, baselines = {}, {}
    if labelled:
        labels, key = data.y_train[: len(train)], jax.random.fold_in(run.rng_key, 1)
        classifier = fit_classifier(key, train, labels, int(labels.max()) + 1, num_steps=settings.feature_steps)
        spaces["features"] = classifier.features
        metrics |= class_shares(classifier, arms[""], int(labels.max()) + 1)
    for space, features in spaces.items():
        reference = fit_gaussian(features(train))
        for arm, x in arms.items():
            target = baselines if arm else metrics
            target["_".join(filter(None, ["frechet", space, arm]))] = frechet_distance(features(x), reference)
    x = test[: settings.num_reconstructions]
    reconstructed, figures = reconstruct(run, {"": state, "_untrained": untrained}, x)
    for name, value in figures.items():
        (baselines if name.endswith("_untrained") else metrics)[name] = value
    rows = [row for row in read_rows(run.workdir / "metrics.jsonl") if row["step"] <= state.step]
    if rows:
        metrics |= {name: rows[-1][name] for name in ("energy_gap", "r_s")}
    paths = draw(run, arms[""], x, reconstructed[""], rows)
    return Evaluation(metrics, baselines, protocol(run.config, len(arms[""]), len(train), len(test)), paths)


def protocol(config, num_samples, num_train, num_test):
    """How the figures were measured."""
    settings, num_steps = config.evaluate, config.sampler.chain.num_steps
    return (
        f"Fréchet distances of {num_samples} clipped samples ({num_steps} steps from fresh noise) to the {num_train} "
        "training images, over pixels in [-1, 1] and over the last hidden layer of a small classifier of the labels; "
        f"_quarter_steps: {num_steps // 4} steps; _untrained: the net before training; _noise: no steps; _real: "
        f"{num_test} test images instead of samples. class_share: least and largest share of a class among the "
        f"samples, by that classifier. reconstruction_mse: per pixel, {settings.num_reconstructions} test images "
        f"through the noise-free chain, {settings.reconstruction_steps} steps of Adam on its start, whose root mean "
        "square is latent_rms. It shows a mechanism, and is no evidence of learning: an untrained net whose chain "
        "hardly moves reconstructs anything. energy_gap, r_s: of the last logged steps, undivided by the temperature "
        f"{config.sampler.chain.temperature}. No selection of checkpoints."
    )


def chain_strip(run, x):
    """(numbers of steps, chains from x `[8, ...]` after them `[8, moments, ...]`), up to 16 K, by quarters of K."""
    (method, state), quarter = run.trained, max(run.config.sampler.chain.num_steps // 4, 1)
    advance = jax.jit(partial(method.functions["run"], num_steps=quarter))
    kept = {0: x}
    for i in range(1, 65):
        x = advance(state, jax.random.fold_in(run.rng_key, i), x)
        if i in (1, 2, 3, 4, 8, 16, 64):
            kept[i * quarter] = x
    return list(kept), np.stack(list(kept.values()), axis=1)


def draw(run, samples, x, reconstructed, rows):
    """{path: caption} of samples, chains on both sides of K, interpolations, reconstructions and training health."""
    (method, state), num_steps = run.trained, run.config.sampler.chain.num_steps
    path = lambda stem: run.workdir / f"{stem}.png"
    captions = {}
    if rows:
        health.plot_health(rows, path("health"), title=f"short-run MCMC on {run.dataset.name}")
        captions[path("health")] = "Health of the training"
    if x.ndim != 4:
        return captions  # a table has no pictures
    pictures.save_grid(samples[:100], path("samples"))
    z = method.functions["fresh"](state, jax.random.fold_in(run.rng_key, 3), 16)
    between = jax.jit(method.functions["interpolate"], static_argnums=3)(state, z[:8], z[8:], 10)
    pictures.save_interpolations(between, path("interpolation"))
    moments, strip = chain_strip(run, z[:8])
    pictures.save_interpolations(strip, path("chain"), title=f"after {', '.join(map(str, moments))} steps")
    pictures.save_pairs(x[:20], reconstructed[:20], path("reconstructions"))
    return {
        path("samples"): f"Samples: {num_steps} steps from fresh noise",
        path("chain"): f"The same chains before and after {num_steps} steps: the model is that length alone",
        path("interpolation"): "Noise-free chains from noise between two starts",
        path("reconstructions"): "Test images through the noise-free chain: a mechanism, no evidence of learning",
    } | captions


def draw_samples(x, path):
    """A grid of samples while training; nothing for tables."""
    if np.ndim(x) == 4:
        pictures.save_grid(x, path)


EXPERIMENT = Experiment(
    name="short_run",
    default_config="configs/short_run/digits.py",
    build=build,
    evaluate=evaluate,
    draw_samples=draw_samples,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
