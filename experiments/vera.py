"""VERA with few labels (Grathwohl, Kelly et al. 2021, arXiv 2010.04230), and JEM by chains (arXiv 1912.03263).

The energy, minus the log-sum-exp of a classifier's logits, learns from all examples and few labels. It is trained on
several draws of the labels at once, like the other arms: the same net trained on labels alone ("supervised"), VERA
without the entropy of its generator ("no_entropy"), and JEM ("jem").
"""

from functools import partial

import jax
import numpy as np

from ebmjax.evaluation import (
    calibration_error,
    distinct_samples,
    refine,
    sample_in_batches,
)
from ebmjax.evaluation.ensembles import cross_entropy
from ebmjax.mcmc import Chain, adapt_step_size, mala, sign_rule
from ebmjax.methods.wrappers import first_replica
from ebmjax.report.results import OWN, Figures, merge
from ebmjax.training import cli
from ebmjax.training.config import ConfigError, choose
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.metrics import read_rows
from ebmjax.viz import pictures
from experiments.build.vera import data_of, make_arm
from experiments.measure import attacks, few_labels, foreign, images
from experiments.measure.history import draw_health

METHODS = ("vera", "no_entropy", "jem")
"""Values of config.method: arms that have samples and an energy."""

SAMPLES = {
    OWN: ("samples", "Samples, of the first draw of the labels"),
    "refined": ("samples_refined", "The same after chains over z and the noise, at the energy itself"),
    "no_entropy": ("samples_no_entropy", "Samples of the generator that was trained without entropy"),
}
"""{arm: (file, caption) of the picture of its samples}."""

LIMITS = {
    "labels.entropy_weight": 0,
    "model.posterior.num_samples": 1,
    "model.energy.dropout": (0, 0.99),
    "validation.num_examples": 0,
    "validation.every": 1,
    "evaluate.refine_steps": 0,
    "evaluate.foreign_noise": 0,
    "evaluate.ece_bins": 1,
    "evaluate.attacks.num_examples": 0,
    "evaluate.attacks.num_steps": 1,
    "evaluate.attacks.num_chains": 1,
    "evaluate.attacks.noise": 0,
    **{f"evaluate.attacks.{name}": 0 for name in ("epsilons_linf", "epsilons_l2", "refine_steps")},
}


def build(config, data_spec):
    """The arm config.method on all draws of the labels."""
    choose(dict.fromkeys(METHODS), config.method, "method")
    if config.data.get("standardise") and set(config.evaluate.foreign) - set(foreign.MADE):
        raise ConfigError("evaluate.foreign: other data sets lack the scale of data.standardise = True; leave them out")
    return make_arm(config, data_spec, config.method)


def baselines(config, data_spec):
    """The other arms, config.evaluate.arms, trained as long on the same draws."""
    return {name: make_arm(config, data_spec, name) for name in config.evaluate.arms if name != config.method}


def confidence_figures(probs, labels, num_bins) -> Figures:
    """Cross entropy, and calibration in `num_bins` bins, of {arm: p(y | x) `[S, N, K]`}."""
    error = lambda p: np.mean([calibration_error(one, labels, num_bins) for one in p])
    return {arm: {"nll": cross_entropy(p, labels), "ece": error(p)} for arm, p in probs.items()}


def training_figures(run) -> Figures:
    """Of every arm: the number of draws of the labels whose training diverged, and the seconds of training all draws,
    from the median speed, without compilation."""
    figures: Figures = {}
    for arm, trained in ({OWN: run.trained} | run.baselines).items():
        folder = run.workdir / "baselines" / arm if arm else run.workdir
        speeds = [row["steps_per_second"] for row in read_rows(folder / "metrics.jsonl") if row.get("steps_per_second")]
        figures[arm] = {
            "diverged": np.sum(np.asarray(trained.state.extra["diverged_at"]) >= 0),
            "seconds": run.config.train.num_steps / np.median(speeds) if speeds else float("nan"),
        }
    return figures


def refined_samples(run, num):
    """(samples of the first draw's generator, the same after Metropolis-adjusted chains, {metric: value} of these)."""
    (method, state), settings = few_labels.first_draw(run.trained), run.config.evaluate
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


