"""Textures: the generator's grids, what a run writes, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs.texture import labyrinth, published
from ebmjax.data import load
from experiments.texture import latent_dim, make_generator, squares


@pytest.mark.parametrize(("config", "grid", "dim"), [(labyrinth, 4, 64), (published, 7, 49)], ids=["ours", "published"])
def test_grids(config, grid, dim):
    """The published texture: 7 x 7 numbers to 224 x 224, then 14 x 14 to 448 x 448, by the same parameters."""
    config, shapes = config.get_config(), []
    for scale in (1, 2):
        net = make_generator(config, 3, scale)
        assert net.grid == (scale * grid, scale * grid) and latent_dim(config, net) == scale**2 * dim
        z = jnp.zeros((1, latent_dim(config, net)))
        x, variables = jax.eval_shape(lambda key, net=net, z=z: net.init_with_output(key, z), jax.random.key(0))
        assert x.shape == (1, scale * config.texture.side, scale * config.texture.side, 3)
        shapes.append(jax.tree.map(jnp.shape, variables))
    assert shapes[0] == shapes[1]


def test_squares_are_the_training_examples():
    config, dataset = labyrinth.get_config(), load("labyrinth")
    found = squares(config, dataset, "train")
    assert found.x_train.shape == found.x_test.shape == (config.texture.num_squares, 64, 64, 1)
    assert np.any(found.x_train != found.x_test) and found.y_train is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config.texture.side=72"], "texture.side = 72 must be a multiple of 16: 4 layers double the image"),
        (["--config.texture.side=144"], "a square with a side of 144 pixels does not fit into images of 128 x 128"),
        (["--config.texture.side=32"], "texture.side = 32 must be at least 33"),
        (["--config.model.generator.kernel_size=5"], "kernel_size = 5 must be even"),
        (["--config.data.name=wine"], "data.name = wine: a texture is learned from images, not from (13,)"),
        (["--config.texture.num_squares=4", "--config.train.batch_size=8"], "train.batch_size = 8"),
    ],
    ids=["multiple", "large", "small", "odd", "table", "batch"],
)
def test_refusals(words, said, fails):
    assert said in fails("texture", "labyrinth:smoke", *words)


@pytest.mark.slow
def test_what_a_run_writes(run):
    found = run("texture", "labyrinth:smoke")
    distances = {"filter_distance", "pixel_distance"}
    assert set(found.metrics) == {"train_mse", "latent_rms"} | distances
    assert found.names == dict.fromkeys(("real", "random_phase", "shuffled"), distances)
    assert found.pictures >= {"synthesis", "compared", "reconstructions", "health"}
    baselines = found.baselines
    assert baselines["shuffled"]["pixel_distance"] == 0  # the same pixels
    assert baselines["real"]["filter_distance"] < 0.5 * baselines["shuffled"]["filter_distance"]


@pytest.mark.slow
def test_verdict(whole_training, run):
    """Minutes: nearer to the image than shuffled pixels by filters, and than the Gaussian texture by pixels."""
    metrics, baselines = run("texture", "labyrinth", "--config.seed=1").figures
    assert metrics["filter_distance"] < 0.7 * baselines["shuffled"]["filter_distance"]
    assert metrics["pixel_distance"] < baselines["random_phase"]["pixel_distance"]
