"""Each finding appears in a case made for it, and alone; draws without fault have none."""

import re
import warnings
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.diagnostics import diagnose, to_arviz
from ebmjax.energies import standard_normal
from ebmjax.mcmc import Info, hmc, run_chain

N, C = 600, 4
RNG = np.random.default_rng(0)
GOOD = RNG.normal(size=(N, C, 2)).astype(np.float32)
PHI = 0.9


def autoregressive(noise, phi=PHI):
    x = noise.copy()
    for t in range(1, len(x)):
        x[t] = phi * x[t - 1] + np.sqrt(1 - phi**2) * noise[t]
    return x


SLOW = autoregressive(GOOD, 0.98)  # 99 steps of integrated time: an ESS of about 24
APART = GOOD + np.array([0.0, 0.0, 8.0, 8.0], np.float32)[:, None]
HALF_STILL = GOOD.copy()
HALF_STILL[:, 2] = 0.5
DRIFT = GOOD + np.linspace(0.0, 4.0, N, dtype=np.float32)[:, None, None]


def report(**fields):
    """`Info` of a good run of N steps, averaged, with other fields."""
    ones = np.ones(C)
    fields = {"acceptance_rate": 0.8 * ones} | fields
    return Info(ones, ones, **({"num_nonfinite": 0 * ones, "num_divergent": 0 * ones} | fields))


def test_nothing_wrong():
    found = diagnose(GOOD, report(hamiltonian=np.ones(C)), GOOD[:, 0, 0] / 2, ebfmi=np.ones(C), target=0.8)
    assert found.findings == () and found.names == ()
    looked_at = "4 chains of 600 draws of 2 quantities, their transitions and 600 importance weights"
    assert str(found) == f"Nothing wrong was found in {looked_at}."
    assert found.figures["rhat_max"] < 1.01 and found.figures["ess_bulk_min"] > 1500 < found.figures["ess_tail_min"]
    assert found.figures["num_divergent"] == 0 and found.figures["ebfmi_min"] == 1.0
    assert found.figures["acceptance"] == pytest.approx(0.8) and found.figures["pareto_k_max"] < 0.6


def nan_at(step, chain):
    x = GOOD.copy()
    x[step:, chain] = np.nan
    return x


DRAWS = {
    "nonfinite_draws": (nan_at(17, 3), r"chain 3 are not finite, first at step 17\."),
    "one_chain": (GOOD[:, :1], "one chain"),
    "stuck": (HALF_STILL, "chain 2 do not change in 100 % of the steps"),
    "separate": (
        APART,
        r"different places: R-hat is 1\.7\d\d for x\[\d\] \(limit 1\.01; 2 of 2 quantities are above\)",
    ),
    "unmixed": (DRIFT, r"do not agree: R-hat is 1\.\d+ for x\[\d\]"),
    "few_draws": (SLOW, r"ESS of x\[\d\] is \d\d, 400 are needed"),
}
BESIDE = {  # what cannot but come with it
    "one_chain": (),
    "stuck": ("unmixed", "few_draws"),
    "separate": ("few_draws",),
    "unmixed": ("few_draws",),
    "few_draws": ("unmixed",),
}


@pytest.mark.parametrize("name", DRAWS)
def test_draws(name):
    x, words = DRAWS[name]
    found = diagnose(x)
    texts = dict(found.findings)
    assert name in texts and set(texts) <= {name, *BESIDE.get(name, ())}
    assert np.any([part in str(found) for part in texts.values()]) and str(found).startswith("In ")
    assert re.search(words, texts[name]), texts[name]


def test_all_chains_may_be_lost():
    found = diagnose(np.full((10, 4, 2), np.nan))
    assert found.names == ("nonfinite_draws",) and "all 4 chains are not finite" in str(found)


SWAPPED = {
    "more chains than draws": (GOOD.swapaxes(0, 1), "more chains .600. than draws of each .4."),
    "as many chains": (autoregressive(RNG.normal(size=(300, 64))).T[:, :50], "Neighbouring chains resemble"),
    "chains that are stuck apart": (APART.swapaxes(0, 1), "swapaxes"),
}


