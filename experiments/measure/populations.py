"""Figures of populations of classifiers: alone, as ensembles, distilled, attacked, and along paths between them."""

from functools import partial
from itertools import combinations
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data import to_float
from ebmjax.evaluation import calibration_error, map_batches
from ebmjax.evaluation.ensembles import (
    cross_entropy,
    disagreement,
    distill,
    ensemble_log_probs,
    fgsm,
    majority_vote,
    member_accuracy,
    straight_path,
)
from ebmjax.report.results import OWN, Figures
from ebmjax.types import Array


def probabilities(apply, weights, x, batch_size):
    """Class probabilities of networks `[M, ...]`, `batch_size` examples at a time: numpy `[M, N, C]`."""
    return np.moveaxis(map_batches(partial(_probabilities, apply, weights), x, batch_size), 1, 0)


@partial(jax.jit, static_argnums=0)
def _probabilities(apply, weights, x):
    each = jax.lax.map(lambda w: jax.nn.softmax(apply(w, x)), weights)
    return jnp.moveaxis(each, 0, 1)


def population_figures(probs, labels, ensemble_size):
    """Figures of M networks; those of ensembles are means over disjoint ones of `ensemble_size`."""
    alone = member_accuracy(probs, labels)
    groups = [probs[i : i + ensemble_size] for i in range(0, len(probs) - ensemble_size + 1, ensemble_size)]
    over = lambda figure: np.mean([figure(group) for group in groups])
    return {
        "accuracy_single_mean": np.mean(alone),
        "accuracy_single_sd": np.std(alone, ddof=1) if len(alone) > 1 else 0.0,
        "accuracy_ensemble": over(lambda group: member_accuracy(group.mean(0), labels)),
        "accuracy_vote": over(lambda group: np.mean(majority_vote(group) == labels)),
        "disagreement": disagreement(probs) if len(probs) > 1 else 0.0,
        "nll_single": cross_entropy(probs, labels),
        "nll_ensemble": over(lambda group: cross_entropy(group.mean(0), labels)),
        "ece_single": np.mean([calibration_error(one, labels) for one in probs]),
        "ece_ensemble": over(lambda group: calibration_error(group.mean(0), labels)),
    }


def straight_paths(starts, ends, num_points):
    """Weights along the straight lines between networks `[K, ...]` and `[K, ...]`: trees `[K · num_points, ...]`."""
    paths = jax.vmap(partial(straight_path, num=num_points))(starts, ends)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), paths)


def pairs_of(weights, num):
    """The first `num` pairs of different networks of `[M, ...]`: two trees `[K, ...]`, or None for a single network."""
    count = len(jax.tree.leaves(weights)[0])
    index = np.array(list(combinations(range(count), 2))[:num])
    return [jax.tree.map(lambda leaf, i=i: leaf[i], weights) for i in index.T] if len(index) else None


