"""Options and positions of every kernel: what is refused, in one line, and what is not known yet passes."""

import inspect
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import standard_gaussian, standard_normal
from ebmjax.mcmc import (
    DenseMass,
    adapt_step_size,
    annealed_importance_sampling,
    bank,
    base_from,
    dense_mass,
    dual_averaging,
    from_blackjax,
    gibbs_with_gradients,
    hmc,
    independence_mh,
    langevin,
    make_bank,
    mala,
    neural_transport,
    online,
    path_exchange,
    replica_exchange,
    reverse_annealed_importance_sampling,
    run_chain,
    run_in_batches,
    sign_rule,
    tempered_smc,
    tune_temperatures,
    underdamped,
    warm_up,
    warm_up_ladder,
)

pytest.importorskip("blackjax")
KEY = jax.random.key(0)
START = jnp.ones((4, 2))
BETAS, MALA = [0.0, 1.0], partial(mala, step_size=0.1)
ANNEALED = {"base": base_from(standard_gaussian(2)), "potential": standard_normal, "betas": BETAS, "make_kernel": MALA}
GOOD = {
    langevin: {"potential": standard_normal, "step_size": 0.1},
    mala: {"potential": standard_normal, "step_size": 0.1},
    hmc: {"potential": standard_normal, "step_size": 0.1},
    underdamped: {"potential": standard_normal, "step_size": 0.1},
    independence_mh: {"potential": standard_normal, "sample": lambda key, num: START, "log_prob": standard_normal},
    neural_transport: {"potential": standard_normal, "transport": lambda z: (z, z[:, 0]), "make_kernel": MALA},
    replica_exchange: {"potential": standard_normal, "temperatures": [1.0, 2.0], "make_kernel": MALA},
    path_exchange: ANNEALED,
    tempered_smc: {"rng_key": KEY, "num_particles": 4} | ANNEALED,
    adapt_step_size: {"potential": standard_normal, "make_kernel": mala, "step_size": 0.1, "target": 0.6},
    from_blackjax: {"potential": standard_normal, "algorithm": "barker", "step_size": 0.1},
    gibbs_with_gradients: {"potential": standard_normal},
    sign_rule: {},
    dual_averaging: {},
    run_chain: {"kernel": mala(standard_normal, step_size=0.1), "rng_key": KEY, "position": START, "num_steps": 0},
    warm_up: {"rng_key": KEY, "position": START, "num_steps": 20, "potential": standard_normal, "make_kernel": hmc},
    online.moments: {},
    run_in_batches: {
        "kernel": MALA(standard_normal),
        "rng_key": KEY,
        "position": START,
        "num_steps": 0,
        "batch_size": 2,
    },
    make_bank: {"num_chains": 8, "batch_size": 4},
    bank.reinitialise: {"rng_key": KEY, "position": START, "fresh": START, "probability": 0.05},
    warm_up_ladder: {"rng_key": KEY, "position": START, "points": [1.0, 2.0], "num_steps": 4}
    | {"make_exchange": lambda t: mala(standard_normal, step_size=0.1), "tune": tune_temperatures},
    annealed_importance_sampling: {"rng_key": KEY, "num_chains": 2} | ANNEALED,
    reverse_annealed_importance_sampling: {"rng_key": KEY, "position": START} | ANNEALED,
}
NOT_FUNCTIONS = (None, 1.0, "mala")
NOT_POSITIVE = (0.0, -0.1, np.nan, np.inf, "0.1", None, True, np.array([-1.0, 1.0]))
NOT_COUNTS = (0, -1, 3.0, "3", None, True)
NOT_BOOLS = (None, 1, "yes")
BAD = {
    "potential": NOT_FUNCTIONS,
    "make_kernel": NOT_FUNCTIONS,
    "transport": NOT_FUNCTIONS,
    "sample": NOT_FUNCTIONS,
    "log_prob": NOT_FUNCTIONS,
    "inverse": NOT_FUNCTIONS[1:],
    "collect": (*NOT_FUNCTIONS[1:], {"x": lambda state, info: state.position, "y": 1.0}),
    "value": NOT_FUNCTIONS,
    "covariance": NOT_BOOLS,
    "own_keys": NOT_BOOLS,
    "rule": NOT_FUNCTIONS[1:],
    "step_size": (*NOT_POSITIVE, jnp.zeros(2), {"a": 0.1, "b": np.nan}),
    "temperature": (*NOT_POSITIVE, jnp.ones(4), {"a": 1.0}),
    "temperatures": (2.0, [], [1.0, 0.0], [1.0, np.nan], [[1.0, 2.0]]),
    "noise_scale": (-0.1, np.nan, np.inf, None, jnp.ones(2)),
    "clip_grad": (0.0, -1.0, np.nan, "1", jnp.ones(2)),
    "box": (1.0, (1.0, -1.0), (0.0, 0.0), (0.0, np.nan), (0.0, 1.0, 2.0)),
    "friction": (-1.0, np.nan, np.inf, None, jnp.ones(2)),
    "num_leapfrog": NOT_COUNTS,
    "num_flips": NOT_COUNTS,
    "categorical": (None, 1, "yes", {}, {"a": 1.0}, np.array(True)),
    "jitter": (-0.1, 1.0, np.nan, None, "0.5"),
    "inverse_mass": (*NOT_POSITIVE, lambda step: 1.0, DenseMass(np.ones((2, 3))), DenseMass(-np.eye(2))),
    "splitting": (None, "ABOBA", 1, ["BAOAB"]),
    "mass": ("full", 1, True, np.eye(2)),
    "trajectory": ("snaper", 1.0),
    "pool": (None, "max", 1),
    "target": (0.0, 1.0, np.nan, None, 80, lambda step: 0.8),
    "num_adapt": (-1, 2.5, "3"),
    "decay": (0.5, 1.1, np.nan, None),
    "rate": NOT_POSITIVE,
    "shrinkage": NOT_POSITIVE,
    "offset": (-1.0, np.nan, None),
    "num_steps": (-1, 3.0, "3", None, True),
    "thin": NOT_COUNTS,
    "unroll": (0, 2.0, None),
    "num_chains": NOT_COUNTS,
    "num_particles": NOT_COUNTS,
    "max_temperatures": NOT_COUNTS,
    "num_rounds": NOT_COUNTS,
    "ess": (0.0, 1.0, 50, np.nan, None, np.ones(2)),
    "make_exchange": NOT_FUNCTIONS,
    "tune": NOT_FUNCTIONS,
    "batch_size": NOT_COUNTS,
    "num_groups": NOT_COUNTS,
    "probability": (-0.1, 1.1, np.nan, None),
    "algorithm": (None, 1, MALA),
    "betas": ([0.0, np.nan, 1.0], [0.0, 0.5], [[0.0, 1.0]]),
}
ELSEWHERE = {"rng_key", "position", "kernel", "adapt", "init_key", "parameters", "base", "fresh", "points", "data"}
WORDS = {"betas": "betas must be a vector that rises from 0 to 1"}


