"""experiments.sample from end to end: any kernel on any target, the figures of the funnel, and what it refuses."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from ebmjax.data import DataSpec
from ebmjax.energies import standard_normal
from ebmjax.mcmc import hmc, run_chain
from ebmjax.training.config import ConfigError
from ebmjax.training.experiment import Trained
from ebmjax.types import Method
from experiments import find
from experiments.build.targets import learned_target
from experiments.measure.comparison import count_evaluations, of_each_sampler

KEY = jax.random.key(0)


def test_what_a_run_writes(run, capsys):
    found = run("sample", "funnel:smoke")
    assert set(found.baselines) == {"data_space"} and found.names["data_space"] == set(found.metrics)
    assert found.results["command"] == "python -m experiments.sample --config=configs/sample/funnel.py:smoke"
    assert found.metrics["ess_per_second"] > 0 and found.results["protocol"]
    assert found.pictures >= {"traces", "ranks", "ess", "autocorrelation", "density"}
    assert found.metrics["ebfmi_min"] > 0 and found.metrics["num_divergent"] >= 0
    assert "data:image/png" in (found.folder / "report.html").read_text()
    printed = capsys.readouterr().out
    assert "exact sd" in printed and "There are too few draws" in printed


def test_a_comparison_is_one_table(run, capsys):
    """Each sampler is an arm with the figures of a run, ESS per gradient and per second among them. mala and langevin
    take one gradient a transition, and one at the start of the warm-up and of the chain that is kept."""
    found = run("sample", "comparison:smoke")
    assert set(found.baselines) == {"mala", "langevin"} and found.results["method"] == "hmc"
    out = capsys.readouterr().out
    assert [out.count(f"│ {name} ") for name in ("hmc", "mala", "langevin")] == [1, 1, 1]
    for arm, figures in found.baselines.items():
        assert figures["gradients_per_transition"] == 1 + 2 / 100
        ratio = figures["ess_bulk_min"] / figures["ess_per_thousand_gradients"]
        assert ratio == pytest.approx(102 * 16 / 1000)
        assert ("step_size" in figures) == (arm == "mala")
    assert 4 < found.metrics["gradients_per_transition"] < 6 and found.metrics["sd_error_max"] > 0


def test_samplers_of_a_comparison_are_the_section_sampler_but_for_their_fields():
    config = importlib.import_module("configs.sample.comparison").get_config()
    arms = of_each_sampler(config)
    assert arms["hmc_mass"].sampler.name == "hmc" and arms["hmc_mass"].sampler.warm_up == "diagonal"
    assert list(arms)[0] == "hmc" and arms["hmc"].sampler.to_dict() == config.sampler.to_dict()
    assert arms["langevin"].sampler.target_acceptance == 0.0 and arms["mala"].sampler.target_acceptance == 0.574
    assert arms["mala"].num_steps == config.num_steps and not config.sampler.warm_up  # the config itself is kept


def test_evaluations_are_counted_while_they_run():
    """hmc of 3 leapfrog steps, 5 transitions and the start; a program that evaluates nothing."""

    def program(potential, x):
        return run_chain(hmc(potential, step_size=0.1, num_leapfrog=3, jitter=0), KEY, x, 5)[0].position

    assert count_evaluations(program, standard_normal, jnp.ones((4, 2))) == 16
    assert count_evaluations(lambda potential, x: x, standard_normal, jnp.ones(2)) == 0


@pytest.mark.slow
def test_the_funnel(run):
    """Data-space HMC does not mix (R-hat > 1.05, sd(v) < 3), neural transport with the exact map does (< 1.005)."""
    found = run("sample", "funnel")
    metrics, data_space = found.metrics, found.baselines["data_space"]
    assert metrics["rhat_max"] < 1.005 and data_space["rhat_max"] > 1.05
    assert metrics["ess_bulk_min"] > 20 * data_space["ess_bulk_min"]
    assert abs(metrics["acceptance"] - 0.8) < 0.05
    assert found.results["command"] == "python -m experiments.sample --config=configs/sample/funnel.py"


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["langevin", "underdamped", "blackjax_barker"])
def test_other_kernels(kernel, run):
    fixed = [] if kernel.startswith("blackjax") else ["--config.sampler.target_acceptance=0"]
    found = run("sample", "eight_gaussians:smoke", f"--config.sampler.name={kernel}", *fixed)
    assert found.metrics["rhat_max"] > 1.3  # chains stay in their modes


@pytest.mark.slow
def test_a_warm_up_by_name(run):
    """ChEES in data space and through the exact map, where it finds a mass of about 1."""
    found = run("sample", "funnel:smoke", "--config.sampler.warm_up=chees", "--config.num_warmup=300")
    assert "by mcmc.warm_up (chees;" in found.results["protocol"]
    assert abs(found.metrics["acceptance"] - 0.8) < 0.15 and found.metrics["rhat_max"] < 1.1


@pytest.mark.slow
def test_energy_of_a_trained_run(flow_in_the_plane, run):
    """A flow's, whose density in the plane is the energy's; from the folder alone."""
    words = f"--config.target.workdir={flow_in_the_plane.folder}", "--config.sampler.name=mala"
    found = run("sample", "eight_gaussians:smoke", *words)
    assert np.isfinite(found.metrics["rhat_max"])
    assert found.results["dataset"] == f"energy of {flow_in_the_plane.folder}"


def untrained(experiment, path, shape):
    """A run as it is before its first step."""
    config = importlib.import_module(f"configs.{path}").get_config("smoke")
    spec = DataSpec("any", shape, 999, 99, 10, 255 if len(shape) == 3 else None)
    method = find(experiment).build(config, spec)
    batch = {"x": jnp.zeros((8, *shape)), "index": jnp.arange(8)}
    return config, Trained(method, jax.jit(method.init)(KEY, batch))


@pytest.mark.parametrize(
    "experiment, path, shape, dim, temperature",
    [
        ("latent_ebm", "latent_ebm.digits", (8, 8, 1), 16, 1.0),  # of z
        ("short_run", "short_run.digits", (8, 8, 1), 64, None),
        ("anatomy", "anatomy.gmm", (2,), 2, None),
    ],
)
def test_targets_are_what_was_learned(experiment, path, shape, dim, temperature):
    """exp(-E / T) on vectors, with the T of the chains that the run was trained with."""
    config, trained = untrained(experiment, path, shape)
    temperature = temperature or config.sampler.chain.temperature
    target = learned_target("run", config, trained)
    assert target.dim == dim
    x = jax.random.normal(KEY, (3, dim))
    examples = x if dim == 16 else x.reshape(3, *shape)
    expected = trained.method.functions["energy"](trained.state, examples) / temperature
    np.testing.assert_allclose(target.energy(x), expected, rtol=1e-6)
    assert np.ptp(expected) > 0


def test_a_tilted_flow_is_sampled_in_data_space_and_a_tilted_decoder_in_its_latent_space():
    data, latent = lambda state, x: jnp.sum(x, 1) + 1.0, lambda state, z: jnp.sum(z, 1) + 2.0
    method = Method(None, None, lambda state, key, num: jnp.zeros((num, 5)), None, {})
    functions = {"energy": None, "latent_energy": latent, "sample_latent": lambda state, key, num: jnp.zeros((num, 3))}
    of = lambda functions: learned_target("run", ConfigDict(), Trained(method._replace(functions=functions), None))
    tilted_decoder, tilted_flow = of(functions), of(functions | {"data_energy": data})
    assert tilted_decoder.dim == 3 and tilted_decoder.energy(jnp.zeros((1, 3))) == 2.0
    assert tilted_flow.dim == 5 and tilted_flow.energy(jnp.zeros((1, 5))) == 1.0


@pytest.mark.parametrize("method, declared", [("jem", True), ("vera", False), ("no_entropy", False)])
def test_vera_and_jem_say_by_what_their_energy_was_learned(method, declared):
    """All three have a section sampler.chain; only JEM's chains are what its energy was learned by."""
    config = importlib.import_module("configs.vera.digits").get_config("smoke")
    config.method = method
    functions = find("vera").build(config, DataSpec("any", (8, 8, 1), 999, 99, 10, 16)).functions
    found = functions["temperature"](None) if "temperature" in functions else None
    assert found == (config.sampler.chain.temperature if declared else None)


