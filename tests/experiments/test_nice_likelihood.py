"""The likelihood study: its arms learn one flow, what a run writes, and what it refuses."""

from importlib import import_module

import jax
import numpy as np
import pytest

from ebmjax.data import DataSpec
from experiments.nice_likelihood import baselines, build


@pytest.mark.parametrize("name, shape", [("digits", (8, 8, 1)), ("mnist_logits", (28, 28, 1))])
def test_all_arms_learn_the_same_flow(name, shape):
    """MNIST's has the published number of parameters."""
    config = import_module(f"configs.nice_likelihood.{name}").get_config()
    made = DataSpec("any", shape, 1000, 100, 10, 255)
    batch = {"x": jax.ShapeDtypeStruct((config.train.batch_size, *shape), np.float32)}
    methods = {"": build(config, made), **baselines(config, made)}
    assert set(methods) == {"", "likelihood", "scores"}
    for arm, method in methods.items():
        params = jax.eval_shape(method.init, jax.random.key(0), batch).params
        flow = params["flow"] if arm == "likelihood" else params["energy"]["flow"]
        num = sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(flow))
        assert num == 15_154_352 or name == "digits"


@pytest.mark.slow  # three ways of learning to compile
def test_what_a_run_writes(run):
    found = run("nice_likelihood", "digits:smoke")
    named = {f"{part}_{what}" for part in ("test", "train") for what in ("log_likelihood", "bits_per_dim")}
    assert set(found.metrics) == named
    assert set(found.baselines) - {"gaussian"} == {"likelihood", "scores"}
    assert found.names["likelihood"] == found.names["scores"] == named
    assert found.pictures >= {"health", *(f"samples_{of}" for of in ("vera", "likelihood", "scores", "generator"))}


@pytest.mark.slow
def test_likelihoods_of_logits_have_names_of_their_own(run):
    found = run("nice_likelihood", "digits_logits:smoke")
    assert set(found.metrics) == {"test_log_likelihood_logits", "train_log_likelihood_logits"}
    assert found.names["likelihood"] == found.names["scores"] == set(found.metrics)


def test_logits_need_an_unbounded_generator(fails):
    words = "--config.model.generator.name=svhn", "--config.model.space=logits"
    assert "of logits only mlp and normed_mlp are unbounded" in fails(
        "nice_likelihood", "mnist:smoke", "--config.data.name=fake:32x32x1", *words
    )
    assert "did you mean 'logits'?" in fails("nice_likelihood", "digits:smoke", "--config.model.space=logit")


def test_an_unknown_arm(fails):
    assert "did you mean 'scores'?" in fails("nice_likelihood", "digits:smoke", "--config.evaluate.arms=('score',)")