@pytest.mark.parametrize("name", SWAPPED)
def test_swapped_axes(name):
    x, words = SWAPPED[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = diagnose(x)
    assert found.names[0] == "swapped_axes" and re.search(words, found.findings[0].text)


def test_many_short_chains_are_no_swapped_axes():
    """200 chains of 60 slow steps, whose neighbours in time resemble each other."""
    x = autoregressive(RNG.normal(size=(60, 200)))
    assert "swapped_axes" not in diagnose(x).names


ONES = np.ones(C)
TRANSITIONS = {
    "divergences": (
        {"num_divergent": np.array([0.0, 3.0, 0.0, 2.0])},
        None,
        "5 transitions diverged, in chains 1 and 3",
    ),
    "nonfinite_proposals": ({"num_nonfinite": 10 * ONES}, None, "40 proposals were rejected"),
    "acceptance": ({"acceptance_rate": 0.05 * ONES}, None, r"is 0\.05\. Take a smaller"),
    "too high": ({"acceptance_rate": 0.99 * ONES}, 0.8, r"0\.99, far from the target 0\.8\. Take a larger"),
    "too low": ({"acceptance_rate": 0.5 * ONES}, 0.8, r"0\.50, far from the target 0\.8\. Take a smaller"),
}


@pytest.mark.parametrize("name", TRANSITIONS)
def test_transitions(name):
    fields, target, words = TRANSITIONS[name]
    found = diagnose(GOOD, report(**fields), target=target)
    assert found.names == (name if " " not in name else "acceptance",)
    assert re.search(words, str(found))


def test_a_trace_of_info_is_summed_and_gives_ebfmi():
    """H of chain 1 is a random walk: Σ of N steps of 1 against a spread of order N."""
    ones = np.ones((N, C))
    h = RNG.normal(size=(N, C))
    h[:, 1] = np.cumsum(h[:, 1])
    divergent = np.zeros((N, C))
    divergent[3:6, 0] = 1
    info = Info(ones, ones, 0.8 * ones, 0 * ones, divergent, h)
    found = diagnose(GOOD, info)
    assert found.names == ("divergences", "low_ebfmi")
    assert "3 transitions diverged, in chain 0" in str(found) and "below 0.3 in chain 1" in str(found)
    assert found.figures["num_divergent"] == 3 and found.figures["ebfmi_min"] < 0.1
    assert diagnose(GOOD, info._replace(hamiltonian=0 * h, num_divergent=())).names == ()
    with pytest.raises(ValueError, match=r"info\[num_chains\] or info\[num_steps, num_chains\], got \(3,\)"):
        diagnose(GOOD, Info(*[np.ones(3)] * 4))


@pytest.mark.parametrize("scale, wrong", [(0.5, ()), (4.0, ("pareto_k",))])
def test_weights(scale, wrong):
    """exp(a v), v ~ N(0, 1), 2000 of them: k̂ grows with a, past .7 at 4."""
    log_weights = scale * np.random.default_rng(1).normal(size=(2000, 3))
    found = diagnose(None, log_weights=jnp.asarray(log_weights))
    assert found.names == wrong and "2,000 importance weights" in str(found)
    assert not wrong or "past the limit 0.70 in 3 of 3 averages" in str(found)


def test_quantities_of_a_pytree_are_named():
    x = {"a": GOOD, "b": APART[..., 0]}
    found = diagnose(x)
    assert "R-hat is 1.733 for x['b'] (limit 1.01; 1 of 3 quantities are above)" in str(found)
    with pytest.raises(ValueError, match=r"draws\[num_steps >= 4, num_chains, ...\], got shape \(3, 4\)"):
        diagnose({"a": GOOD, "b": GOOD[:3, :, 0]})


def test_the_documents_call_runs(capsys):
    text = (Path(__file__).parents[2] / "docs/choosing_a_sampler.md").read_text()
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "diagnose(" in block]
    kernel = hmc(standard_normal, step_size=0.9, num_leapfrog=3)
    tuned = SimpleNamespace(kernel=kernel, position=jnp.asarray(GOOD[0]))
    given = {"tuned": tuned, "run_chain": run_chain, "chain_key": jax.random.key(0)}
    exec(code.replace("target=0.8", "target=0.9"), given)
    assert capsys.readouterr().out == (
        "Nothing wrong was found in 4 chains of 1,000 draws of 2 quantities and their transitions.\n"
    )


def test_arviz_takes_them():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arviz = pytest.importorskip("arviz")
        trace = np.arange(N * C, dtype=float).reshape(N, C)
        data = to_arviz({"a": GOOD}, Info(trace, trace, trace / trace.max(), 0 * trace, trace % 2, trace))
        alone = to_arviz(GOOD)
    assert arviz.__version__
    assert data["posterior"]["a"].shape == (C, N, 2) and alone["posterior"]["x"].shape == (C, N, 2)
    np.testing.assert_array_equal(data["posterior"]["a"][1, :, 0], GOOD[:, 1, 0])
    np.testing.assert_array_equal(data["sample_stats"]["energy"], trace.T)
    assert data["sample_stats"]["diverging"].dtype == bool
