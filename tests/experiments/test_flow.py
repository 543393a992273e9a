"""The flow's experiment: end to end in the plane and on images, what it refuses, and who takes its flow."""

import jax
import numpy as np
import pytest
from PIL import Image

from configs.flow import cifar10, eight_gaussians
from configs.flow_contrastive.eight_gaussians import get_config
from ebmjax.data import DataSpec
from ebmjax.training.config import ConfigError
from experiments.build.flows import prepare
from experiments.build.trained import restore

PLANE = DataSpec("any", (2,), 10_000, 1000, None, None)


def test_published_architecture_of_cifar10():
    fields = cifar10.get_config().model.flow
    assert (fields.name, fields.num_levels, fields.num_steps, fields.width) == ("glow", 3, 32, 512)


def test_what_a_run_writes(flow_in_the_plane, run):
    found = flow_in_the_plane
    assert set(found.metrics) == {"test_log_likelihood", "train_log_likelihood", "kl_true_flow"}
    assert found.names == dict.fromkeys(("gaussian", "true"), {"test_log_likelihood"})
    # Of 64 points: the law's entropy is 2.829 nats, its log-density has an sd of 1.
    assert abs(found.baselines["true"]["test_log_likelihood"] + 2.829) < 0.5
    assert found.pictures >= {"landscape", "health"}
    run("flow", "eight_gaussians:smoke", "--mode=sample", folder=found.folder)
    assert np.load(found.folder / "samples.npy").shape == (100, 2)


def test_a_trained_flow_is_taken(flow_in_the_plane):
    """It can be restored, layers without parameters and all; one of another architecture is refused."""
    config = get_config("smoke")
    config.flow.run = str(flow_in_the_plane.folder)
    with pytest.raises(ConfigError, match="affine_coupling"):
        prepare(config, PLANE)
    config.flow.model.flow = eight_gaussians.get_config().model.flow
    taken, (_, theirs) = prepare(config, PLANE)["flow"], restore(flow_in_the_plane.folder)
    assert set(taken.state.params) == {"flow"}
    jax.tree.map(np.testing.assert_array_equal, taken.state.params, theirs.state.params)


def test_a_flow_is_not_taken_from_another_experiment(monkeypatch):
    theirs = eight_gaussians.get_config("smoke")
    theirs.experiment = "nice_likelihood"
    monkeypatch.setattr("experiments.build.flows.restore", lambda workdir: (theirs, None))
    config = get_config("smoke")
    config.flow.run = "there"
    with pytest.raises(ConfigError, match="flow.run = there is a run of experiments.nice_likelihood, not of a flow"):
        prepare(config, PLANE)


@pytest.mark.slow  # minutes of compilation
def test_glow_on_fake_images_of_the_published_size(takes_minutes, run):
    """Uniform noise of 8 bits takes 8 bits/dim; after two steps a narrow Glow is near the Gaussian's 8.1."""
    found = run("flow", "cifar10:smoke")
    assert set(found.metrics) == {f"{a}_{b}" for a in ("test", "train") for b in ("log_likelihood", "bits_per_dim")}
    assert 7.9 < found.metrics["test_bits_per_dim"] < 9.0
    assert found.pictures >= {"samples", "samples_cool"}
    assert Image.open(found.folder / "samples/0000001.png").width > 300


@pytest.mark.parametrize(
    "word, said",
    [
        ("model.flow.name=spline", "unknown flow 'spline'"),
        ("model.flow.name=glow", "no option num_layers"),
        # Limits of this experiment, and general ones.
        ("evaluate.temperature=-1.0", "error: evaluate.temperature = -1.0 must be at least"),
        ("optimizer.flow.clip_norm=-1.0", "error: optimizer.flow.clip_norm = -1.0 must be at least"),
        ("evaluate.max_examples=1", "error: evaluate.max_examples = 1 must be at least"),
    ],
)
def test_refusals(word, said, fails):
    assert said in fails("flow", "eight_gaussians:smoke", f"--config.{word}")
