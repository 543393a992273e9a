"""ArviZ as an oracle: 0.23 (Python 3.11) and 1.x (3.12 and later) give the same numbers through these calls."""

import warnings

import jax
import numpy as np
import pytest

from ebmjax import diagnostics

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # 0.23 announces 1.0 on import
    import arviz

NUM_CHAINS = 4
ORACLES = {
    "rhat": lambda draws: arviz.rhat(draws, method="rank"),
    "split_rhat": lambda draws: arviz.rhat(draws, method="split"),
    "ess_bulk": lambda draws: arviz.ess(draws, method="bulk"),
    "ess_tail": lambda draws: arviz.ess(draws, method="tail", prob=(0.05, 0.95)),
    "mcse": lambda draws: arviz.mcse(draws, method="mean"),  # sd / √ess_mean
}
# test_chains.py ties the entries of the table to the functions of the same names.
OURS = jax.jit(lambda x: diagnostics.summarise(x) | {"split_rhat": diagnostics.split_rhat(x)})


def recursive(noise, coefficient, keep=None):
    """AR(1) along the first axis; where `keep`, the chain stays (as after a rejection)."""
    x = noise.copy()
    for t in range(1, len(x)):
        x[t] = coefficient * x[t - 1] + noise[t]
        if keep is not None:
            x[t] = np.where(keep[t], x[t - 1], x[t])
    return x


def cases(num_steps):
    """Draws [num_steps, NUM_CHAINS, case] in float64, each column a situation that a diagnostic must cope with."""
    rng = np.random.default_rng(num_steps)
    noise = rng.normal(size=(num_steps, NUM_CHAINS))
    columns = {
        "iid": noise,
        "ar1": recursive(noise, 0.9),
        "antithetic": recursive(noise, -0.7),
        "rejections": recursive(noise, 0.5, keep=rng.random(noise.shape) < 0.6),
        "integers": np.round(2 * recursive(noise, 0.5)),
        "shifted": noise + np.array([0.0, 0.0, 0.0, 2.0]),
        "scaled": noise * np.array([1.0, 1.0, 1.0, 4.0]),
        "stuck": 0.1 * noise + np.array([-3.0, -3.0, 3.0, 3.0]),
        "random_walk": np.cumsum(noise, axis=0),
        "cauchy": rng.standard_cauchy(noise.shape),
        "constant": np.full_like(noise, 0.1),
    }
    return list(columns), np.stack(list(columns.values()), axis=-1)


def compare(ours, draws, case_names, rtol, names=tuple(ORACLES)):
    """Every case, [num_steps, num_chains, case], against ArviZ, which takes [num_chains, num_steps]."""
    for name in names:
        for case, value, column in zip(case_names, np.asarray(ours[name]), np.moveaxis(draws, -1, 0)):
            if (case, name) == ("constant", "split_rhat"):
                expected = np.nan  # rounding of the mean decides what ArviZ says
            else:
                expected = ORACLES[name](column.T)
            np.testing.assert_allclose(value, expected, rtol=rtol, atol=1e-12, err_msg=f"{name} of {case}")


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # 0 / 0 of the constant, in ArviZ
@pytest.mark.parametrize("num_steps", [4, 5, 11, 250, 251])
def test_float64_to_1e_5(num_steps):
    """Odd numbers: the middle draw belongs to neither half. Few steps: the sums end by running out of lags."""
    case_names, draws = cases(num_steps)
    with jax.enable_x64(True):
        ours = OURS(draws)
    assert ours["rhat"].dtype == np.float64
    compare(ours, draws, case_names, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_float32_to_1e_3():
    case_names, draws = cases(250)
    draws = draws.astype(np.float32)
    ours = OURS(draws)
    assert ours["rhat"].dtype == np.float32
    compare(ours, draws.astype(np.float64), case_names, rtol=1e-3)


def test_a_single_chain():
    case_names, draws = cases(250)
    with jax.enable_x64(True):
        ours = {"ess_bulk": jax.jit(diagnostics.ess_bulk)(draws[:, :1])}
    compare(ours, draws[:, :1], case_names, rtol=1e-5, names=["ess_bulk"])


@pytest.mark.skipif(not hasattr(arviz, "rhat_nested"), reason="since ArviZ 1.0; closed forms are in test_rhat.py")
def test_nested():
    _, draws = cases(250)
    draws = draws[..., :-1]  # the constant gives 0 / 0 up to rounding
    with jax.enable_x64(True):
        ours = jax.jit(diagnostics.nested_rhat, static_argnums=1)(draws, 2)
    for value, column in zip(ours, np.moveaxis(draws, -1, 0)):
        expected = arviz.rhat_nested(column.T, superchain_ids=np.array([0, 0, 1, 1]), method="identity")
        np.testing.assert_allclose(value, expected, rtol=1e-5)
