"""Every config: loads, says what it is, names its run alone, and builds its method at the shape of its data."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from ebmjax.data import DataSpec, load, spec
from ebmjax.optimizers import learning_rate_schedule
from ebmjax.report.published import paper_of as published_figures
from ebmjax.training.arguments import run_name
from ebmjax.training.config import check_limits
from ebmjax.training.experiment import Trained
from ebmjax.training.settings import to_settings
from experiments import MODULES, find
from experiments.build.optimizers import optimizers_of
from experiments.latent_ebm import OPPONENTS, baselines, build

ROOT = Path(__file__).parents[2]
ALIAS = "configs/svhn.py"  # of configs/latent_ebm/svhn.py: the README's example
SHARED = ("configs/common.py", "configs/encoders.py", "configs/flow_stage.py")
NAMES = sorted(
    name
    for name in (path.relative_to(ROOT).as_posix() for path in (ROOT / "configs").rglob("*.py"))
    if not name.endswith("/common.py") and name not in SHARED
)
UNTRAINED = ("entropy_gradient", "neutra", "sample", "text_classification")  # commands that train no method
FILES = {
    # (shape, training and test examples, classes, largest pixel)
    "mnist": ((28, 28, 1), 60_000, 10_000, 10, 255),
    "mnist@32": ((32, 32, 1), 60_000, 10_000, 10, 255),
    "stacked:mnist@64": ((64, 64, 3), 60_000, 10_000, 1000, 255),
    "svhn_cropped": ((32, 32, 3), 73_257, 26_032, 10, 255),
    "cifar10": ((32, 32, 3), 50_000, 10_000, 10, 255),
    "oxford_flowers102@32": ((32, 32, 3), 1020, 6149, 102, 255),
    "cifar100": ((32, 32, 3), 50_000, 10_000, 100, 255),
    "celeb_a@32": ((32, 32, 3), 162_770, 19_962, None, 255),
    "celeb_a@64": ((64, 64, 3), 162_770, 19_962, None, 255),
    "celeb_a@128": ((128, 128, 3), 162_770, 19_962, None, 255),
    "npz:FILE": ((46,), 7200, 16_800, 24, None),
    "npz:crop.npz": ((46,), 7200, 16_800, 24, None),
    "npz:electricdevices.npz": ((96,), 8926, 7711, 7, None),
    "npz:texture.npz": ((224, 224, 3), 1, 1, None, 255),
    "npz:hepmass.npz": ((15,), 315_123, 174_987, 2, None),
}
GROUPS = {
    "abp": {"generator"},
    "divergence_triangle": {"energy", "encoder", "generator"},
    "flow": {"flow"},
    "latent_ebm": {"energy", "generator"},
    "short_run": {"energy"},
    "text_short_run": {"generator"},
    "texture": {"generator"},
    "vae_latent_ebm": {"energy", "encoder", "generator"},
}
"""What is learned, where each network has an optimiser and there is nothing else."""

STAGES = {}


def load_module(name):
    return importlib.import_module(name.removesuffix(".py").replace("/", "."))


def data_spec(experiment, config):
    """The DataSpec of what a config's method is trained on, without its files."""
    data = config.data
    if data.name in FILES:
        shape, num_train, *rest = FILES[data.name]
        assert data.num_train <= num_train
        return DataSpec(data.name, shape, data.num_train or num_train, *rest)
    if data.name.startswith("lines:") or data.name == "pydoc":
        return DataSpec(data.name, (data.get("max_length", 40) + 1,), 2000, 200, 2, None, data.vocabulary_size)
    return spec(experiment.data_of(config, load(**data), "train"))


def state_of(method, config, shape, dtype):
    """The shapes of a method's state, by tracing its initialisation."""
    size = config.train.batch_size
    rows = jax.ShapeDtypeStruct((size,), np.int32)
    batch = {"x": jax.ShapeDtypeStruct((size, *shape), dtype), "label": rows, "index": rows}
    return jax.eval_shape(method.init, jax.random.key(0), batch)