def options_of(builder):
    names = set(inspect.signature(builder).parameters) | GOOD[builder].keys()
    return sorted(names - ELSEWHERE)


@pytest.mark.parametrize(
    "builder, option",
    [(builder, option) for builder in GOOD for option in options_of(builder)],
    ids=lambda v: getattr(v, "__name__", v),
)
def test_every_option_of_every_kernel_is_checked_where_it_is_built(builder, option):
    for value in BAD[option]:
        with pytest.raises(ValueError, match=WORDS.get(option, f"^[a-z_ ]+: .*{option} must be ")) as error:
            builder(**GOOD[builder] | {option: value})
        assert "\n" not in str(error.value) and len(str(error.value)) < 200


def test_an_error_says_what_and_where():
    with pytest.raises(ValueError, match=r"^hmc: num_leapfrog must be an integer >= 1, got 3\.0$"):
        hmc(standard_normal, step_size=0.1, num_leapfrog=3.0)


@pytest.mark.parametrize(
    "builder, options",
    [
        (
            langevin,
            {"step_size": np.float32(0.1), "temperature": jnp.float32(2.0), "noise_scale": 0, "clip_grad": np.inf},
        ),
        (langevin, {"step_size": {"a": 0.1, "b": 0.0}, "box": (-np.inf, 1)}),
        (mala, {"step_size": lambda step: 0.0, "temperature": lambda step: 1.0}),
        (hmc, {"num_leapfrog": np.int64(3), "jitter": np.float32(0.2), "inverse_mass": np.ones(2), "step_size": 1}),
        (hmc, {"inverse_mass": dense_mass(jnp.eye(2)), "num_leapfrog": jnp.int32(4)}),
        (underdamped, {"friction": 0, "step_size": jnp.bfloat16(0.5)}),
        (replica_exchange, {"temperatures": (1,)}),
        (adapt_step_size, {"num_adapt": np.int32(0), "rule": sign_rule(), "decay": 1}),
        (run_chain, {"unroll": True, "num_steps": np.int64(0)}),
        (from_blackjax, {"step_size": lambda step: 0.1, "inverse_mass": 2.0}),
    ],
)
def test_what_is_allowed(builder, options):
    builder(**GOOD[builder] | options)