def draw_samples(run, num):
    """({arm of `SAMPLES`: `num` samples of the first draw}, {metric: value} of refining ours)."""
    size = min(num, run.config.evaluate.batch_size)
    samples = lambda trained: distinct_samples(first_replica(*trained), trained.state, run.rng_key, num, size)
    if run.config.method == "vera" and run.config.evaluate.refine_steps:
        first, refined, figures = refined_samples(run, num)
        drawn = {OWN: first, "refined": refined}
    else:
        drawn, figures = {OWN: samples(run.trained)}, {}
    if "no_entropy" in run.baselines:
        drawn["no_entropy"] = samples(run.baselines["no_entropy"])
    return drawn, figures


def sample_figures(run, train, test) -> tuple[dict, Figures]:
    """({picture: caption}, figures) of samples of the first draw, and of refined ones where it is VERA."""
    drawn, refining = draw_samples(run, len(train))
    figures = merge({OWN: refining}, images.frechet_figures(images.pixel_space(train), train, drawn | {"real": test}))
    shape, captions = tuple(run.config.evaluate.picture) or test.shape[1:], {}
    for arm, x in drawn.items() if len(shape) == 3 else ():
        stem, caption = SAMPLES[arm]
        path = run.workdir / f"{stem}.png"
        pictures.save_grid(np.reshape(x[:100], (-1, *shape)), path)
        captions[path] = caption
    if len(shape) == 3:
        path = run.workdir / "samples_by_class.png"
        attacks.draw_by_class(run, drawn[OWN], path)
        captions[path] = "Samples by class: a row for each, of those to which the first draw's classifier gives it"
    return captions, figures


def evaluate(run):
    """Accuracy and calibration of every arm, detection of foreign examples, samples, and their pictures."""
    config, labels = run.config, run.dataset.y_test[: run.config.evaluate.max_examples]
    train, test = images.examples(run)
    probs = few_labels.probabilities(run, test)
    captions, of_samples = sample_figures(run, train, test)
    scores, (under_attack, of_attacks) = foreign.foreign_scores(run, test), attacks.attacked(run, test, labels)
    figures = merge(
        few_labels.accuracy_figures(probs, labels),
        confidence_figures(probs, labels, config.evaluate.ece_bins),
        training_figures(run),
        of_samples,
        foreign.foreign_figures(*scores),
        of_attacks,
    )
    title = f"{config.method} on {run.dataset.name}, mean of the draws"
    shown = few_labels.draw_classifiers(run, config.method, probs, labels) | captions
    shown |= foreign.draw_histograms(run, *scores) | under_attack
    shown |= draw_health(run, title, "Health of the training: means over the draws of the labels")
    return Evaluation(figures, protocol(config, len(train), len(test)), shown)


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    held = ", which stay near N(0, I)" if config.evaluate.refine_prior else ""
    return (
        f"{num_test} test examples. {few_labels.protocol(config)} supervised: the same net on labels alone, with input "
        f"noise; no_entropy: without the entropy of the generator; jem: by chains. ece: {config.evaluate.ece_bins} "
        "bins. diverged: draws whose metrics became infinite or NaN, or whose energy gap passed 1e8; they are "
        "evaluated as they were before that. seconds: of training, all draws together, without compilation. "
        f"{foreign.protocol(config)} frechet_pixels: of {num_train} samples to the training examples over the columns; "
        f"refined: after {config.evaluate.refine_steps} Metropolis-adjusted steps over z and the noise{held}; real: "
        f"test examples. {attacks.protocol(config)}"
        f"{selection(config)}"
    )


def selection(config):
    """Which parameters of the training are evaluated."""
    held = config.get("validation", {})
    if not held or not held.num_examples:
        return "Last parameters, no selection."
    return (
        f"Parameters with the highest accuracy on {held.num_examples} examples held out of the training part, measured "
        f"every {held.every} steps."
    )


EXPERIMENT = Experiment(
    default_config="configs/vera/digits.py",
    limits=lambda config: LIMITS,
    build=build,
    baselines=baselines,
    data_of=data_of,
    check_data=foreign.check_data,
    evaluate=evaluate,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
