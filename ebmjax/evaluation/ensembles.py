"""Ensembles of classifiers: votes, disagreement, robustness, paths between their weights, and distillation.

Probabilities are numpy arrays `[M, N, C]`, of M networks for N examples and C classes.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ebmjax.types import Array, PyTree


def member_accuracy(probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Accuracy of each network by itself: `[M]`."""
    return np.mean(np.argmax(probs, axis=-1) == labels, axis=-1)


def majority_vote(probs: np.ndarray) -> np.ndarray:
    """The class that most networks choose; ties go to the larger mean probability: int `[N]`."""
    mean = np.mean(probs, axis=0)  # below 1, so that it decides only between equal counts
    return np.argmax(_votes(probs) + 0.5 * mean, axis=-1)


def disagreement(probs: np.ndarray) -> float:
    """Share of (pair of networks, example) on which the two networks' classes differ; M ≥ 2, else ValueError."""
    num = len(probs)
    if num < 2:
        raise ValueError(f"disagreement needs at least two networks, got {num}")
    votes = _votes(probs)
    return float(1.0 - np.mean(np.sum(votes * (votes - 1), axis=-1)) / (num * (num - 1)))


def cross_entropy(probs: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log-probability of the labels under probs`[..., N, C]`, in nats, over examples and networks."""
    chosen = np.take_along_axis(probs, np.broadcast_to(labels, probs.shape[:-1])[..., None], axis=-1)
    return float(-np.mean(np.log(np.maximum(chosen, 1e-30))))


def straight_path(start: PyTree, end: PyTree, num: int) -> PyTree:
    """`num` equally spaced points from one network's weights to another's, both included: pytree of `[num, ...]`."""
    t = jnp.linspace(0.0, 1.0, num)
    at = lambda a, b: a + t.reshape(-1, *(1,) * jnp.ndim(a)) * (b - a)
    return jax.tree.map(at, start, end)


def fgsm(
    log_probs: Callable[[Array], Array],
    x: Array,
    labels: Array,
    epsilon: float,
    bounds: tuple[float, float] | None = (-1.0, 1.0),
) -> Array:
    """The fast gradient sign attack: x + ε · sign of the gradient of the cross entropy, `[N, ...]`.

    Args:
        log_probs: x`[N, ...]` -> `[N, C]`, of the classifier under attack, row by row.
        epsilon: in units of x. bounds: the result is clipped to them; None for tables.

    Reference: Goodfellow et al. 2015 (arXiv 1412.6572), section 4.
    """
    loss = lambda x: jnp.sum(optax.softmax_cross_entropy_with_integer_labels(log_probs(x), labels))
    attacked = x + epsilon * jnp.sign(jax.grad(loss)(x))
    return attacked if bounds is None else jnp.clip(attacked, *bounds)


def target_direction(log_probs: Callable[[Array], Array], x: Array, wanted: Array) -> Array:
    """Sign of the gradient of the probability of a wanted class, entries -1, 0, 1: `[N, ...]`.

    Args:
        log_probs: x`[N, ...]` -> `[N, C]`, of the classifier under attack, row by row.
        wanted: int `[N]`, the class that the attack aims at.

    The published attack on generated networks adds it to x, in steps, without bounds (Deutsch 2018, arXiv 1801.01952).
    The gradient is taken of the log-probability, which has the same sign and does not vanish for a sure classifier.
    """
    chosen = lambda x: jnp.sum(jnp.take_along_axis(log_probs(x), wanted[:, None], axis=1))
    return jnp.sign(jax.grad(chosen)(x))


def smallest_flips(answers: np.ndarray, labels: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The smallest size of an attack at which an answer is wrong: `[N]`, inf where none is.

    answers: int `[N, S]`, classes under attacks of ascending sizes `[S]`.
    """
    wrong = answers != labels[:, None]
    return np.where(wrong.any(axis=1), np.asarray(sizes, float)[wrong.argmax(axis=1)], np.inf)


def ensemble_log_probs(apply: Callable, weights: PyTree, x: Array) -> Array:
    """log of the mean probability over networks `[M, ...]`, one after another: x`[N, ...]` -> `[N, C]`."""
    # Recomputed in a gradient, which would otherwise store the activations of all M networks.
    one = jax.checkpoint(lambda w, x: jax.nn.log_softmax(apply(w, x)))
    each = jax.lax.map(lambda w: one(w, x), weights)
    return jax.nn.logsumexp(each, axis=0) - jnp.log(each.shape[0])


def distill(
    rng_key: Array,
    apply: Callable[[PyTree, Array], Array],
    weights: PyTree,
    teacher: Callable[[Array, Array], Array],
    x: Array,
    *,
    num_steps: int,
    batch_size: int,
    learning_rate: float = 1e-3,
    input_noise: float = 0.0,
) -> PyTree:
    """Weights of one network trained to give the probabilities of an ensemble; deterministic given `rng_key`.

    Args:
        apply: (weights, x[B, ...]) -> logits[B, C]. weights: initial ones.
        teacher: (rng_key, x[B, ...]) -> probabilities[B, C]. It may draw different members at every step: the cross
            entropy is linear in the probabilities, so that in expectation the teacher is the whole ensemble.
        x: inputs `[N, ...]`, without labels. input_noise: standard deviation of Gaussian noise on them, the same for
            teacher and student.

    Adam with a cosine schedule, one compiled scan. Reference: Hinton et al. 2015 (arXiv 1503.02531), at temperature 1;
    Deutsch, Nijkamp & Yang 2019 (arXiv 1905.02898) distil an ensemble of generated networks.
    """
    optimizer = optax.adam(optax.cosine_decay_schedule(learning_rate, num_steps))

    def step(carry, i):
        weights, opt_state = carry
        rows_key, noise_key, teacher_key = jax.random.split(jax.random.fold_in(rng_key, i), 3)
        inputs = x[jax.random.randint(rows_key, (batch_size,), 0, len(x))]
        inputs = inputs + input_noise * jax.random.normal(noise_key, inputs.shape)
        probs = teacher(teacher_key, inputs)
        loss = lambda w: jnp.mean(optax.softmax_cross_entropy(apply(w, inputs), probs))
        updates, opt_state = optimizer.update(jax.grad(loss)(weights), opt_state, weights)
        return (optax.apply_updates(weights, updates), opt_state), None

    return jax.lax.scan(step, (weights, optimizer.init(weights)), jnp.arange(num_steps))[0][0]


def _votes(probs: np.ndarray) -> np.ndarray:
    """How many networks choose each class: `[N, C]`."""
    return np.sum(np.argmax(probs, axis=-1)[..., None] == np.arange(probs.shape[-1]), axis=0)
