"""The divergence guard stops what is broken with the right cause, leaves alone what is not, and can go back."""

import importlib
from functools import partial
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.data import Dataset, DataSpec
from ebmjax.mcmc import Chain, langevin
from ebmjax.mcmc.bank import make_bank
from ebmjax.methods import abp, backbone_of_decoder, flow_backbone, short_run
from ebmjax.methods.base import acceptance
from ebmjax.metrics import kind_of
from ebmjax.nets import MLPEnergy
from ebmjax.training.guard import Diverged, Guard, find_problems, updated
from ebmjax.training.loop import Interrupted, fit
from ebmjax.training.settings import Settings
from ebmjax.types import Info

ROOT = Path(__file__).parents[2]


def scales_after(values, name="energy_gap"):
    scales = {}
    for value in values:
        scales = updated(scales, {name: value})
    return scales


def test_the_running_scale_is_a_geometric_mean():
    (num, log_scale) = scales_after([2.0, 8.0, -4.0])["energy_gap"]
    assert num == 3 and np.exp(log_scale) == pytest.approx(4.0)
    assert scales_after([0.0, 1e-9])["energy_gap"] == [1, 0.0]  # below the floor of 1; 0 says nothing
    assert scales_after([3.0], "reconstruction_mse") == {}


DEFAULT = Guard()


def fired_at(values, name="prior_grad_norm", guard=DEFAULT):
    """Index of the first value that the guard refuses, or None."""
    scales = {}
    for i, value in enumerate(values):
        if find_problems(guard, scales, {name: value}):
            return i
        scales = updated(scales, {name: value})
    return None


@pytest.mark.parametrize(
    "name, values, expected",
    [
        ("prior_grad_norm", [1.0] * 15 + [1001.0], 15),
        ("prior_grad_norm", [1.0] * 15 + [999.0, 1.0, 999.0], None),
        ("prior_grad_norm", [1.0] * 9 + [1e6], None),  # still warming up
        ("prior_grad_norm", [0.0] * 50 + [5.0] * 20, None),  # a phase in which it is not used
        ("grad_norm_energy", [1.0] * 15 + [2e3], 15),
        ("r_s", [1.0] * 15 + [2e3], 15),
        ("energy_gap", [0.01, -0.01] * 10 + [-900.0], None),  # of no size yet: judged against 1
        ("energy_gap", [0.01, -0.01] * 10 + [-1100.0], 20),
        ("prior_spread", [1.0] * 15 + [5e-4], 15),
        ("prior_spread", [1.0] * 15 + [0.0], 15),
        ("prior_spread", [1.0 / 2**i for i in range(100)], 10),  # halved at every logged step
        ("prior_spread", [1.0] * 15 + [1e9], None),
        ("reconstruction_mse", [1.0] * 15 + [1e9], None),
        ("prior_acceptance", [1.0] * 15 + [0.0] * 5, 19),  # five zeros in a row
        ("acceptance_rate", [0.0] * 4 + [1e-9] + [0.0] * 4, None),  # one chain in a billion proposals moved
        ("posterior_acceptance", [0.0] * 9, 4),  # from the first step on: no warm-up
        ("anything", [1.0, float("nan")], 1),
        ("anything", [1.0, float("-inf")], 1),
    ],
)
def test_what_the_guard_refuses(name, values, expected):
    found = fired_at(values, name)
    assert found == expected if expected != 10 else found is not None and found < 60


def test_a_steady_explosion_is_caught():
    """Growth by 50 % a logged step, far below 1000 in one: caught long before 32-bit floats end at 1.5^219."""
    assert fired_at([1.5**i for i in range(200)]) < 100
    assert fired_at([1.05**i for i in range(400)]) is None


def test_off():
    off = Guard(max_growth=0, min_spread=0)
    assert fired_at([1.0] * 15 + [1e30], guard=off) is None
    assert fired_at([1.0] * 15 + [0.0], "prior_spread", guard=off) is None


def nan_from(step, where="grad"):
    def spoil(state, grad, metrics):
        bad = jnp.where(state.step == step, jnp.nan, 1.0)
        return (grad * bad, metrics) if where == "grad" else (grad, metrics | {"energy_gap": bad})

    return spoil


