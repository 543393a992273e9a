import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.data.loader import draw_labelled, form_batch, make_loader
from ebmjax.methods import classifier
from ebmjax.nets import MLP
from ebmjax.training import sharding
from ebmjax.training.chunk import initial_state, make_chunk
from ebmjax.training.loop import fit
from ebmjax.training.replicas import of_first, replica, replicated
from ebmjax.training.settings import Settings


def test_replicas_are_trainings_of_their_own():
    """Each has its key and its labelled examples; what the loop makes of them is what each alone would be."""
    x = np.random.RandomState(0).normal(size=(24, 3)).astype(np.float32)
    arrays = {
        "x": x,
        "label": np.arange(24, dtype=np.int32) % 2,
        "labelled": np.array([[0, 1, 2], [5, 6, 7]], np.int32),
    }
    method = classifier(MLP((2,)), optimizers={"classifier": optax.adam(0.1)}, input_noise=0.1)
    loader, mesh = make_loader(24, 8), sharding.make_mesh(8)
    make_state, abstract = initial_state(replicated(method, 2), loader, arrays, 0, mesh)
    shardings = jax.tree.map(lambda a: a.sharding, abstract)
    data_key = jax.random.fold_in(jax.random.key(0), 1)
    state, metrics = make_chunk(replicated(method, 2), loader, data_key, mesh, 2, shardings)(make_state(), arrays)
    assert int(state.step) == 2 and metrics["accuracy"].shape == ()

    keys = jax.random.split(jax.random.fold_in(jax.random.key(0), 0), 2)
    one_step = jax.jit(method.train_step)
    for i in range(2):
        for step in range(2):
            batch = draw_labelled(loader, arrays, data_key, step)["labelled"]
            batch = form_batch(loader, arrays, np.arange(8)) | {"labelled": jax.tree.map(lambda a, i=i: a[i], batch)}
            if step == 0:
                alone = method.init(keys[i], batch)
            alone, _ = one_step(alone, batch)
        found = replica(state, i)
        assert int(found.step) == int(alone.step)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), found.params, alone.params)
    logits = method.functions["class_logits"]
    assert not np.allclose(logits(replica(state, 0), x), logits(replica(state, 1), x))
    with pytest.raises(ValueError, match="no samples"):
        replicated(method, 2).sample(state, jax.random.key(0), 3)
    assert jnp.all(jnp.isfinite(logits(replica(state, 0), x)))
    np.testing.assert_array_equal(
        of_first(method, state).functions["class_logits"](state, x), logits(replica(state, 0), x)
    )
    assert of_first(method, replica(state, 0)) is method


def test_a_rollback_gives_every_replica_another_key(tmp_path):
    """NaN at step 6 as long as the replicas have the keys they began with."""
    x = np.random.RandomState(0).normal(size=(16, 3)).astype(np.float32)
    method = classifier(MLP((2,)), optimizers={"classifier": optax.adam(0.1)}, input_noise=0.1)
    first = jax.random.key_data(jax.random.split(jax.random.fold_in(jax.random.key(0), 0), 2))

    def train_step(state, batch):
        state, metrics = method.train_step(state, batch)
        begun = jnp.any(jnp.all(jax.random.key_data(state.rng_key) == first, axis=1))
        return state, metrics | {"cross_entropy": jnp.where(begun & (state.step == 6), jnp.nan, 0.0)}

    arrays = {"x": x, "label": np.arange(16, dtype=np.int32) % 2}
    settings = Settings(10, 8, log_every=2, checkpoint_every=4, on_divergence="rollback")
    several = replicated(method._replace(train_step=train_step), 2)
    state, _ = fit(several, arrays, None, settings, seed=0, folder=tmp_path)
    assert int(state.step) == 10 and state.rng_key.shape == (2,)
    assert not np.array_equal(jax.random.key_data(state.rng_key[0]), jax.random.key_data(state.rng_key[1]))
