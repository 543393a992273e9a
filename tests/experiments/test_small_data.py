"""Data too small for the figures of an experiment are refused in one line, before anything is trained."""

import numpy as np
import pytest

RANDOM = np.random.default_rng(0)


def images(num, classes=None, size=8):
    """Arrays of `num` images, the labels going round."""
    arrays = {"x": RANDOM.integers(0, 256, (num, size, size, 1)).astype(np.uint8)}
    return arrays | ({"y": np.arange(num) % classes} if classes else {})


def save(path, train, test=None):
    arrays = {f"{name}_train": array for name, array in train.items()}
    np.savez(path, **arrays | {f"{name}_test": array for name, array in (test or {}).items()})
    return f"--config.data.name=npz:{path}"


SMALL = ["--config.train.batch_size=2"]


@pytest.mark.parametrize("command", ["latent_ebm", "short_run", "abp", "divergence_triangle", "flow", "vae_latent_ebm"])
def test_five_images_have_one_test_image(command, fails, tmp_path):
    """A covariance needs two."""
    name = "digits:smoke"
    line = fails(command, name, save(tmp_path / "x.npz", images(5)), *SMALL)
    assert "4 training and 1 test examples; the evaluation needs at least 2 of each: give x_test" in line


@pytest.mark.parametrize("num_train, num_test", [(1, 5), (5, 1)])
def test_either_part_may_be_too_small(num_train, num_test, fails, tmp_path):
    given = save(tmp_path / "x.npz", images(num_train), images(num_test))
    line = fails("latent_ebm", "digits:smoke", given, "--config.train.batch_size=1")
    assert f"{num_train} training and {num_test} test examples; the evaluation needs at least 2" in line


def test_a_batch_larger_than_the_data_is_refused_before_a_stage_is_trained(fails, tmp_path):
    given = save(tmp_path / "x.npz", images(20))
    words = ["--config.flow.train.batch_size=2", "--config.train.batch_size=64"]
    assert "must be between 1 and the 18 training examples" in fails("flow_backbone", "digits:smoke", given, *words)


def test_anomalies_that_are_not_among_the_tested(fails, tmp_path):
    """Of two test examples none may be an anomaly."""
    given = save(tmp_path / "x.npz", images(400, 10), images(100, 10))
    words = ["--config.anomaly.held_out=(1,)", "--config.evaluate.max_examples=2", "--config.train.batch_size=2"]
    assert "anomaly 1: 0 of 2 test examples are anomalies, and curves need both" in fails(
        "anomaly", "digits:smoke", given, *words
    )


def test_a_class_with_too_few_labelled_examples_for_the_probe(fails, tmp_path):
    labels = np.array([1] * 2 + [0] * 38)
    given = save(tmp_path / "x.npz", images(40) | {"y": labels}, images(10, 2))
    words = ["--config.evaluate.probe.num_labels=(6,)", *SMALL, "--config.flow.train.batch_size=2"]
    assert "num_labels = 6: the rarest class has 2 examples" in fails("features", "digits:smoke", given, *words)


def test_fewer_examples_than_neighbours(fails, tmp_path):
    given = save(tmp_path / "x.npz", images(4, 2), images(4, 2))
    words = [*SMALL, "--config.labels.per_class=1"]
    line = fails("symbol_vector", "digits:smoke", given, *words)
    assert "controlled_accuracy compares with the 5 nearest training examples, and there are 4" in line


def test_foreign_data_of_another_shape(fails):
    words = ["--config.evaluate.foreign=('npz:absent.npz',)"]
    assert "absent.npz" in fails("vera", "digits:smoke", *words)
    line = fails("vera", "digits:smoke", "--config.evaluate.foreign=('wine',)")
    assert "evaluate.foreign: wine has shape (13,)" in line


def test_paths_without_examples(fails):
    words = ["--config.evaluate.path_examples=0"]
    assert "evaluate.path_examples = 0 must be at least 1" in fails("hypernetwork", "digits:smoke", *words)
