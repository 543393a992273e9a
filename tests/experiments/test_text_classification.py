"""experiments.text_classification: its parts on hand-made features, from end to end, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from ebmjax.types import EOS, PAD, Method
from experiments import text_classification as experiment


def test_features():
    """The mean of num_draws draws, with its noise: of N(2 tokens, 1), 400 of them, within five standard errors."""
    functions = {"encode": lambda state, key, x: state * x + jax.random.normal(key, x.shape)}
    functions["encode_with_dropout"] = lambda state, key, x: 0.0 * functions["encode"](state, key, x) - 1.0
    encode = experiment.make_encoder(Method(None, None, None, None, functions), 400)
    x = np.arange(15, dtype=np.float32).reshape(5, 3)
    train, test = experiment.features_of(encode, jnp.float32(2.0), jax.random.key(0), (x, x[:2]), 3)
    np.testing.assert_allclose(train, 2 * x, atol=5 / 20)
    assert np.all(train[:2] != test)  # other noise
    encode = experiment.make_encoder(Method(None, None, None, None, functions), 2, dropout=True)
    np.testing.assert_array_equal(encode(jnp.float32(2.0), jax.random.key(0), x), -np.ones_like(x))


def test_bag_of_words():
    x = np.array([[4, 4, 5, EOS], [7, EOS, PAD, PAD]])
    np.testing.assert_array_equal(experiment.bag_of_words(x, 6)[:, 4:], [[1, 1], [0, 0]])


def test_accuracies():
    """Numbers above that of the rows are left out; all rows leave nothing to draw."""
    config = ConfigDict({"num_labels": (0, 10, 40, 1000), "num_repeats": 3, "num_components": 2, "seed": 0})
    random = np.random.RandomState(0)
    y = np.arange(80) % 2
    x = 6 * y[:, None] + random.standard_normal((80, 2))
    found = experiment.accuracies(config, x[:40], y[:40], x[40:], y[40:])
    assert found == {0: (1.0, 0.0), 10: (1.0, 0.0), 40: (1.0, 0.0)}


@pytest.fixture
def reviews(tmp_path):
    """A file of labelled sentences, and one of its tests: what is good or bad is said in words."""
    random = np.random.RandomState(0)
    for part, num in (("train", 120), ("test", 80)):
        lines = []
        for _ in range(num):
            label = random.randint(2)
            word = random.choice([["bad", "awful"], ["good", "fine"]][label])
            lines.append(f"{label}\tthe {random.choice(['food', 'place'])} was {word} .")
        (tmp_path / f"reviews.{part}.txt").write_text("\n".join(lines))
    return tmp_path / "reviews.train.txt"


@pytest.mark.slow
def test_from_end_to_end(reviews, run):
    # No figures of its own, which take longer than the training.
    words = ["data.name=lines:" + str(reviews), "evaluate.language_model=False"]
    words += ["evaluate.num_draws=0", "evaluate.num_samples=0"]
    trained = run("text_short_run", "pydoc:smoke", *(f"--config.{word}" for word in words))
    found = run("text_classification", "yelp:smoke", f"--config.workdir={trained.folder}")
    assert set(found.metrics) == {"accuracy_0", "accuracy_20", "accuracy_sd_20"}
    assert found.names == dict.fromkeys(("untrained", "bag_of_words", "majority"), {"accuracy_0", "accuracy_20"})
    metrics, baselines = found.figures
    assert baselines["bag_of_words"]["accuracy_20"] > 0.95  # four words tell
    assert baselines["majority"]["accuracy_0"] == baselines["majority"]["accuracy_20"] >= 0.5
    assert all(0 <= value <= 1 for table in (metrics, *baselines.values()) for value in table.values())
    assert "2 draws" in found.results["protocol"] and str(trained.folder) in found.results["command"]
    assert found.pictures == {"probes"} and "data:image/png" in (found.folder / "report.html").read_text()


@pytest.mark.parametrize(
    "config, words, expected",
    [
        ("yelp:smoke", [], "must name a run trained on labelled sentences: python -m experiments.text_short_run"),
        ("yelp:smoke", ["--config.workdir=nowhere"], "nowhere holds no trained run"),
        ("yelp:smoke", ["--config.num_draws=0"], "num_draws"),
        ("latent_ebm/svhn:smoke", [], "experiments.latent_ebm"),
    ],
)
def test_refusals(config, words, expected, fails):
    assert expected in fails("text_classification", config, *words)
