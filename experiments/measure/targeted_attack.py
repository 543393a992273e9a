"""The published attack on generated classifiers (Deutsch 2018, arXiv 1801.01952), aimed at another class.

Every image meets a network of its own, fresh from h, and is moved along the sign of the gradient of the probability
of a random other class, without bounds. The question is the smallest size at which that network, or a majority of an
ensemble that was not attacked, gives up the right class.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.evaluation import map_batches
from ebmjax.evaluation.ensembles import smallest_flips, target_direction
from ebmjax.report.results import OWN


class Flips(NamedTuple):
    """Of N images that the attacked network classified right. sizes: `[S]`, in 1/255 of the range of pixels. single,
    ensemble: `[N]`, the smallest of them that flips, inf for none."""

    sizes: np.ndarray
    single: np.ndarray
    ensemble: np.ndarray


def targeted_attack(run, target, ensemble, x, labels):
    """`Flips` of test images x`[N, ...]` in [-1, 1], against networks of h and an ensemble of others `[M, ...]`; None
    if config.evaluate asks for no sizes (runs of earlier versions have no such field), or x are not images."""
    settings = run.config.evaluate
    sizes = np.asarray(settings.get("targeted_sizes", ()), float)
    if not len(sizes) or run.dataset.max_value is None:
        return None
    num_classes = target.layers[-1].num_filters
    wanted = (labels + np.random.RandomState(run.config.seed).randint(1, num_classes, len(labels))) % num_classes
    batch = {"x": np.asarray(x), "wanted": wanted.astype(np.int32)}
    scale = jnp.asarray(sizes * (2 / 255), jnp.float32)  # x in [-1, 1]
    attack = jax.jit(partial(_answers, run.trained, target, scale, ensemble))
    # As many networks at once as in a training step.
    key = jax.random.fold_in(run.rng_key, 4)
    first, single, votes = map_batches(attack, batch, run.config.model.num_latents, rng_key=key)
    right = first == labels
    flips = lambda answers: smallest_flips(answers[right], labels[right], sizes)
    return Flips(sizes, flips(single), flips(votes))


def _answers(trained, target, scale, ensemble, rng_key, batch):
    """(class of each image `[B]`; under attack, by the attacked networks `[B, S]`; by the ensemble's vote `[B, S]`)."""
    functions, state = trained.method.functions, trained.state
    x, wanted = batch["x"], batch["wanted"]
    weights = functions["generate"](state, functions["latent"](state, rng_key, len(x)))
    each = lambda x: jax.vmap(lambda w, one: target.apply(w, one[None])[0])(weights, x)
    direction = target_direction(lambda x: jax.nn.log_softmax(each(x)), x, wanted)
    classes = lambda logits: jnp.argmax(logits, axis=-1)
    attacked = lambda size: x + size * direction
    single = jax.lax.map(lambda size: classes(each(attacked(size))), scale)

    def vote(size):
        ballots = jax.lax.map(lambda w: classes(target.apply(w, attacked(size))), ensemble)
        return jnp.argmax(jnp.sum(jax.nn.one_hot(ballots, target.layers[-1].num_filters), axis=0), axis=-1)

    return classes(each(x)), single.T, jax.lax.map(vote, scale).T


def flip_figures(flips: Flips | None):
    """{arm: figures}: the share of images that some size flips; 0 if the attacked networks were right nowhere."""
    if flips is None:
        return {OWN: {}}
    share = lambda found: float(np.mean(np.isfinite(found))) if len(found) else 0.0
    return {OWN: {"targeted_flipped_single": share(flips.single), "targeted_flipped_ensemble": share(flips.ensemble)}}


def flip_curves(flips: Flips):
    """{name: share of images not yet flipped at each size `[S]`}."""
    kept = lambda found: np.mean(found[:, None] > flips.sizes, axis=0) if len(found) else np.ones(len(flips.sizes))
    return {"one network": kept(flips.single), "vote of the ensemble": kept(flips.ensemble)}


def protocol(config) -> str:
    """How the figures were measured; "" without sizes."""
    sizes = config.evaluate.get("targeted_sizes", ())
    if not sizes:
        return ""
    return (
        f" targeted_flipped: share of at most {config.evaluate.path_examples} test images, of those that a generated "
        f"network of their own classifies right, that are flipped by some size of {sizes[0]} to {sizes[-1]} / 255 "
        f"({len(sizes)} sizes, pixels in [0, 1], no bounds) along the sign of its gradient for a random other class; "
        f"ensemble: the vote of {config.evaluate.ensemble_size} other networks, the same for all images."
    )