def test_chains_that_only_evaluate_declare_no_temperature():
    """The divergence triangle's energy is learned with a generator; its section sampler.chain is for evaluation."""
    config, trained = untrained("divergence_triangle", "divergence_triangle.digits", (8, 8, 1))
    assert "chain" in config.sampler and "temperature" not in trained.method.functions
    assert learned_target("run", config, trained).name == "energy of run"


def test_an_energy_is_divided_by_the_temperature_that_its_method_declares():
    energy = lambda state, x: jnp.sum(x, 1)
    method = Method(None, None, lambda state, key, num: jnp.zeros((num, 5)), None, {"energy": energy})
    declaring = method._replace(functions=method.functions | {"temperature": lambda state: 0.25})
    plain, divided = (learned_target("run", ConfigDict(), Trained(m, None)) for m in (method, declaring))
    assert plain.energy(jnp.ones((1, 5))) == 5.0 and divided.energy(jnp.ones((1, 5))) == 20.0
    assert divided.name == "energy of run / 0.25"


def test_a_run_without_an_energy_is_refused():
    config, trained = untrained("abp", "abp.digits", (8, 8, 1))
    with pytest.raises(ConfigError, match="abp learns no energy that can be sampled"):
        learned_target("run", config, trained)


@pytest.mark.parametrize(
    "config, words, expected",
    [
        ("eight_gaussians:smoke", ["--config.sampler.name=hcm"], "did you mean 'hmc'"),
        ("eight_gaussians:smoke", ["--config.target.name=funel"], "did you mean 'funnel'"),
        ("eight_gaussians:smoke", ["--config.sampler.neural_transport=True"], "has no exact map"),
        ("eight_gaussians:smoke", ["--config.sampler.step_size=0"], "step_size"),
        ("eight_gaussians:smoke", ["--config.sampler.warm_up=ches"], "did you mean 'chees'"),
        (
            "eight_gaussians:smoke",
            ["--config.sampler.warm_up=dense", "--config.sampler.name=mala"],
            'sampler.warm_up = "dense" needs sampler.name = hmc or blackjax_nuts: mala cannot learn it',
        ),
        (
            "funnel:smoke",
            ["--config.sampler.warm_up=chees", "--config.sampler.target_acceptance=0"],
            'sampler.warm_up = "chees" needs sampler.target_acceptance > 0',
        ),
        ("funnel:smoke", ["--config.sampler.warm_up=dense", "--config.num_warmup=19"], "num_steps = 19 is too few"),
        ("comparison", ["--config.num_warmup=19"], "num_steps = 19 is too few"),  # of one of config.samplers
        ("eight_gaussians:smoke", ["--config.sampler.step_size=nan"], "step_size"),
        ("eight_gaussians:smoke", ["--config.sampler.temperature=inf"], "sampler.temperature = inf must be finite"),
        ("funnel:smoke", ["--config.sampler.options.hmc.num_leapfrog=0"], "hmc: num_leapfrog must be"),
        ("eight_gaussians:smoke", ["--config.num_steps=1"], "at least 4"),
        ("comparison:smoke", ["--config.samplers.langevin.target_acceptance=0.5"], "samplers.langevin.name = langevin"),
        ("comparison:smoke", ["--config.sampler.name=mala"], "samplers.mala has the name of the sampler itself"),
        ("eight_gaussians:smoke", ["--config.target.workdir=nowhere"], "nowhere holds no trained run"),
        ("latent_ebm/svhn:smoke", [], "experiments.latent_ebm"),
    ],
)
def test_refusals(config, words, expected, fails):
    assert expected in fails("sample", config, *words)