def build_method(experiment, config, found, traced):
    """The config's method and its baselines are built, on stages that are only traced.

    traced: its own initialisation is traced too, but for methods on a stage, whose parameters they copy, and for those
    that draw labelled examples.
    """
    dtype = np.float32 if found.vocab_size is None else np.int32
    prepared = {}
    for name, (own, method) in experiment.prepare(config, found).items():
        key = own.model.to_json(), own.train.batch_size, found.shape  # a Glow is traced once, whatever the data set
        STAGES[key] = STAGES[key] if key in STAGES else state_of(method, own, found.shape, dtype)
        prepared[name] = Trained(method, STAGES[key])
    method = experiment.build(config, found, **prepared)
    experiment.baselines(config, found, **prepared)
    if traced and not prepared and not config.get("labels", {}).get("weight", 0):
        params = state_of(method, config, found.shape, dtype).params
        assert jax.tree.leaves(params)
        if config.experiment in GROUPS:
            own = set(params) - {"log_step_size"}  # chosen by a search, without an optimiser
            assert own == set(config.optimizer) == GROUPS[config.experiment]


def builds(name, variant, traced=False):
    config = load_module(name).get_config(variant).lock()
    assert isinstance(config, ConfigDict)
    if config.experiment in UNTRAINED:
        check_limits(config, getattr(importlib.import_module(f"experiments.{config.experiment}"), "LIMITS", {}))
        return
    experiment = find(config.experiment)
    experiment.check(config)
    to_settings(config)
    build_method(experiment, config, data_spec(experiment, config), traced)


@pytest.mark.parametrize("variant", ["", "smoke"])
@pytest.mark.parametrize("name", NAMES)
def test_config_builds(name, variant):
    builds(name, variant)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_config_initialises(name):
    builds(name, "", traced=True)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_variants_are_refused(name):
    with pytest.raises(ValueError, match="unknown variant 'tiny'"):
        load_module(name).get_config("tiny")


def test_no_two_configs_share_a_work_directory():
    names = [name for name in NAMES if name != ALIAS]
    folders = [(load_module(name).get_config().experiment, run_name(name, {})) for name in names]
    assert sorted(folders) == sorted(set(folders))
    assert load_module(ALIAS).get_config().to_dict() == load_module("configs/latent_ebm/svhn.py").get_config().to_dict()


def default_config(experiment):
    """The config that a command runs without --config."""
    if experiment in UNTRAINED:
        return re.search(r'"(configs/\w+/\w+\.py)"', MODULES[experiment].read_text())[1]
    return find(experiment).default_config


@pytest.mark.parametrize("name", NAMES)
def test_docstring(name):
    """Paper and arXiv number, the command, what to expect and the cost, each on a line that begins with the word."""
    module = load_module(name)
    text, experiment = module.__doc__, module.get_config().experiment
    about = " ".join(text.split("\n\n    ")[0].split())
    assert re.search(r"[A-Z]\w+ (et al\. )?\d{4}\b.*arXiv \d{4}\.\d{5}", about), (
        "name, year and arXiv number of the paper"
    )
    commands = re.findall(rf"^    (?:.* && )?python -m experiments\.(?:sweep )?{experiment}\b(.*)$", text, re.M)
    chosen = [re.findall(r"--config=(\S+)", rest) or [default_config(experiment)] for rest in commands]
    assert [name] in chosen, f"a line with the command of experiments.{experiment}"
    assert re.search(r"^Expected[ ,:]", text, re.M), "the expected figure"
    assert re.search(r"^Cost: \S", text, re.M), "the cost"


def paper_of(name):
    return load_module(name).get_config().get("paper", {})


