"""JEM: what is added to maximum likelihood by chains, and what is refused."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.mcmc import Chain, langevin, make_bank
from ebmjax.methods import jem
from ebmjax.nets import MLP
from ebmjax.objectives import LabelWeights

X = jnp.sign(jax.random.normal(jax.random.key(0), (32, 1))) * 2 + 0.3 * jax.random.normal(jax.random.key(1), (32, 1))
BATCH = {"x": X, "index": jnp.arange(32)}
LABELLED = {"labelled": {"x": jnp.array([[-2.0], [2.0]]), "label": jnp.array([0, 1])}}


def method_of(**options):
    chain = Chain(partial(langevin, step_size=0.1, temperature=0.005), 10)
    optimizers = {"energy": optax.adam(1e-2)}
    return jem(MLP((16, 2)), chain=chain, optimizers=optimizers, shape=(1,), bank=make_bank(64, 32), **options)


@pytest.mark.slow
def test_it_learns_to_classify_and_to_sample():
    method = method_of(initial_scale=4.0, temperature=0.005)
    batch = BATCH | LABELLED
    jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})  # it runs for a moment
    state = jit(method.init)(jax.random.key(0), batch)
    first = state.extra["chains"]
    run = jit(lambda s: jax.lax.scan(lambda s, _: method.train_step(s, batch), s, length=200))
    state, metrics = run(state)
    assert metrics["cross_entropy"][-1] < 0.1 < metrics["cross_entropy"][0]
    assert metrics["num_nonfinite"].sum() == 0 and np.mean(state.extra["chains"] != first) > 0.99
    logits = method.functions["class_logits"](state, X)
    assert jnp.mean(jnp.argmax(logits, 1) == (X[:, 0] > 0)) > 0.95
    np.testing.assert_allclose(method.functions["energy"](state, X), -jax.nn.logsumexp(logits, axis=1), rtol=1e-5)
    # Samples of the pool lie where data do: within 1 of ±2, where a quarter of the fresh ones would.
    x = jit(method.sample, static_argnums=2)(state, jax.random.key(1), 500)
    assert np.mean(np.abs(np.abs(x) - 2) < 1) > 0.75


def test_what_is_refused():
    with pytest.raises(ValueError, match="reinitialise = 2"):
        method_of(reinitialise=2)
    with pytest.raises(ValueError, match="weights of labels"):
        method_of(labels=LabelWeights(1.0, -0.1))
    with pytest.raises(ValueError, match="needs labels"):
        method_of().init(jax.random.key(0), BATCH)
    with pytest.raises(ValueError, match="built for examples"):
        method_of().init(jax.random.key(0), {"x": jnp.zeros((32, 2)), "label": jnp.zeros(32, jnp.int32)})
