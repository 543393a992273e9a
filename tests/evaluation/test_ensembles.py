"""Votes, disagreement, calibration, attacks, paths and distillation, each against what can be worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.evaluation import calibration_error, ensembles, reliability

KEY = jax.random.key(0)


def one_hot(answers, num_classes=3, certainty=0.8):
    rest = (1 - certainty) / (num_classes - 1)
    return np.where(np.asarray(answers)[..., None] == np.arange(num_classes), certainty, rest)


ANSWERS = np.array([[0, 1, 2, 0], [0, 1, 0, 1], [0, 2, 0, 2]])  # three networks, four examples
LABELS = np.array([0, 1, 2, 1])


def test_accuracy_votes_and_disagreement():
    probs = one_hot(ANSWERS)
    np.testing.assert_allclose(ensembles.member_accuracy(probs, LABELS), [0.75, 0.75, 0.25])
    np.testing.assert_array_equal(ensembles.majority_vote(probs)[:3], [0, 1, 0])
    # Pairs that differ: 0, 2, 2 and 3 of 3.
    assert ensembles.disagreement(probs) == pytest.approx(7 / 12)
    probs[1, 3] = [0.0, 0.99, 0.01]  # three classes with a vote each: the surest decides
    assert ensembles.majority_vote(probs)[3] == 1
    split = np.array([*3 * [[[0.51, 0.49]]], *2 * [[[0.0, 1.0]]]])  # three votes to two, against a mean of .31 to .69
    np.testing.assert_array_equal(ensembles.majority_vote(split), [0])
    with pytest.raises(ValueError, match="at least two"):
        ensembles.disagreement(probs[:1])


def test_calibration():
    """80 % sure and right in 8 of 10: calibrated; in 5 of 10: off by .3; two bins add up by their shares."""
    answers, labels = np.zeros(10, int), np.zeros(10, int)
    labels[8:] = 1
    assert calibration_error(one_hot(answers), labels) == pytest.approx(0, abs=1e-7)
    labels[5:] = 1
    assert calibration_error(one_hot(answers), labels) == pytest.approx(0.3)
    share, accuracy, confidence = reliability(one_hot(answers), labels, num_bins=10)
    assert share[8] == 1 and accuracy[8] == 0.5 and confidence[8] == pytest.approx(0.8)  # the bin from .8 to .9
    both = np.concatenate([one_hot(answers), one_hot(answers, certainty=1.0)])
    assert calibration_error(both, np.concatenate([labels, labels])) == pytest.approx(0.5 * 0.3 + 0.5 * 0.5)


def test_each_confidence_has_its_bin():
    """Bin b of 15 holds confidences from b / 15 to below (b + 1) / 15, and the last one 1 as well."""
    sure = np.array([1.0, 14.5 / 15, 13.5 / 15, 8.5 / 15])
    share, accuracy, confidence = reliability(np.stack([sure, 1 - sure], axis=1), np.array([0, 1, 0, 0]))
    np.testing.assert_allclose(share[[14, 13, 8]], [0.5, 0.25, 0.25])
    np.testing.assert_allclose(accuracy[[14, 13, 8]], [0.5, 1.0, 1.0])
    np.testing.assert_allclose(confidence[[14, 13, 8]], [29.5 / 30, 13.5 / 15, 8.5 / 15])
    assert share.sum() == 1 and len(share) == 15


def test_cross_entropy():
    probs = one_hot(ANSWERS)
    hits = np.mean(ANSWERS == LABELS)
    assert ensembles.cross_entropy(probs, LABELS) == pytest.approx(-hits * np.log(0.8) - (1 - hits) * np.log(0.1))


def test_the_smallest_size_that_flips():
    """The first wrong answer counts, also where a larger size is right again."""
    answers = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]])
    found = ensembles.smallest_flips(answers, np.ones(4, int), np.array([0, 2, 4]))
    np.testing.assert_array_equal(found, [4, 2, 0, np.inf])


def test_the_direction_of_a_targeted_attack():
    """Three linear logits w_c · x: towards class c, away from the others by their probabilities; also for a classifier
    so sure that the probability itself is 0 in float32."""
    w = jnp.array([[1.0, -1.0, 0.0], [0.0, 2.0, -3.0]])
    x = jnp.array([[0.3, -0.2], [300.0, 0.0]])
    found = ensembles.target_direction(lambda x: jax.nn.log_softmax(x @ w), x, jnp.array([2, 1]))
    probs = jax.nn.softmax(x @ w)
    expected = w[:, jnp.array([2, 1])].T - probs @ w.T
    np.testing.assert_array_equal(found, jnp.sign(expected))
    assert probs[1, 1] == 0 and float(found[1, 0]) == -1


def linear(weights, x):
    return x @ weights["w"]


def test_the_attack_on_a_linear_classifier():
    """The margin of two linear logits falls by ε |w1 - w0|₁, exactly; bounds are kept."""
    w = {"w": jnp.array([[0.5, -0.5], [-1.0, 2.0], [0.0, 0.3]])}
    x, labels, difference = jnp.zeros((2, 3)), jnp.array([0, 1]), w["w"][:, 1] - w["w"][:, 0]
    log_probs = lambda x: jax.nn.log_softmax(linear(w, x))
    attacked = ensembles.fgsm(log_probs, x, labels, 0.1)
    margin = (attacked @ difference) * jnp.array([-1, 1])
    np.testing.assert_allclose(margin, -0.1 * jnp.sum(jnp.abs(difference)), rtol=1e-5)
    np.testing.assert_array_equal(jnp.abs(ensembles.fgsm(log_probs, x, labels, 5.0)), 1.0)
    np.testing.assert_array_equal(jnp.abs(ensembles.fgsm(log_probs, x, labels, 5.0, None)), 5.0)


def test_paths_and_mean_probabilities():
    start, end = {"w": jnp.zeros((2, 3))}, {"w": jnp.ones((2, 3))}
    path = ensembles.straight_path(start, end, 5)["w"]
    np.testing.assert_allclose(path[:, 0, 0], [0, 0.25, 0.5, 0.75, 1])
    weights = {"w": jax.random.normal(KEY, (4, 2, 3))}
    x = jax.random.normal(KEY, (6, 2))
    mean = jnp.mean(jnp.stack([jax.nn.softmax(x @ w) for w in weights["w"]]), axis=0)
    np.testing.assert_allclose(jnp.exp(ensembles.ensemble_log_probs(linear, weights, x)), mean, rtol=1e-5)


def test_distillation_adds_its_noise_to_the_inputs_of_teacher_and_student():
    seen = {"teacher": [], "student": []}

    def note(name, inputs):
        jax.debug.callback(lambda a: seen[name].append(np.asarray(a)), inputs)

    def teacher(key, inputs):
        note("teacher", inputs)
        return jnp.full((len(inputs), 2), 0.5)

    def student(weights, inputs):
        note("student", inputs)
        return weights["w"] * inputs

    options = dict(num_steps=2, batch_size=2000, input_noise=3.0)
    ensembles.distill(KEY, student, {"w": jnp.ones(())}, teacher, jnp.zeros((5, 2)), **options)
    jax.effects_barrier()
    np.testing.assert_allclose(np.std(seen["teacher"], axis=(1, 2)), 3.0, rtol=4 / np.sqrt(2 * 4000))
    assert np.std(np.subtract(*seen["teacher"])) > 3  # other noise at every step
    np.testing.assert_array_equal(np.sort(seen["student"], axis=0), np.sort(seen["teacher"], axis=0))


def test_distillation_finds_a_teacher_of_its_kind():
    """A linear student of teachers that scatter around a linear one with mean probabilities known: it finds those."""
    w = jnp.array([[1.0, -1.0, 0.0], [0.5, 0.5, -1.0]])
    x = jax.random.normal(KEY, (256, 2))

    def teacher(key, inputs):
        # One class drawn with the linear teacher's probabilities, for certain: right in the mean alone.
        return jax.nn.one_hot(jax.random.categorical(key, inputs @ w), 3)

    options = dict(num_steps=1500, batch_size=256, learning_rate=0.05)
    start = {"w": jnp.zeros((2, 3))}
    student = ensembles.distill(KEY, linear, start, teacher, x, **options)
    found, expected = jax.nn.softmax(x @ student["w"]), jax.nn.softmax(x @ w)
    # The last ~500 steps average 128,000 answers: standard errors of the weights around .01.
    assert np.abs(found - expected).max() < 0.05 < np.abs(1 / 3 - expected).max()