def path_figures(curves) -> Figures:
    """path_<kind>_middle, path_<kind>_lowest of accuracies {arm: {kind: `[K, num_points]`}}: means over K paths."""
    figures: Figures = {arm: {} for arm in curves}
    for arm, kinds in curves.items():
        for kind, found in kinds.items():
            figures[arm][f"path_{kind}_middle"] = np.mean(found[:, found.shape[1] // 2])
            figures[arm][f"path_{kind}_lowest"] = np.mean(np.min(found, axis=1))
    return figures


def attack_figures(attacks, index: int) -> Figures:
    """fgsm_<kind> of accuracies {arm: {kind: `[K, len(epsilons)]`}} at epsilons[index]: means over K attacks."""
    of = lambda kinds: {f"fgsm_{kind}": np.mean(found[:, index]) for kind, found in kinds.items()}
    return {arm: of(kinds) for arm, kinds in attacks.items()}


class Attacked(NamedTuple):
    """Examples x`[N, ...]` that are attacked, their labels, how many at once, and the bounds of x (or None)."""

    x: Array
    labels: Array
    batch_size: int
    bounds: tuple[float, float] | None


def robustness(apply, attackers, ensemble, examples: Attacked, epsilons):
    """Accuracies under the fast gradient sign attack, each `[K, len(epsilons)]` for attacks by gradients of K networks:

    "single": of the network that was attacked. "ensemble": of other networks `[M, ...]`, by their mean probabilities,
    on the same images, which is the paper's protocol. "ensemble_attacked": of that ensemble, attacked by its own
    gradient, `[1, len(epsilons)]`. With ensemble=None only "single".
    """
    of_one = lambda w, x: jax.nn.log_softmax(apply(w, x))
    of_all = partial(ensemble_log_probs, apply)
    right = lambda log_probs, labels: jnp.argmax(log_probs, axis=1) == labels

    @jax.jit
    def on_one(w, ensemble, epsilon, batch):
        attacked = fgsm(partial(of_one, w), *batch, epsilon, examples.bounds)
        found = {"single": right(of_one(w, attacked), batch[1])}
        return found if ensemble is None else found | {"ensemble": right(of_all(ensemble, attacked), batch[1])}

    @jax.jit
    def on_all(ensemble, epsilon, batch):
        attacked = fgsm(partial(of_all, ensemble), *batch, epsilon, examples.bounds)
        return {"ensemble_attacked": right(of_all(ensemble, attacked), batch[1])}

    def accuracy(attack):
        found = map_batches(attack, examples[:2], examples.batch_size)
        return {name: np.mean(correct) for name, correct in found.items()}

    count = len(jax.tree.leaves(attackers)[0])
    members = [jax.tree.map(lambda leaf, i=i: leaf[i], attackers) for i in range(count)]
    rows = [[accuracy(partial(on_one, w, ensemble, epsilon)) for epsilon in epsilons] for w in members]
    found = {name: np.array([[at[name] for at in row] for row in rows]) for name in rows[0][0]}
    if ensemble is None:
        return found
    own = [accuracy(partial(on_all, ensemble, epsilon))["ensemble_attacked"] for epsilon in epsilons]
    return found | {"ensemble_attacked": np.array([own])}


def draw_weights(trained, rng_key, num):
    """Weights `[num, ...]` of fresh z, gauge-fixed."""
    functions, state = trained.method.functions, trained.state
    return jax.jit(functions["generate"])(state, functions["latent"](state, rng_key, num))


def along_paths(run, target, populations, x, labels):
    """{arm: {"z" or "straight": accuracies `[K, num_points]`}} between networks of a population, on test examples."""
    settings = run.config.evaluate
    points, examples = settings.num_points, slice(settings.path_examples)

    def accuracy(weights):
        probs = probabilities(target.apply, weights, x[examples], settings.batch_size)
        return member_accuracy(probs, labels[examples]).reshape(-1, points)

    functions, state = run.trained.method.functions, run.trained.state
    z = functions["latent"](state, jax.random.fold_in(run.rng_key, 1), 2 * settings.num_paths)
    start, end = jnp.split(z, 2)
    generate = jax.jit(functions["generate"])
    through_z = accuracy(generate(state, straight_paths(start, end, points)))
    straight = accuracy(straight_paths(generate(state, start), generate(state, end), points))
    found = {OWN: {"z": through_z, "straight": straight}}
    if "direct" in populations and (pairs := pairs_of(populations["direct"], settings.num_paths)):
        found["direct"] = {"straight": accuracy(straight_paths(*pairs, points))}
    return found


def attack(run, target, populations, x, labels):
    """{arm: accuracies of `robustness`}; the attacked networks are not in the ensemble."""
    settings, examples = run.config.evaluate, slice(run.config.evaluate.path_examples)
    bounds = None if run.dataset.max_value is None else (-1.0, 1.0)
    first = lambda weights, num: jax.tree.map(lambda leaf: leaf[:num], weights)
    attacked = {OWN: draw_weights(run.trained, jax.random.fold_in(run.rng_key, 2), settings.num_attacked)}
    if "direct" in populations:
        attacked["direct"] = first(populations["direct"], settings.num_attacked)
    found = {}
    for arm, networks in attacked.items():
        ensemble = first(populations[OWN], settings.ensemble_size) if arm == OWN else None
        on = Attacked(x[examples], labels[examples], settings.batch_size, bounds)
        found[arm] = robustness(target.apply, networks, ensemble, on, settings.epsilons)
    return found


def distilled(run, target, x, labels):
    """Figures of one network trained on the mean probabilities of generated ones, new ones at every step."""
    settings, data, (method, state) = run.config.evaluate, run.dataset, run.trained
    teach_key, start_key = jax.random.split(jax.random.fold_in(run.rng_key, 3))

    def teacher(key, inputs):
        weights = method.functions["generate"](state, method.functions["latent"](state, key, settings.distill_teachers))
        return jnp.mean(jax.nn.softmax(jax.vmap(target.apply, (0, None))(weights, inputs)), axis=0)

    weights = distill(
        teach_key,
        target.apply,
        target.init(start_key),
        teacher,
        jnp.asarray(to_float(data.x_train, data.max_value)),
        num_steps=settings.distill_steps,
        batch_size=settings.distill_batch_size,
        learning_rate=run.config.optimizer.networks.learning_rate,
        input_noise=run.config.model.input_noise,
    )
    probs = probabilities(target.apply, jax.tree.map(lambda leaf: leaf[None], weights), x, settings.batch_size)
    return {
        "accuracy_distilled": member_accuracy(probs, labels)[0],
        "ece_distilled": calibration_error(probs[0], labels),
    }
