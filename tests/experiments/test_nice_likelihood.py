"""The likelihood study's experiment from end to end, and its configs."""

import importlib.util
import json
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from ebmjax.data import DataSpec
from ebmjax.training import cli
from ebmjax.training.settings import to_settings
from experiments.nice_likelihood import EXPERIMENT, baselines, build

ROOT = Path(__file__).parents[2]
SHAPES = {"digits": (8, 8, 1), "mnist": (28, 28, 1)}


def main(*words):
    cli.main(EXPERIMENT, ["nice_likelihood", *map(str, words)])


@pytest.mark.parametrize("name", SHAPES)
def test_config(name):
    """All arms learn the same flow; MNIST's has the published number of parameters."""
    path = ROOT / "configs" / "nice_likelihood" / f"{name}.py"
    module = importlib.util.module_from_spec(found := importlib.util.spec_from_file_location(name, path))
    found.loader.exec_module(module)
    assert "python -m experiments.nice_likelihood" in module.__doc__
    to_settings(module.get_config("smoke"))
    config, shape = module.get_config(), SHAPES[name]
    made = DataSpec("any", shape, 1000, 100, 10, 255)
    batch = {"x": jax.ShapeDtypeStruct((config.train.batch_size, *shape), np.float32)}
    methods = {"": build(config, made), **baselines(config, made)}
    assert set(methods) == {"", "likelihood", "scores"}
    for arm, method in methods.items():
        params = jax.eval_shape(method.init, jax.random.key(0), batch).params
        flow = params["flow"] if arm == "likelihood" else params["energy"]["flow"]
        num = sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(flow))
        assert num == 15_154_352 or name != "mnist"


@pytest.mark.slow  # three ways of learning to compile
def test_what_a_run_writes(tmp_path):
    main(f"--config={ROOT}/configs/nice_likelihood/digits.py:smoke", f"--workdir={tmp_path}")
    found = json.loads((tmp_path / "results.json").read_text())
    named = {f"{part}_{what}" for part in ("test", "train") for what in ("log_likelihood", "bits_per_dim")}
    assert set(found["metrics"]) == named
    assert set(found["baselines"]) - {"gaussian"} == {"likelihood", "scores"}
    assert all(set(found["baselines"][arm]) == named for arm in ("likelihood", "scores"))
    assert np.isfinite([v for arm in (found["metrics"], *found["baselines"].values()) for v in arm.values()]).all()
    for name in ("samples_vera", "samples_likelihood", "samples_scores", "samples_generator", "health"):
        assert np.asarray(Image.open(tmp_path / f"{name}.png")).std() > 5


def test_bad_input_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        word = "--config.evaluate.arms=('score',)"
        main(f"--config={ROOT}/configs/nice_likelihood/digits.py:smoke", word, f"--workdir={tmp_path}/run")
    assert stopped.value.code == 2
    assert "did you mean 'scores'?" in capsys.readouterr().err
