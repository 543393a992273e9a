"""VERA with few labels (Grathwohl, Kelly et al. 2021, arXiv 2010.04230), and JEM by chains (arXiv 1912.03263).

An energy whose negative is the log-sum-exp of a classifier's logits learns from all examples, and from the labels of
few. It is trained on several draws of the labels at once, and so are the arms beside it: the same net by labels alone
("supervised"), VERA without the entropy of its generator, and JEM.
"""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data import load, to_float
from ebmjax.evaluation import (
    auroc,
    calibration_error,
    fit_gaussian,
    frechet_distance,
    map_batches,
    ood_scores,
    refine,
    sample_in_batches,
)
from ebmjax.evaluation.ensembles import cross_entropy
from ebmjax.evaluation.ood import SCORES, between
from ebmjax.mcmc import Chain, adapt_step_size, mala, sign_rule
from ebmjax.training import cli
from ebmjax.training.config import ConfigError, choose
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.metrics import read_rows
from ebmjax.training.replicas import replica
from ebmjax.viz import classifiers, health, pictures
from experiments.few_labels import data_of, judged, spread
from experiments.generators import MAX_PIXELS, logged_rows
from experiments.vera_arms import make_arm


def build(config, data_spec):
    """The arm config.method, "vera" or "jem", on all draws of the labels."""
    choose({"vera": 0, "no_entropy": 0, "jem": 0}, config.method, "method")
    if config.data.get("standardise") and set(config.evaluate.foreign) - {"uniform", "between"}:
        raise ConfigError("evaluate.foreign: other data sets are not on the scale of data.standardise = True")
    return make_arm(config, data_spec, config.method)


def baselines(config, data_spec):
    """The other arms, config.evaluate.arms, trained as long on the same draws."""
    return {name: make_arm(config, data_spec, name) for name in config.evaluate.arms if name != config.method}


def arm_figures(run, trained, x, labels):
    """({figure: value}, accuracies `[S]`, reliability of all draws together) on test examples."""
    probs, accuracies, curve = judged(run, trained, x, labels)
    found = {
        **dict(zip(("mean", "sd"), spread(accuracies))),
        "nll": cross_entropy(probs, labels),
        "ece": np.mean([calibration_error(one, labels) for one in probs]),
        "diverged": np.sum(np.asarray(trained.state.extra["diverged_at"]) >= 0),
    }
    return found, accuracies, curve


def seconds_of(folder, num_steps):
    """Seconds of the whole training by its median speed, for all draws together; compilation is not in it."""
    rows = read_rows(folder / "metrics.jsonl") if (folder / "metrics.jsonl").exists() else []
    speeds = [row["steps_per_second"] for row in rows if row.get("steps_per_second")]
    return num_steps / np.median(speeds) if speeds else float("nan")


def foreign_examples(run, name, test):
    """Examples of another kind, as many as `test`: "uniform", "between" (means of two test examples), or a data set."""
    if name == "uniform":  # in the range of every column
        return jax.random.uniform(run.rng_key, test.shape, minval=test.min(0), maxval=test.max(0))
    if name == "between":
        return between(jnp.asarray(test))
    other = load(name)
    if other.x_test.shape[1:] != test.shape[1:]:
        raise ConfigError(f"evaluate.foreign: {name} has examples of {other.x_test.shape[1:]}, not {test.shape[1:]}")
    return to_float(other.x_test[: len(test)], other.max_value)


def foreign_figures(run, trained, test):
    """{auroc_<foreign>_<score>}: means over the draws."""
    size, (method, states), found = run.config.evaluate.batch_size, trained, {}
    scores = jax.jit(lambda state, x: ood_scores(partial(method.functions["class_logits"], state), x))
    states = [replica(states, i) for i in range(run.config.labels.num_seeds)]
    own = [map_batches(partial(scores, state), test, size) for state in states]
    for name in run.config.evaluate.foreign:
        x = np.asarray(foreign_examples(run, name, test))
        there = [map_batches(partial(scores, state), x, size) for state in states]
        is_foreign = np.arange(len(test) + len(x)) >= len(test)
        for score in SCORES:
            areas = [auroc(np.concatenate([a[score], b[score]]), is_foreign) for a, b in zip(own, there)]
            found[f"auroc_{Path(name.split(':')[-1]).stem}_{score}"] = np.mean(areas)
    return found


def refined_samples(run, num):
    """(samples of the first draw's generator, the same after Metropolis-adjusted chains, figures of these)."""
    (method, states), settings = run.trained, run.config.evaluate
    state = replica(states, 0)
    energy, functions = partial(method.functions["energy"], state), method.functions
    kernel = partial(adapt_step_size, make_kernel=mala, step_size=0.05, target=0.57, rule=sign_rule(0.02))
    chain = Chain(kernel, settings.refine_steps)

    @partial(jax.jit, static_argnums=1)
    def draw(key, num):
        keys = jax.random.split(key, 3)
        z = jax.random.normal(keys[0], (num, run.config.model.latent_dim))
        noise = jax.random.normal(keys[1], (num, *run.dataset.x_test.shape[1:]))
        make = lambda u: functions["draw"](state, *u)
        x, acceptance = refine(keys[2], energy, make, (z, noise), chain, prior=settings.refine_prior)
        first = make((z, noise))
        return first, x, energy(first), energy(x), acceptance

    first, x, before, after, acceptance = sample_in_batches(draw, run.rng_key, num, min(num, settings.batch_size))
    figures = {"energy_samples": np.mean(before), "energy_refined": np.mean(after)}
    return first, x, figures | {"refine_acceptance": np.mean(acceptance)}


