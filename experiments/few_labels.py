"""What experiments with few labels have in common: draws of the labels by seed, and every draw's classifier on test
examples."""

from functools import partial

import jax
import numpy as np

from ebmjax.data import Dataset, with_labels
from ebmjax.evaluation import map_batches, reliability
from ebmjax.training.replicas import replica


def data_of(config, dataset: Dataset, title: str) -> Dataset:
    """The data set of which training sees labels.per_class labels a class, drawn by the seeds 0, 1, ..."""
    return with_labels(dataset, config.labels.per_class, range(config.labels.num_seeds))


def logits_of(run, trained, x):
    """Logits `[S, N, K]` of every draw's classifier at x `[N, ...]`."""
    method, states = trained
    logits = jax.jit(method.functions["class_logits"])
    of_draw = lambda i: partial(logits, replica(states, i))
    size = run.config.evaluate.batch_size
    return np.stack([map_batches(of_draw(i), x, size) for i in range(run.config.labels.num_seeds)])


def judged(run, trained, x, labels):
    """(probabilities `[S, N, K]`, accuracies `[S]`, reliability of all draws together) at x `[N, ...]`."""
    probs = np.asarray(jax.nn.softmax(logits_of(run, trained, x)))
    accuracies = np.mean(np.argmax(probs, axis=-1) == labels, axis=-1)
    return probs, accuracies, reliability(probs.reshape(-1, probs.shape[-1]), np.tile(labels, len(probs)))


def spread(accuracies) -> tuple[float, float]:
    """(mean, standard deviation) over the draws `[S]`, 0 of one."""
    return float(np.mean(accuracies)), float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else 0.0
