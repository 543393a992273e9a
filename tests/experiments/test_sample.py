"""experiments.sample from end to end: any kernel on any target, the figures of the funnel, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ebmjax.training import cli
from experiments import latent_ebm, sample

ROOT = Path(__file__).parents[2]
FUNNEL = f"--config={ROOT}/configs/sample/funnel.py"
EIGHT = f"--config={ROOT}/configs/sample/eight_gaussians.py:smoke"


def main(*words):
    cli.command("sample", "configs/sample/funnel.py", sample.sample, ["sample", *map(str, words)])


def results(workdir):
    assert "data:image/png" in (workdir / "report.html").read_text()
    return json.loads((workdir / "results.json").read_text())


def test_funnel(tmp_path, capsys):
    """Data-space HMC does not mix (R-hat > 1.05, sd(v) < 3), neural transport with the exact map does (< 1.005)."""
    main(FUNNEL, f"--workdir={tmp_path}")
    found = results(tmp_path)
    metrics, baselines = found["metrics"], found["baselines"]
    assert metrics["rhat_max"] < 1.005 and baselines["data_space_rhat_max"] > 1.05
    assert metrics["ess_bulk_min"] > 20 * baselines["data_space_ess_bulk_min"]
    assert abs(metrics["acceptance"] - 0.8) < 0.05
    assert metrics["ess_per_second"] > 0 and found["protocol"]
    for name in ("traces", "autocorrelation", "density"):
        assert np.asarray(Image.open(tmp_path / f"{name}.png")).std() > 5
    assert "exact sd" in capsys.readouterr().out


@pytest.mark.parametrize("kernel", ["langevin", "underdamped", "blackjax_barker"])
def test_other_kernels(kernel, tmp_path):
    fixed = [] if kernel.startswith("blackjax") else ["--config.sampler.target_acceptance=0"]
    main(EIGHT, f"--config.sampler.name={kernel}", *fixed, f"--workdir={tmp_path}")
    assert results(tmp_path)["metrics"]["rhat_max"] > 1.3  # chains stay in their modes


def test_energy_of_a_trained_run(tmp_path):
    run = tmp_path / "trained"
    smoke = [f"--config={ROOT}/configs/latent_ebm/digits.py:smoke", "--config.evaluate.gaussian_baseline=False"]
    cli.main(latent_ebm.EXPERIMENT, ["latent_ebm", *smoke, f"--workdir={run}"])
    main(EIGHT, f"--config.target.workdir={run}", "--config.sampler.name=hmc", f"--workdir={tmp_path / 'out'}")
    assert np.isfinite(results(tmp_path / "out")["metrics"]["rhat_max"])


@pytest.mark.parametrize(
    "words, expected",
    [
        ([EIGHT, "--config.sampler.name=hcm"], "did you mean 'hmc'"),
        ([EIGHT, "--config.target.name=funel"], "did you mean 'funnel'"),
        ([EIGHT, "--config.sampler.neural_transport=True"], "has no exact map"),
        ([EIGHT, "--config.sampler.step_size=0"], "step_size"),
        ([EIGHT, "--config.num_steps=1"], "at least 4"),
        ([EIGHT, "--config.target.workdir=nowhere"], "nowhere holds no trained run"),
        ([f"--config={ROOT}/configs/svhn.py:smoke"], "experiments.latent_ebm"),
    ],
)
def test_refusals(words, expected, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(*words, f"--workdir={tmp_path}")
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert expected in said and "Traceback" not in said
