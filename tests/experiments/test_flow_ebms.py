"""The experiments with a flow that is trained first: every config builds, small ones run."""

import importlib.util
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from ebmjax.data import DataSpec
from ebmjax.training import cli
from ebmjax.training.config import ConfigError
from ebmjax.training.experiment import Trained
from ebmjax.training.settings import to_settings
from experiments import flow_backbone, flow_contrastive, neutra

ROOT = Path(__file__).parents[2]
MODULES = {"flow_backbone": flow_backbone, "flow_contrastive": flow_contrastive}
PATHS = sorted(p for name in MODULES for p in (ROOT / "configs" / name).glob("*.py") if p.stem != "common")
PLANE = {"eight_gaussians", "checkerboard", "two_spirals", "plain_rule", "spline"}
SPECS = {
    "plane": DataSpec("8gaussians", (2,), 50_000, 10_000, None, None),
    "digits": DataSpec("digits", (8, 8, 1), 1437, 360, 10, 16),
    "mnist": DataSpec("any", (28, 28, 1), 60_000, 10_000, 10, 255),
    "small": DataSpec("any", (8, 8, 3), 64, 64, 10, 255),
    "images": DataSpec("any", (32, 32, 3), 50_000, 10_000, 10, 255),
}


def load(path):
    module = importlib.util.module_from_spec(found := importlib.util.spec_from_file_location(path.stem, path))
    found.loader.exec_module(module)
    return module


SLOW = {"svhn"}  # 48 steps of Glow to trace; mnist has eight of the same
MARKED = [pytest.param(p, marks=[pytest.mark.slow] if p.stem in SLOW else []) for p in PATHS]


@pytest.mark.parametrize("path", MARKED, ids=[f"{p.parent.name}-{p.stem}" for p in PATHS])
def test_config(path):
    module, experiment, name = load(path), MODULES[path.parent.name], path.stem.split("_")[0]
    assert f"python -m experiments.{path.parent.name}" in module.__doc__
    spec = SPECS["plane" if path.stem in PLANE else name if name in SPECS else "images"]
    for variant in ("", "smoke"):
        config = module.get_config(variant)
        to_settings(config)
        if path.stem in ("cifar10", "celeba32"):  # in all but the name of the data, svhn
            continue
        spec = SPECS["small"] if variant and spec in (SPECS["images"], SPECS["mnist"]) else spec
        ((stage, (own, first)),) = experiment.EXPERIMENT.prepare(config, spec).items()
        to_settings(own)

        def params(key, x, config=config, stage=stage, first=first, spec=spec):
            trained = Trained(first, first.init(key, {"x": x}))
            return experiment.EXPERIMENT.build(config, spec, **{stage: trained}).init(key, {"x": x}).params

        x = jax.ShapeDtypeStruct((16, *spec.shape), np.float32)
        group = {"flow": "flow", "decoder": "generator"}[stage]
        assert {"energy", group} <= set(jax.eval_shape(params, jax.random.key(0), x))


@pytest.mark.parametrize("name, target", [("mala", 0.6), ("langevin", 0.0), ("underdamped", 0.0), ("hmc", 0.8)])
def test_any_kernel_moves_the_backbones_chains(name, target):
    config = load(ROOT / "configs" / "flow_backbone" / "eight_gaussians.py").get_config("smoke")
    config.sampler.name, config.sampler.target_acceptance = name, target
    ((_, flow),) = flow_backbone.EXPERIMENT.prepare(config, SPECS["plane"]).values()

    def metrics(key, x):
        method = flow_backbone.EXPERIMENT.build(config, SPECS["plane"], flow=Trained(flow, flow.init(key, {"x": x})))
        return method.train_step(method.init(key, {"x": x}), {"x": x})[1]

    x = jax.ShapeDtypeStruct((32, 2), np.float32)
    assert "acceptance_rate" in jax.eval_shape(metrics, jax.random.key(0), x)
    config.sampler.target_acceptance = 80.0 if target else 0.8
    with pytest.raises(ConfigError, match="must be in" if target else "accepts every proposal"):
        jax.eval_shape(lambda key, x: metrics(key, x), jax.random.key(0), x)  # traced anew


def main(module, *words):
    cli.main(module.EXPERIMENT, [module.EXPERIMENT.name, *map(str, words)])


def results(workdir):
    return json.loads((workdir / "results.json").read_text())


def finite(found):
    """Every figure but R-hat is a finite number; those of the baselines are of our metrics."""
    arms = found["metrics"], *found["baselines"].values()
    assert all(arm and set(arm) <= set(found["metrics"]) for arm in found["baselines"].values())
    values = [value for arm in arms for name, value in arm.items() if not name.startswith("rhat")]
    return all(value is not None and np.isfinite(value) for value in values)