def sample_figures(run, train, test):
    """(metrics, baselines, {path: caption}) of samples of the first draw, and of refined ones where it is VERA."""
    size, path = run.config.evaluate.batch_size, lambda stem: run.workdir / f"{stem}.png"
    metrics, captions = {}, {path("samples"): "Samples, of the first draw of the labels"}  # in the order of `arms`
    if run.config.method == "vera" and run.config.evaluate.refine_steps:
        first, refined, metrics = refined_samples(run, len(train))
        arms = {"": first, "refined": refined}
        captions[path("samples_refined")] = "The same after chains over z and the noise, at the energy itself"
    else:
        sample = partial(run.trained.method.sample, run.trained.state)
        arms = {"": sample_in_batches(sample, run.rng_key, len(train), min(len(train), size))}
    if "no_entropy" in run.baselines:
        other = run.baselines["no_entropy"]
        sample = partial(other.method.sample, other.state)
        arms["no_entropy"] = sample_in_batches(sample, run.rng_key, len(train), min(len(train), size))
        captions[path("samples_no_entropy")] = "Samples of the generator that was trained without entropy"
    baselines, flat = {}, lambda x: np.asarray(x).reshape(len(x), -1)
    if train[0].size <= MAX_PIXELS:
        reference = fit_gaussian(flat(train))
        for name, x in (arms | {"real": test}).items():
            target = baselines if name else metrics
            target["_".join(filter(None, ["frechet_pixels", name]))] = frechet_distance(flat(x), reference)
    shape = tuple(run.config.evaluate.picture) or test.shape[1:]
    if len(shape) != 3:
        return metrics, baselines, {}
    for where, x in zip(captions, arms.values(), strict=True):
        pictures.save_grid(np.reshape(x[:100], (-1, *shape)), where)
    return metrics, baselines, captions


def evaluate(run):
    """Accuracy and calibration of every arm, what tells foreign examples, samples, and pictures of all that."""
    config, data = run.config, run.dataset
    train, test = (to_float(x[: config.evaluate.max_examples], data.max_value) for x in (data.x_train, data.x_test))
    labels = data.y_test[: len(test)]
    metrics, others, accuracies, curves = {}, {}, {}, {}
    for name, trained in {config.method: run.trained, **run.baselines}.items():
        own = name == config.method
        found, accuracies[name], curves[name] = arm_figures(run, trained, test, labels)
        found["seconds"] = seconds_of(run.workdir if own else run.workdir / "baselines" / name, config.train.num_steps)
        label = "" if own else f"{name}_"
        named = {f"accuracy_{label}{key}": found.pop(key) for key in ("mean", "sd")}
        named |= {f"{key}_{label}".rstrip("_"): value for key, value in found.items()}
        (metrics if own else others).update(named)
    if "supervised" in accuracies:
        gains = accuracies[config.method] - accuracies["supervised"]
        metrics |= {"gain_over_supervised_lowest": np.min(gains), "gain_over_supervised_highest": np.max(gains)}
    found, more, captions = sample_figures(run, train, test)
    metrics, others = metrics | found | foreign_figures(run, run.trained, test), others | more
    path = run.workdir / "arms.png"
    title = f"{config.method} on {data.name}, {config.labels.per_class or 'all'} labels a class"
    classifiers.plot_arms(accuracies, curves, path, title=title)
    about = "Left: test accuracy for each draw of the labels. Right: confidence against accuracy, all draws together."
    captions = {path: about, **captions}
    if rows := logged_rows(run):
        health.plot_health(rows, run.workdir / "health.png", title=f"{config.method} on {data.name}, mean of the draws")
        captions[run.workdir / "health.png"] = "Health of the training: means over the draws"
    return Evaluation(metrics, others, protocol(config, len(train), len(test)), captions)


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    labels, kinds = config.labels, "; ".join(f"{name}: {what}" for name, what in SCORES.items())
    held = ", which stay near N(0, I)" if config.evaluate.refine_prior else ""
    per_class = f"{labels.per_class} labels a class" if labels.per_class else "all labels"
    return (
        f"{num_test} test examples, {per_class}, {labels.num_seeds} draws of them (mean, and standard deviation over "
        "these), trained at once, each with its own initial weights and noise; _supervised: the same net by labels "
        "alone with noise on its inputs; _no_entropy: without the entropy of the generator; _jem: by chains. ece: 15 "
        "bins. diverged: draws whose metrics ceased to be finite, or whose energy gap passed 1e8; they are judged as "
        "they were before. gain_over_supervised: of the draws, the least and the largest difference. seconds: of "
        "training, all draws together, without compilation. auroc_<foreign>_<score>: "
        f"foreign examples against test examples, {kinds}; uniform: in the range of each column; between: means of two "
        f"test examples. frechet_pixels: of {num_train} samples to the training examples over the columns; _refined: "
        f"after {config.evaluate.refine_steps} Metropolis-adjusted steps over z and the noise{held}; _real: test "
        "examples. Last parameters, no selection."
    )


def draw_samples(x, path):
    """A grid of samples while training, where examples are images."""
    if np.ndim(x) == 4:
        pictures.save_grid(x, path)


EXPERIMENT = Experiment(
    name="vera",
    default_config="configs/vera/digits.py",
    build=build,
    baselines=baselines,
    data_of=data_of,
    evaluate=evaluate,
    draw_samples=draw_samples,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
