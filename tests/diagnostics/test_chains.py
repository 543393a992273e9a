"""The table: each entry is what its own function gives, in chunks of any size, compiled once."""

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax import diagnostics
from ebmjax.energies import standard_normal
from ebmjax.mcmc import langevin, run_chain

X = np.random.default_rng(0).normal(size=(500, 8, 2, 3)).astype(np.float32).cumsum(axis=0) + 10
TRACES = []


@jax.jit
def summarise(x):
    TRACES.append(x.shape)
    return diagnostics.summarise(x)


def test_entries_are_those_of_the_functions_in_chunks():
    """Six quantities, four at a time: a chunk and a rest."""
    names = ("rhat", "ess_bulk", "ess_tail", "ess_mean")
    table = jax.jit(lambda x: diagnostics.summarise(x, chunk_size=4))(X)
    expected = jax.jit(lambda x: {name: getattr(diagnostics, name)(x) for name in names})(X)
    expected["mean"] = X.mean(axis=(0, 1), dtype=np.float64)
    expected["sd"] = X.reshape(-1, 2, 3).std(axis=0, ddof=1, dtype=np.float64)
    expected["mcse"] = expected["sd"] / np.sqrt(expected.pop("ess_mean"))
    assert set(table) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(table[name], values, rtol=1e-4, err_msg=name)


def test_one_trace_for_a_shape():
    first, second = summarise(X), summarise(X + 1)
    assert TRACES.count(X.shape) == 1
    np.testing.assert_allclose(second["mean"], first["mean"] + 1, rtol=1e-5)


def test_draws_of_a_chain():
    """What `run_chain` collects goes straight in; images keep their shape."""
    start = jax.random.normal(jax.random.key(1), X.shape[1:])
    kernel = langevin(standard_normal, step_size=1.0)
    collect = lambda state, info: state.position
    _, _, draws = run_chain(kernel, jax.random.key(0), start, len(X), collect=collect)
    table = summarise(draws)
    assert all(value.shape == (2, 3) for value in table.values())
    # ULA with s = 1 is AR(1) with ρ = 1/2 and variance 4/3: ESS about a third of 4000.
    assert np.all(np.abs(np.asarray(table["ess_bulk"]) / (4000 / 3) - 1) < 0.35)
    assert np.all(np.abs(table["mean"]) < 4.5 * np.asarray(table["mcse"]))
    np.testing.assert_allclose(table["sd"], np.sqrt(4 / 3), rtol=0.1)
    assert np.all(np.asarray(table["rhat"]) < 1.02)


def test_images_in_bounded_memory():
    """As documented: a copy of x (two here, one per layout), and some 30 times the draws of a chunk."""
    x = jax.ShapeDtypeStruct((50, 4, 800), jnp.float32)
    compiled = jax.jit(lambda x: diagnostics.summarise(x, chunk_size=8)).lower(x).compile()
    draws = 50 * 4 * 4
    assert compiled.memory_analysis().temp_size_in_bytes < 2 * 800 * draws + 40 * 8 * draws