@pytest.mark.parametrize("seed", range(10))
def test_a_nan_at_a_random_step(toy, seed):
    """It is found at the next logging step, named, and the last checkpoint before it is whole."""
    rng = np.random.default_rng(seed)
    step = int(rng.integers(0, 38))
    intervals = {"log_every": int(rng.integers(1, 13)), "checkpoint_every": int(rng.integers(1, 13))}
    with pytest.raises(Diverged, match="parameters of energy not finite|mean_norm not finite") as stopped:
        toy.train(watched(nan_from(step)), **intervals)
    error = stopped.value
    assert step < error.step <= max(step + 1 + max(intervals.values()) + 2, 2)
    kept = sorted(int(p.name) for p in (toy.folder / "run" / "checkpoints").iterdir() if p.name.isdecimal())
    assert all(s <= step for s in kept)
    if kept:
        assert f"the last healthy checkpoint is of step {kept[-1]}" in str(error)
        state = toy.train(num_steps=2)  # finished: only restores
        assert int(state.step) == kept[-1]
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params))
    else:
        assert "no checkpoint yet" in str(error)


def watched(spoil):
    """Also report a metric that depends on the parameters, as every method does."""

    def both(state, grad, metrics):
        return spoil(state, grad, metrics | {"mean_norm": jnp.sum(state.params["energy"]["mean"] ** 2)})

    return both


def test_broken_parameters_are_never_saved(toy):
    """No metric shows what the last update before a checkpoint did."""
    with pytest.raises(Diverged, match="step 8: parameters of energy not finite .*healthy at step 4"):
        toy.train(nan_from(7))
    assert not list((toy.folder / "run" / "checkpoints").glob("[0-9]*"))


def test_an_explosion_stops_with_its_cause(toy):
    grow = lambda state, grad, metrics: (grad, metrics | {"energy_gap": 1e5 ** jnp.maximum(state.step - 30, 0)})
    with pytest.raises(Diverged) as stopped:
        toy.train(grow, log_every=2)
    said = str(stopped.value)
    assert "train diverged at step 32: energy_gap = 5e+04 is over 1000 times its usual 1" in said
    assert "the last healthy checkpoint is of step 24" in said
    assert "clip_norm" in said and "train.on_divergence=rollback" in said and len(said.splitlines()) == 1


def test_collapsed_chains_stop_the_run_of_a_method(tmp_path):
    """Chains of a bank that all stand at one point from step 24 on."""
    optimizers = {"generator": optax.adam(1e-3)}
    still = Chain(partial(langevin, step_size=0.1), 0)
    method = abp(nn.Dense(3), chain=still, optimizers=optimizers, sigma=0.3, latent_dim=2, bank=make_bank(64, 8))

    def train_step(state, batch):
        chains = state.extra["chains"] * (state.step < 24)
        return method.train_step(state._replace(extra=state.extra | {"chains": chains}), batch)

    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    settings = Settings(40, 8, log_every=2, checkpoint_every=8)
    collapsing = method._replace(train_step=train_step)
    with pytest.raises(Diverged) as stopped:
        fit(collapsing, Dataset("any", x, None, x[:1], None, None), settings, tmp_path)
    said = str(stopped.value)
    assert "diverged at step 26: the chains have collapsed, posterior_spread = 0 is under 0.001 times its usual" in said
    assert "the last healthy checkpoint is of step 24" in said and "try a higher temperature or fresh starts" in said


def short_run_of(tmp_path, **options):
    """Trains short-run chains of one kernel in the plane, on four examples, logging every step."""
    chain = Chain(partial(langevin, **options), 3)
    method = short_run(MLPEnergy((4,)), chain=chain, optimizers={"energy": optax.adam(1e-3)}, shape=(2,))
    x = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    settings = Settings(12, 4, log_every=1, checkpoint_every=4)
    return fit(method, Dataset("any", x, None, x[:1], None, None), settings, tmp_path)


def test_chains_that_never_move_stop_the_run_of_a_method(tmp_path):
    """A step of 1e30: s² ∇E / 2 overflows in 32 bits, and every proposal is rejected."""
    with pytest.raises(Diverged) as stopped:
        short_run_of(tmp_path, step_size=1e30)
    said = str(stopped.value)
    assert "diverged at step 5: the chains have rejected every proposal at 5 logged steps in a row" in said
    assert "chain_acceptance = 0" in said and "a much smaller step_size" in said and len(said.splitlines()) == 1


def test_a_chain_of_no_steps_is_no_stalled_one():
    info = Info(*4 * [jnp.zeros(3)])
    chain = Chain(partial(langevin, step_size=0.1), 0)
    assert acceptance("prior", chain, info) == acceptance("prior", None, info) == {}
    assert acceptance("prior", chain._replace(num_steps=2), info) == {"prior_acceptance": 0}


def method_of(experiment, path):
    shape, num = ((2,), None) if "gmm" in path else ((8, 8, 1), 255)
    config = importlib.import_module(f"configs.{path}").get_config("smoke")
    return importlib.import_module(f"experiments.{experiment}").build(config, DataSpec("any", shape, 999, 99, 10, num))


