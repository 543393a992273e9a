"""The experiments with a flow that is trained first: what they learn, their chains, and small runs."""

from importlib import import_module
from pathlib import Path

import jax
import numpy as np
import pytest

from configs.flow_backbone.eight_gaussians import get_config
from ebmjax.data import DataSpec
from ebmjax.training.config import ConfigError
from ebmjax.training.experiment import Trained
from ebmjax.training.settings import to_settings
from experiments import flow_backbone, flow_contrastive

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


SLOW = {"svhn"}  # 48 steps of Glow to trace; mnist has eight of the same
MARKED = [pytest.param(p, marks=[pytest.mark.slow] if p.stem in SLOW else []) for p in PATHS]


@pytest.mark.parametrize("path", MARKED, ids=[f"{p.parent.name}-{p.stem}" for p in PATHS])
def test_what_is_learned(path):
    """The energy and what it stands on are learned; traced with the stage before it."""
    experiment, name = MODULES[path.parent.name], path.stem.split("_")[0]
    spec = SPECS["plane" if path.stem in PLANE else name if name in SPECS else "images"]
    for variant in ("", "smoke"):
        config = import_module(f"configs.{path.parent.name}.{path.stem}").get_config(variant)
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
    config = get_config("smoke")
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


@pytest.mark.slow
def test_backbone_in_the_plane(run, capsys):
    """The flow is trained first and once; figures of both spaces; samples are drawn from what was restored."""
    backbone = run("flow_backbone", "eight_gaussians:smoke")
    assert backbone.pictures >= {"landscape", "autocorrelation"}
    assert backbone.metrics["num_gradients"] == backbone.baselines["data_space"]["num_gradients"] == 180
    assert backbone.names["flow"] == {"kl_true_model"}
    assert len((backbone.folder / "flow" / "metrics.jsonl").read_text().splitlines()) == 2
    capsys.readouterr()
    run("flow_backbone", None, "--mode=sample", folder=backbone.folder)
    assert np.load(backbone.folder / "samples.npy").shape == (100, 2)
    assert "flow  step" not in capsys.readouterr().out  # restored, not trained


@pytest.mark.slow
@pytest.mark.parametrize("others", [set(), {"flow_longer", "nce_flow", "nce_gaussian"}])
def test_contrastive_in_the_plane(others, run):
    found = run("flow_contrastive", "eight_gaussians:smoke", f"--config.evaluate.baselines={bool(others)}")
    assert set(found.baselines) == {"flow", "flow_fce"} | others
    assert all("kl_true_model" in names for names in found.names.values())
    # Before they differ, model and flow are what they start from.
    assert found.metrics["kl_true_model"] > 0 and found.metrics["log_z_error"] > 0


@pytest.mark.slow
def test_contrastive_with_few_labels(run):
    """The class logits are judged beside a classifier of the labelled images; without labels it is refused."""
    found = run("flow_contrastive", "digits_few_labels:smoke")
    assert 0 <= found.metrics["accuracy_labels"] <= 1
    assert {"log_normalizer", "log_z_importance", "log_z_importance_pareto_k"} <= set(found.metrics)
    assert set(found.baselines) == {"flow", "flow_fce", "real", "supervised"}
    assert found.names["supervised"] == {"accuracy_labels"}


@pytest.mark.slow
def test_a_decoder_has_no_data_space(run):
    found = run("flow_backbone", "digits_decoder:smoke")
    assert (found.folder / "path_latent.png").exists()
    assert found.names == dict.fromkeys(("decoder", "real"), {"frechet_features"})
    assert "data space" not in found.results["protocol"]


@pytest.mark.slow
def test_neutra(run):
    found = run("neutra", "funnel:smoke", "--config.train.num_steps=600")
    # 600 steps are a start: the exact map has KL 0, the identity 14 nats.
    assert -0.5 < found.metrics["kl_flow_target"] < 1.0
    assert {"rhat_v", "sd_v"} <= set(found.metrics)
    assert set(found.baselines) == {"data_space"}
    assert set(found.metrics) - set(found.baselines["data_space"]) == {"kl_flow_target"}
    command = "python -m experiments.neutra --config=configs/neutra/funnel.py:smoke "
    assert found.results["command"].startswith(command)


def test_neutra_needs_two_chains(fails):
    fails("neutra", "funnel:smoke", "--config.num_chains=1")
