"""Wrappers of methods: moving average, snapshots, replicas, stopping where it diverges."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.data import Dataset, with_validation
from ebmjax.data.loader import batch_of, make_loader
from ebmjax.methods import classifier
from ebmjax.methods.wrappers import (
    first_replica,
    for_evaluation,
    replica,
    replicated,
    snapshots,
    stopped_where_diverged,
    transformed,
    with_best,
    with_ema,
    with_snapshots,
)
from ebmjax.nets import MLP, MLPLogits
from ebmjax.training import devices
from ebmjax.training.loop import fit, initial_state, make_chunk
from ebmjax.training.settings import Settings
from ebmjax.types import Method, State


def counter():
    """A method whose parameter is the number of steps taken."""

    def init(rng_key, batch):
        extra = {"chains": jnp.zeros(2)}
        return State(jnp.int32(0), {"n": jnp.zeros(())}, {}, {}, extra, rng_key)

    def train_step(state, batch):
        assert set(state.extra) == {"chains"}
        chains = {"chains": state.extra["chains"] + 1}
        return state._replace(step=state.step + 1, params={"n": state.params["n"] + 1}, extra=chains), {}

    return Method(init, train_step, lambda *_: jnp.zeros(1), lambda *_: {}, {})


def test_transformed_data():
    """The method learns from transform(key, x), with another key at every step, and samples are mapped back."""
    seen = lambda state, batch: state._replace(step=state.step + 1, params={"x": batch["x"]})
    start = lambda key, batch: State(jnp.int32(0), {"x": batch["x"]}, {}, {}, {}, key)
    functions = {"energy": lambda state, x: x, "encode": lambda state, key, x: x}
    method = Method(
        start, lambda *a: (seen(*a), {}), lambda state, key, num: state.params["x"], lambda *_: {}, functions
    )
    add = lambda key, x: 10 * x + jax.random.uniform(key, x.shape)
    method = transformed(method, add, jnp.floor)
    x = jnp.arange(1.0, 4.0)
    state = method.init(jax.random.key(0), {"x": x})
    values = []
    for _ in range(3):
        values.append(np.asarray(state.params["x"]))
        assert np.array_equal(method.sample(state, None, 3), 10 * x)
        state, _ = method.train_step(state, {"x": x, "label": x})
    assert len(np.unique(np.stack(values))) == 9
    assert set(method.functions) == {"energy"}


def after(method, num_steps):
    step = jax.jit(lambda state: method.train_step(state, {})[0])
    state = method.init(jax.random.key(0), {})
    for _ in range(num_steps):
        state = step(state)
    return state


@pytest.mark.parametrize(
    ("num_steps", "kept"),
    [(0, [0]), (1, [1]), (4, [4]), (5, [4, 5]), (12, [4, 8, 12]), (13, [8, 12, 13]), (40, [32, 36, 40])],
)
def test_the_newest_multiples_and_the_end(num_steps, kept):
    state = after(with_snapshots(counter(), every=4, num=3), num_steps)
    states = snapshots(state, every=4, num=3)
    assert [int(s.step) for s in states] == [float(s.params["n"]) for s in states] == kept
    assert float(state.extra["chains"][0]) == num_steps


def test_one_is_the_end_alone():
    state = after(with_snapshots(counter(), every=1, num=1), 7)
    assert [float(s.params["n"]) for s in snapshots(state, every=1, num=1)] == [7]


def test_the_average_keeps_decay_of_itself():
    """From 0, parameters 1 and 2: .1 · 1, then .9 · .1 + .1 · 2."""
    for num_steps, expected in ((1, 0.1), (2, 0.29)):
        state = after(with_ema(counter(), 0.9), num_steps)
        np.testing.assert_allclose(float(state.ema["n"]), expected, rtol=1e-6)
        assert for_evaluation(state).params == state.ema and float(state.params["n"]) == num_steps


def test_of_the_averaged_parameters_where_there_are_any():
    averaged = with_ema(with_snapshots(counter(), every=4, num=3), 0.5)
    then, _, end = snapshots(for_evaluation(after(averaged, 12)), every=4, num=3)
    for state in (then, end):
        expected = for_evaluation(after(with_ema(counter(), 0.5), int(state.step))).params["n"]
        assert np.isclose(float(state.params["n"]), float(expected))


def guessing(table):
    """`counter` whose class at every x is table[n], n the number of steps taken; one that counts, as its statistics."""
    method = counter()
    logits = lambda state, x: jax.nn.one_hot(jnp.full(len(x), jnp.asarray(table)[state.params["n"].astype(int)]), 4)

    def init(rng_key, batch):
        state = method.init(rng_key, batch)
        return state._replace(extra={"stats": jnp.zeros(())})

    def train_step(state, batch):
        stats = state.extra | {"stats": state.extra["stats"] + 1}
        return state._replace(step=state.step + 1, params={"n": state.params["n"] + 1}, extra=stats), {}

    return method._replace(init=init, train_step=train_step, functions={"class_logits": logits})


def test_the_best_by_validation_is_kept():
    """At steps 2, 4, 6, 8 it is .1, .3, .3, .2 of ten labels: that of step 4, the first of the best, is evaluated."""
    labels = np.array([1, 2, 2, 2, 3, 3, 0, 0, 0, 0])
    batch = {"valid": {"x": jnp.zeros((10, 1)), "label": labels}}
    table = [0, 0, 1, 0, 2, 0, 2, 0, 3]  # the best at odd steps are not seen
    several = replicated(with_best(guessing(table), every=2, batch_size=4), 2)  # 4 does not divide 10
    step, state = jax.jit(several.train_step), several.init(jax.random.key(0), {})
    np.testing.assert_array_equal(for_evaluation(state).params["n"], 0)
    seen = []
    for _ in range(8):
        state, metrics = step(state, batch)
        seen.append(float(metrics["best_accuracy"]))
    np.testing.assert_allclose(seen, [0, 0.1, 0.1, 0.3, 0.3, 0.3, 0.3, 0.3], rtol=1e-6)
    best = for_evaluation(state)
    np.testing.assert_array_equal(best.params["n"], [4, 4])
    np.testing.assert_array_equal(best.extra["stats"], [4, 4])
    np.testing.assert_array_equal(state.params["n"], [8, 8])
    np.testing.assert_array_equal(state.extra["best"]["step"], [4, 4])


def test_a_resumed_run_crops_alike_and_keeps_the_same_best(tmp_path):
    """Six steps at once, and four with two more from their checkpoint: the same parameters, and the same best."""
    random = np.random.RandomState(0)
    x, y = random.randint(0, 256, (40, 6, 6, 1), dtype=np.uint8), np.arange(40, dtype=np.int32) % 2
    dataset = with_validation(Dataset("any", x, y, x, y, 255, augment="crop_flip"), 8)
    net = classifier(MLPLogits((2,)), optimizers={"classifier": optax.adam(0.1)})
    method = replicated(stopped_where_diverged(with_best(net, every=2, batch_size=8)), 2)
    settings = Settings(6, 8, log_every=2, checkpoint_every=2)
    whole, _ = fit(method, dataset, settings, tmp_path / "whole")
    fit(method, dataset, settings._replace(num_steps=4), tmp_path / "parts")
    parts, _ = fit(method, dataset, settings, tmp_path / "parts")
    jax.tree.map(np.testing.assert_array_equal, parts.params, whole.params)
    jax.tree.map(np.testing.assert_array_equal, parts.extra["best"], whole.extra["best"])
    assert np.all(whole.extra["best"]["accuracy"] > 0) and set(np.ravel(whole.extra["best"]["step"])) <= {2, 4, 6}
    plain, _ = fit(method, dataset._replace(augment=""), settings, tmp_path / "plain")
    assert not np.allclose(jax.tree.leaves(plain.params)[1], jax.tree.leaves(whole.params)[1])


def test_replicas_are_trainings_of_their_own():
    """Each has its key and its labelled examples; what the loop makes of them is what each alone would be."""
    x = np.random.RandomState(0).normal(size=(24, 3)).astype(np.float32)
    arrays = {
        "x": x,
        "label": np.arange(24, dtype=np.int32) % 2,
        "labelled": np.array([[0, 1, 2], [5, 6, 7]], np.int32),
    }
    method = classifier(MLP((2,)), optimizers={"classifier": optax.adam(0.1)}, input_noise=0.1)
    loader, mesh = make_loader(24, 8), devices.make_mesh(8)
    make_state, abstract = initial_state(replicated(method, 2), loader, arrays, 0, mesh)
    data_key = jax.random.fold_in(jax.random.key(0), 1)
    state, metrics = make_chunk(replicated(method, 2), loader, data_key, mesh, 2, abstract)(make_state(), arrays)
    assert int(state.step) == 2 and metrics["accuracy"].shape == ()

    keys = jax.random.split(jax.random.fold_in(jax.random.key(0), 0), 2)
    one_step = jax.jit(method.train_step)
    for i in range(2):
        for step in range(2):
            batch = batch_of(loader, arrays, np.arange(8), data_key, step)
            batch["labelled"] = jax.tree.map(lambda a, i=i: a[i], batch["labelled"])
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
        first_replica(method, state).functions["class_logits"](state, x), logits(replica(state, 0), x)
    )
    assert first_replica(method, replica(state, 0)) is method


def test_a_rollback_gives_every_replica_another_key(tmp_path):
    """NaN at step 6 as long as the replicas have the keys they began with."""
    x = np.random.RandomState(0).normal(size=(16, 3)).astype(np.float32)
    method = classifier(MLP((2,)), optimizers={"classifier": optax.adam(0.1)}, input_noise=0.1)
    first = jax.random.key_data(jax.random.split(jax.random.fold_in(jax.random.key(0), 0), 2))

    def train_step(state, batch):
        state, metrics = method.train_step(state, batch)
        begun = jnp.any(jnp.all(jax.random.key_data(state.rng_key) == first, axis=1))
        return state, metrics | {"cross_entropy": jnp.where(begun & (state.step == 6), jnp.nan, 0.0)}

    dataset = Dataset("any", x, np.arange(16, dtype=np.int32) % 2, x, None, None)
    settings = Settings(10, 8, log_every=2, checkpoint_every=4, on_divergence="rollback")
    several = replicated(method._replace(train_step=train_step), 2)
    state, _ = fit(several, dataset, settings, tmp_path)
    assert int(state.step) == 10 and state.rng_key.shape == (2,)
    assert not np.array_equal(jax.random.key_data(state.rng_key[0]), jax.random.key_data(state.rng_key[1]))


@pytest.mark.parametrize(("gap", "at"), [(1e7, -1), (-1e7, -1), (2e8, 0), (-2e8, 0), (np.inf, 0)])
def test_an_energy_gap_is_huge_in_either_direction(gap, at):
    step = lambda state, batch: (state._replace(step=state.step + 1), {"energy_gap": jnp.float32(gap)})
    start = lambda key, batch: State(jnp.int32(0), {}, {}, {}, {}, key)
    method = stopped_where_diverged(Method(start, step, None, None, {}))
    state, metrics = method.train_step(method.init(jax.random.key(0), {}), {})
    assert state.extra["diverged_at"] == at and metrics["num_diverged"] == (at == 0)


def test_a_draw_that_diverges_stays_where_it_was():
    """A method that doubles its parameter every step, with a NaN metric at step 3: it is at rest from there on."""

    def train_step(state, batch):
        metrics = {"energy_gap": jnp.where(state.step == 3, jnp.nan, state.params["w"])}
        return state._replace(step=state.step + 1, params={"w": 2 * state.params["w"]}), metrics

    start = lambda key, batch: State(jnp.int32(0), {"w": jnp.float32(1)}, {}, {}, {}, key)
    method = stopped_where_diverged(Method(start, train_step, None, None, {}))
    state = method.init(jax.random.key(0), {})
    state, metrics = jax.lax.scan(lambda s, _: method.train_step(s, {}), state, length=6)
    assert state.params["w"] == 8 and state.extra["diverged_at"] == 3 and state.step == 6
    np.testing.assert_array_equal(metrics["energy_gap"], [1, 2, 4, 0, 0, 0])
    np.testing.assert_array_equal(metrics["num_diverged"], [0, 0, 0, 1, 0, 0])