@pytest.mark.parametrize("name", [name for name in NAMES if paper_of(name)])
def test_figures_of_the_paper(name):
    paper, data = paper_of(name), load_module(name).get_config().get("data")
    assert set(paper) == {"source", "protocol", "data", "figures"} and paper.source and paper.protocol
    assert paper.figures and all(type(value) in (int, float) for value in paper.figures.values())
    assert isinstance(paper.data, tuple) and paper.data
    assert data is None or ":" in data.name or data.name in paper.data


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("configs/latent_ebm/")])
def test_latent_ebms_sample_at_temperature_one(name):
    config = load_module(name).get_config()
    assert config.sampler.prior.temperature == config.sampler.posterior.temperature == 1.0


def test_parameters_of_a_latent_ebm_are_two_groups():
    config = load_module("configs/latent_ebm/digits.py").get_config()
    assert set(abstract_params(config, (8, 8, 1))) == {"energy", "generator"}


def abstract_params(config, shape):
    method = build(config, DataSpec("any", shape, 10_000, 1000, 10, 255))
    return state_of(method, config, shape, np.float32).params


def count(tree):
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize(
    ("name", "five_layers"),
    [("digits_opponents", 3 * 6416 + 10_528 + 20_800), ("svhn", 12_162_435), ("celeba64", 12_162_435 + 65_600)],
)
def test_opponents_of_the_latent_ebm(name, five_layers):
    """All of Table 1 can be trained beside it: N(0, I) and the VAE with its generator, five layers with the released
    one (16 · 64 · 64 + 64 parameters more to double 32 pixels to 64), or with perceptrons."""
    config = load_module(f"configs/latent_ebm/{name}.py").get_config()
    config.evaluate.opponents = tuple(OPPONENTS)
    found = data_spec(find(config.experiment), config)
    own = count(abstract_params(config, found.shape)["generator"])
    methods = baselines(config, found)
    params = {arm: state_of(methods[arm], config, found.shape, np.float32).params for arm in OPPONENTS}
    assert {arm: set(groups) for arm, groups in params.items()} == {
        "gaussian_trained": {"generator"},
        "vae": {"generator", "encoder"},
        "short_run_5": {"generator", "log_step_size"},
    }
    assert count(params["gaussian_trained"]) == count(params["vae"]["generator"]) == own
    assert len(params["short_run_5"]["log_step_size"]) == 5
    assert count(params["short_run_5"]["generator"]) == five_layers


# A transposed convolution of kernel k from m to n channels has m n k² + n parameters, the energy
# (nz + 1) h + (h + 1) h + h + 1 at width h.
@pytest.mark.parametrize(
    ("name", "shape", "generator", "energy"),
    [
        ("svhn", (32, 32, 3), 819_712 + 2_097_408 + 524_416 + 6_147, 60_601),
        ("latent_ebm/cifar10", (32, 32, 3), 8_389_632 + 8_389_120 + 2_097_408 + 6_915, 66_201),
        ("latent_ebm/celeba64", (64, 64, 3), 1_639_424 + 8_389_120 + 2_097_408 + 524_416 + 6_147, 60_601),
        (
            "latent_ebm/celeba128",
            (128, 128, 3),
            3_278_848 + 33_555_456 + 8_389_120 + 2_097_408 + 524_416 + 6_147,
            1_103_001,
        ),
        ("anomaly/mnist", (28, 28, 1), 402_432 + 8_389_120 + 2_097_408 + 2_305, 42_201),
    ],
    ids=["svhn", "cifar10", "celeba64", "celeba128", "mnist anomalies"],
)
def test_published_numbers_of_parameters(name, shape, generator, energy):
    params = abstract_params(load_module(f"configs/{name}.py").get_config(), shape)
    assert (count(params["generator"]), count(params["energy"])) == (generator, energy)


