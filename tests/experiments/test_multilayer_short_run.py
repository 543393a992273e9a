"""Multi-layer short-run inference's experiment from end to end, its configs, and its slow verdict."""

import importlib.util
import json
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from ebmjax.data import DataSpec
from ebmjax.training import cli
from ebmjax.training.run import to_settings
from experiments.multilayer_short_run import EXPERIMENT, build

ROOT = Path(__file__).parents[2]
SMOKE = f"--config={ROOT}/configs/multilayer_short_run/digits.py:smoke"


def main(*words):
    cli.main(EXPERIMENT, ["multilayer_short_run", *map(str, words)])


def results(workdir):
    return json.loads((workdir / "results.json").read_text())


def test_what_a_run_writes(tmp_path):
    fewer = [
        "--config.evaluate.fixed_noise_baseline=False",
        "--config.evaluate.other_start=0.0",
    ]  # test_verdict has them
    main(SMOKE, *fewer, f"--workdir={tmp_path}")
    found = results(tmp_path)
    frechet = [f"frechet_{space}" for space in ("pixels", "features")]
    inpainting = {"inpainting_mse", "inpainting_mse_of_mean"}
    assert set(found["metrics"]) == {"reconstruction_mse", "step_size", *inpainting, *frechet}
    trained = ("third_retrained", "triple_retrained")
    arms = ("third_step", "triple_step", "fixed_noise_step", *trained)
    expected = {arm: {"reconstruction_mse", "step_size", *(frechet if arm in trained else ())} for arm in arms}
    expected |= {"pca": {"reconstruction_mse"}, "real": set(frechet), "mean_fill": {"inpainting_mse_of_mean"}}
    assert {arm: set(figures) for arm, figures in found["baselines"].items()} == expected
    assert np.isfinite([v for arm in (found["metrics"], *found["baselines"].values()) for v in arm.values()]).all()
    learned, others = found["metrics"]["step_size"], found["baselines"]
    assert learned != pytest.approx(0.03)  # where it started
    for name, factor in (("third", 1 / 3), ("triple", 3.0)):  # each layer's own
        assert others[f"{name}_retrained"]["step_size"] == pytest.approx(factor * learned)
    for name in ("samples", "reconstructions", "interpolation", "inpainting", "step_size", "health"):
        assert np.asarray(Image.open(tmp_path / f"{name}.png")).std() > 5


def test_config():
    """Builds at full size, by grid and by gradient."""
    path = ROOT / "configs" / "multilayer_short_run" / "digits.py"
    module = importlib.util.module_from_spec(found := importlib.util.spec_from_file_location("digits", path))
    found.loader.exec_module(module)
    assert "python -m experiments.multilayer_short_run" in module.__doc__
    x = jax.ShapeDtypeStruct((128, 8, 8, 1), np.float32)
    for variant in ("", "smoke"):
        config = module.get_config(variant)
        for grid in (config.search.grid, (0.05, 0.1)):
            config.search.grid = grid
            to_settings(config)
            method = build(config, DataSpec("digits", (8, 8, 1), 1000, 100, 10, 16))
            state = jax.eval_shape(method.init, jax.random.key(0), {"x": x})
            assert set(state.params["log_step_size"]) == {"z1", "z2"}
            assert ("log_step_size" in state.opt_state) == (grid == ())
    with pytest.raises(ValueError, match="unknown variant"):
        module.get_config("tiny")


@pytest.mark.parametrize(
    "words, expected",
    [
        (["--config.search.objective=elbo"], "must be one of marginal"),
        (["--config.sampler.posterior.step_size=0.0"], "step_size = 0.0 must be > 0"),
        (["--config.search.width=-0.1"], "search.width = -0.1 must be at least 0"),
        (["--config.model.latent_dims=(16, 0)"], "model.latent_dims = (16, 0) must be at least 1"),
        (["--config.model.generator.name=conv"], "unknown name 'conv'"),
    ],
)
def test_refusals(words, expected, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(SMOKE, *words, f"--workdir={tmp_path}")
    said = capsys.readouterr().err
    assert expected in said and "Traceback" not in said


@pytest.mark.slow
def test_verdict(tmp_path):
    """Minutes: the learned step size reconstructs better than a third and three times itself, with the same generator
    and with one trained for them, and where the search starts does not matter."""
    main(f"--config={ROOT}/configs/multilayer_short_run/digits.py", "--config.seed=1", f"--workdir={tmp_path}")
    found = results(tmp_path)
    learned, others = found["metrics"], found["baselines"]
    for other in ("third_step", "triple_step", "third_retrained", "triple_retrained"):
        assert 1.5 * learned["reconstruction_mse"] < others[other]["reconstruction_mse"]
    assert others["other_start"]["step_size"] == pytest.approx(learned["step_size"], rel=0.2)
    assert learned["inpainting_mse_of_mean"] < learned["inpainting_mse"]