def test_traced_values_pass():
    """Inside jit no value is known; shapes are."""

    @jax.jit
    def build(a):
        langevin(standard_normal, step_size=a, temperature=a, noise_scale=a, clip_grad=a, box=(-a, a))
        hmc(standard_normal, step_size={"x": a, "y": 0.0}, inverse_mass=a, temperature=a)
        hmc(standard_normal, step_size=a, num_leapfrog=(3 * a).astype(int), inverse_mass=DenseMass(a * jnp.eye(2)))
        dense_mass(a * jnp.eye(2))
        underdamped(standard_normal, step_size=a, friction=a)
        replica_exchange(standard_normal, temperatures=jnp.stack([a, a]), make_kernel=partial(mala, step_size=a))
        adapt_step_size(standard_normal, make_kernel=mala, step_size=a, target=a, num_adapt=a, rule=sign_rule(a))
        from_blackjax(standard_normal, algorithm="barker", step_size=a, temperature=a)
        with pytest.raises(ValueError, match="temperature must be one finite number"):
            mala(standard_normal, step_size=0.1, temperature=jnp.stack([a, a]))
        for static in ({"num_leapfrog": a}, {"jitter": a}):
            with pytest.raises(ValueError, match="must be"):
                hmc(standard_normal, step_size=0.1, **static)
        return a

    build(-1.0)


KERNELS = (*list(GOOD)[:5], from_blackjax)
every_kernel = pytest.mark.parametrize("builder", KERNELS)


@every_kernel
@pytest.mark.parametrize(
    "position, message",
    [
        (jnp.ones((0, 2)), "at least one chain, got B = 0"),
        ({"a": jnp.ones((0, 2)), "b": jnp.ones(0)}, "at least one chain, got B = 0"),
        ([[0.0, 1.0], [1.0, 0.0]], r"must be arrays \[B, ...\]"),
        (1.0, r"must be arrays \[B, ...\]"),
        ({}, r"must be arrays \[B, ...\]"),
        ({"a": START, "b": START[:2]}, "same first axis"),
    ],
)
def test_positions_are_checked(builder, position, message):
    kernel = builder(**GOOD[builder])
    for start in (kernel.init, lambda x: run_chain(kernel, KEY, x, 1)):
        with pytest.raises(ValueError, match=message):
            start(position)


@every_kernel
def test_positions_of_integers_have_no_gradient(builder):
    """They are allowed where none is needed."""
    start = partial(jax.eval_shape, builder(**GOOD[builder]).init, jnp.ones((4, 2), int))
    if builder is independence_mh:
        start()
    else:
        with pytest.raises(ValueError, match=r"positions must be floats, got dtype\('int32'\)"):
            start()


@pytest.mark.parametrize("builder", [langevin, mala, hmc, underdamped])
@pytest.mark.parametrize("option", ["step_size", "inverse_mass"])
def test_one_value_a_chain_is_not_read_as_one_a_column(builder, option):
    if option not in options_of(builder):
        pytest.skip("no such option")
    square = jnp.ones((4, 4))
    build = lambda value: builder(**GOOD[builder] | {option: value})
    start = lambda value, position: jax.eval_shape(lambda v, x: build(v).init(x), value, position)
    for bad in (np.ones(4), lambda step: jnp.ones(4)):
        if option == "step_size" or not callable(bad):
            with pytest.raises(ValueError, match=rf"{option} of shape \(4,\) may mean 4 chains or columns"):
                build(bad).init(square)
    with pytest.raises(ValueError, match="may mean"):
        start(jnp.ones(4), square)  # traced
    with pytest.raises(ValueError, match="may mean"):
        start({"a": 1.0, "b": jnp.ones(4)}, {"a": square, "b": square})
    with pytest.raises(ValueError, match=rf"{option} of shape \(3,\) does not broadcast against positions \(4, 2\)"):
        build(np.ones(3)).init(START)
    with pytest.raises(ValueError, match="does not broadcast"):
        start(jnp.ones((1, 4, 2)), START)
    for good in ((4, 1), (1, 4), (4, 4), (1,), ()):
        start(jnp.ones(good), square)
    start(jnp.ones(2), START)
    start(jnp.ones(4), jnp.ones(4))  # one number a chain
    start(jnp.ones(1), jnp.ones((1, 1)))


@every_kernel
def test_schedules_give_one_temperature(builder):
    kernel = builder(**GOOD[builder] | {"temperature": lambda step: jnp.ones(4)})
    with pytest.raises(ValueError, match="temperature must be one finite number > 0"):
        kernel.init(START)


@every_kernel
def test_potentials_of_a_wrong_shape_are_named(builder):
    with pytest.raises(ValueError, match=r"must return energy\[B\] = \(4,\), got shape \(\)"):
        builder(**GOOD[builder] | {"potential": lambda x: jnp.sum(x**2)}).init(START)