@pytest.mark.parametrize(
    ("name", "activation", "steps", "rates"),
    [
        ("svhn", "gelu", (60, 20), "exponential"),
        ("svhn_one_page", "leaky_relu", (60, 40), "constant"),
        ("cifar10", "leaky_relu", (60, 40), "constant"),
        ("celeba64", "gelu", (60, 20), "exponential"),
        ("celeba128", "gelu", (80, 40), "exponential"),
    ],
)
def test_published_settings_of_the_latent_ebm(name, activation, steps, rates):
    """The released scripts run their defaults; the one-page code of the supplement has others."""
    config = load_module(f"configs/latent_ebm/{name}.py").get_config()
    sampler, optimizer = config.sampler, config.optimizer
    assert config.model.energy.activation == activation
    assert (sampler.prior.num_steps, sampler.posterior.num_steps) == steps
    assert (sampler.prior.step_size, sampler.posterior.step_size, config.model.sigma) == (0.4, 0.1, 0.3)
    assert (optimizer.energy.learning_rate, optimizer.generator.learning_rate) == (2e-5, 1e-4)
    for group in optimizer.values():
        assert (group.b1, group.b2, group.schedule, group.decay_rate) == (0.5, 0.999, rates, 0.998)


@pytest.mark.parametrize(("name", "epochs"), [("svhn", 201), ("celeba64", 250), ("celeba128", 400)])
def test_rates_follow_the_epochs_of_the_training_subset(name, epochs):
    """× .998 an epoch, from the third on: .672, .609 and .451 of the first rate at the end. On all of CelebA they would
    hardly fall."""
    config = load_module(f"configs/latent_ebm/{name}.py").get_config()
    found = data_spec(find(config.experiment), config)
    steps_per_epoch = found.num_train // config.train.batch_size
    assert config.train.num_steps == epochs * steps_per_epoch
    fields = config.optimizer.generator
    rate = learning_rate_schedule(1.0, fields.schedule, decay_rate=fields.decay_rate, steps_per_epoch=steps_per_epoch)
    assert rate(config.train.num_steps - 1) == pytest.approx(0.998 ** (epochs - 2), rel=1e-4)
    trained = optimizers_of(config, found)["generator"]
    state = trained.init(jnp.zeros(1))
    last = jax.tree.map(lambda leaf: jnp.full_like(leaf, config.train.num_steps - 1) if leaf.ndim == 0 else leaf, state)
    # Adam's first moment after a gradient of 1 is 1 - b1 = .5 of it, its second 1 - b2 = .001; both corrections are 1.
    step, _ = trained.update(jnp.ones(1), last)
    assert -step[0] == pytest.approx(1e-4 * 0.998 ** (epochs - 2) * 0.5 / 0.001**0.5, rel=1e-3)


def test_figures_of_celeba_stand_beside_a_run_on_it():
    config = load_module("configs/latent_ebm/celeba64.py").get_config()
    assert published_figures(config.to_dict(), config.data.name)["figures"] == {"test_mse": 0.013, "fid_tf2015": 37.87}
    assert published_figures(config.to_dict(), "celeb_a@32") == {}


def test_a_stack_of_another_size_is_refused(fails, tmp_path):
    np.savez(tmp_path / "x.npz", x_train=np.full((20, 28, 28, 1), 255, np.uint8))
    said = fails("latent_ebm", "latent_ebm/svhn:smoke", f"--config.data.name=npz:{tmp_path}/x.npz")
    assert "svhn makes 32 x 32 images, but examples have shape (28, 28, 1)" in said


def test_missing_data_is_said_at_once(tmp_path):
    """Offline, unprepared, without TensorFlow: one line that says which command to run, not a hang of minutes."""
    done = subprocess.run(
        [sys.executable, "-m", "experiments.latent_ebm", "--config=configs/svhn.py", f"--workdir={tmp_path / 'run'}"],
        cwd=ROOT,
        env=os.environ | {"TFDS_DATA_DIR": str(tmp_path), "EBMJAX_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=120,  # 15 s on a quiet machine; the other test process takes its share
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "python -m ebmjax.data.prepare svhn_cropped" in done.stderr
    assert not (tmp_path / "run").exists()