def flow_method():
    decoder = nn.Dense(3)
    backbone = backbone_of_decoder(decoder, decoder.init(jax.random.key(0), jnp.zeros((1, 2)))["params"], 2)
    chain = Chain(partial(langevin, step_size=0.1), 2)
    return flow_backbone(MLPEnergy((4,)), backbone=backbone, chain=chain, optimizers={"energy": optax.adam(1e-3)})


@pytest.mark.parametrize(
    "make, shape, chains",
    [
        (partial(method_of, "latent_ebm", "latent_ebm.digits"), (8, 8, 1), {"prior", "posterior"}),
        (partial(method_of, "abp", "abp.digits"), (8, 8, 1), {"posterior"}),
        (partial(method_of, "multilayer_short_run", "multilayer_short_run.digits"), (8, 8, 1), {"posterior"}),
        (partial(method_of, "short_run", "short_run.digits"), (8, 8, 1), {"chain"}),
        (partial(method_of, "anatomy", "anatomy.gmm"), (2,), {"chain"}),
        (flow_method, (3,), {"chain"}),
    ],
    ids=["latent_ebm", "abp", "multilayer_short_run", "short_run", "anatomy", "flow_backbone"],
)
def test_every_method_with_chains_tells_their_spread_and_acceptance(make, shape, chains):
    """Abstractly, so nothing is compiled; what it is worth is for `pytree.spread` to say."""
    method = make()
    batch = {"x": jax.ShapeDtypeStruct((16, *shape), np.float32), "index": jax.ShapeDtypeStruct((16,), np.int32)}
    state = jax.eval_shape(method.init, jax.random.key(0), batch)
    metrics = jax.eval_shape(method.train_step, state, batch)[1]
    assert {name for name in metrics if kind_of(name).collapses} == {f"{chain}_spread" for chain in chains}
    told = {name for name in metrics if kind_of(name).stalls}
    assert told == ({"acceptance_rate"} if make is flow_method else {f"{chain}_acceptance" for chain in chains})


def until_another_key(step):
    """NaN at `step` as long as the run has the key it began with."""

    def spoil(state, grad, metrics):
        same = jnp.all(jax.random.key_data(state.rng_key) == state.extra["first_key"])
        return grad * jnp.where((state.step == step) & same, jnp.nan, 1.0), metrics

    return spoil


def test_rollback_goes_on_with_another_key(toy, capsys):
    """Once; its rows and its checkpoints say so; cut off afterwards and resumed, it ends in the same state."""
    whole = toy.train(until_another_key(20), name="whole", on_divergence="rollback")
    said = capsys.readouterr().err
    assert "diverged at step 24: parameters of energy not finite" in said
    assert f"back to step 16, with key {whole.rng_key.tolist()} (rollback 1)" in said
    assert np.any(whole.rng_key != whole.extra["first_key"])
    rows = toy.rows("whole")
    assert [row["step"] for row in rows] == list(range(4, 41, 4))
    assert ["num_rollbacks" in row for row in rows] == [False] * 4 + [True] * 6
    assert toy.meta("whole")["rollbacks"] == 1

    asked = iter([False] * 18 + [True])
    with pytest.raises(Interrupted):
        toy.train(until_another_key(20), on_divergence="rollback", stop_requested=lambda: next(asked))
    resumed = toy.train(until_another_key(20), on_divergence="rollback")
    jax.tree.map(np.testing.assert_array_equal, resumed, whole)


def test_rollbacks_are_bounded(toy, capsys):
    with pytest.raises(Diverged, match="diverged at step 12 after 2 rollbacks"):
        toy.train(watched(nan_from(10)), on_divergence="rollback", guard=Guard(max_rollbacks=2))
    assert capsys.readouterr().err.count("back to step 8") == 2


def test_rollback_without_a_checkpoint_starts_again(toy, capsys):
    state = toy.train(until_another_key(2), on_divergence="rollback", num_steps=8)
    assert "back to step 0" in capsys.readouterr().err
    assert int(state.step) == 8 and np.isfinite(state.params["energy"]["mean"]).all()


def test_the_guard_of_a_resumed_run_knows_its_past(toy):
    toy.train(name="whole")
    asked = iter([False] * 4 + [True])  # at step 10, where nothing is logged otherwise
    with pytest.raises(Interrupted, match="step 10"):
        toy.train(stop_requested=lambda: next(asked))
    toy.train()
    assert toy.meta()["scales"] == toy.meta("whole")["scales"]