def test_backbone_in_the_plane(tmp_path, capsys):
    """The flow is trained first and once; figures of both spaces; a longer energy training leaves the flow alone."""
    words = [f"--config={ROOT}/configs/flow_backbone/eight_gaussians.py:smoke", f"--workdir={tmp_path}"]
    main(flow_backbone, *words)
    found = results(tmp_path)
    assert finite(found) and all((tmp_path / f"{name}.png").exists() for name in ("landscape", "autocorrelation"))
    assert found["metrics"]["num_gradients"] == found["baselines"]["data_space"]["num_gradients"] == 180
    assert set(found["baselines"]["flow"]) == {"kl_true_model"}
    flow = tmp_path / "flow" / "metrics.jsonl"
    assert len(flow.read_text().splitlines()) == 2
    capsys.readouterr()
    main(flow_backbone, "--mode=sample", f"--workdir={tmp_path}")
    assert np.load(tmp_path / "samples.npy").shape == (100, 2)
    assert "flow  step" not in capsys.readouterr().out  # restored, not trained


@pytest.mark.parametrize("others", [False, pytest.param(True, marks=pytest.mark.slow)])  # three more to compile
def test_contrastive_in_the_plane(others, tmp_path):
    config = f"--config={ROOT}/configs/flow_contrastive/eight_gaussians.py:smoke"
    main(flow_contrastive, config, f"--config.evaluate.baselines={others}", f"--workdir={tmp_path}")
    found = results(tmp_path)
    arms = {"flow", "flow_fce"} | ({"flow_longer", "nce_flow", "nce_gaussian"} if others else set())
    assert finite(found) and set(found["baselines"]) == arms
    assert all("kl_true_model" in figures for figures in found["baselines"].values())
    # Before they differ, model and flow are what they start from.
    assert found["metrics"]["kl_true_model"] > 0 and found["metrics"]["log_z_error"] > 0


@pytest.mark.slow
def test_a_decoder_has_no_data_space(tmp_path):
    main(flow_backbone, f"--config={ROOT}/configs/flow_backbone/digits_decoder.py:smoke", f"--workdir={tmp_path}")
    found = results(tmp_path)
    assert finite(found) and (tmp_path / "path_latent.png").exists()
    assert {arm: set(figures) for arm, figures in found["baselines"].items()} == {
        "decoder": {"frechet_features"},
        "real": {"frechet_features"},
    }
    assert "data space" not in found["protocol"]


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_images(name, tmp_path):
    """Glow and a ConvNet on fake images: all but their size as for SVHN."""
    main(MODULES[name], f"--config={ROOT}/configs/{name}/svhn.py:smoke", f"--workdir={tmp_path}")
    assert finite(results(tmp_path)) and (tmp_path / "samples.png").exists()


def run_neutra(*words):
    with cli.arguments_of("neutra", neutra.DEFAULT_CONFIG, ["neutra", *words]) as arguments:
        neutra.neutra(arguments)


def test_neutra(tmp_path):
    words = [f"--config={ROOT}/configs/neutra/funnel.py:smoke", f"--workdir={tmp_path}", "--config.train.num_steps=600"]
    run_neutra(*words)
    found = results(tmp_path)
    # 600 steps are a start: the exact map has KL 0, the identity 14 nats.
    assert -0.5 < found["metrics"]["kl_flow_target"] < 1.0
    assert {"rhat_v", "sd_v"} <= set(found["metrics"])
    assert set(found["baselines"]) == {"data_space"}
    assert set(found["metrics"]) - set(found["baselines"]["data_space"]) == {"kl_flow_target"}
    assert found["command"].startswith("python -m experiments.neutra --config=configs/neutra/funnel.py:smoke ")
    with pytest.raises(SystemExit):
        run_neutra(*words, "--config.num_chains=1")


@pytest.mark.slow
def test_contrastive_with_few_labels(tmp_path):
    """The class logits are judged beside a classifier of the labelled images; without labels it is refused."""
    config = f"--config={ROOT}/configs/flow_contrastive/digits_few_labels.py:smoke"
    main(flow_contrastive, config, f"--workdir={tmp_path}")
    found = results(tmp_path)
    assert finite(found) and 0 <= found["metrics"]["accuracy_labels"] <= 1
    assert {"log_normalizer", "log_z_importance", "log_z_importance_error"} <= set(found["metrics"])
    assert set(found["baselines"]) == {"flow", "flow_fce", "real", "supervised"}
    assert set(found["baselines"]["supervised"]) == {"accuracy_labels"}
