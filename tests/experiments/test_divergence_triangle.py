"""The experiments with an encoder: what they write, what they refuse, and their verdicts."""

import pytest


@pytest.mark.slow
def test_what_a_run_writes(run):
    found = run("divergence_triangle", "digits_missing:smoke")
    frechet, missing = {"frechet_pixels", "frechet_features"}, {"missing_mse", "missing_mse_test"}
    own = {"test_mse", "energy_gap", "latent_nll", "barrier_line", "barrier_decoded", "stability_index"}
    own |= {f"long_run_{what}" for what in ("energy_change", "saturated", "distance")}
    assert set(found.metrics) == own | frechet | missing
    assert found.names == {
        "pca": {"test_mse"},
        "vae": {"test_mse"} | frechet | missing,
        "real": frechet,
        "mean_fill": missing,
        "neighbour_fill": missing,
    }
    pictures = {"samples", "reconstructions", "interpolation", "missing", "barriers", "long_run", "health"}
    assert pictures <= found.pictures


@pytest.mark.slow
def test_figures_of_a_joint_energy(run):
    found = run("vae_latent_ebm", "digits:smoke")
    assert {"energy_data", "energy_generated", "energy_shuffled", "test_mse"} <= set(found.metrics)


@pytest.mark.slow  # four methods to compile
def test_a_joint_energy_and_its_anomalies(run):
    """The anomaly experiment trains it and a VAE, which has no energy and is ranked by another score."""
    words = ["--config.anomaly.held_out=(4,)", "--config.anomaly.num_evaluations=1"]
    found = run("anomaly", "digits_vae_latent_ebm:smoke", *words)
    assert {"auprc_joint_energy_4", "auprc_joint_4", "auprc_reconstruction_4"} <= set(found.metrics)
    vae = found.baselines["vae"]
    assert vae["auprc_joint_energy_4"] == vae["auprc_joint_4"] and "auprc_reconstruction_4" in vae
    others = "where one lacks joint_energy, another score replaces it: vae: joint; pca: squared error"
    assert others in found.results["protocol"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config.missing.name=blocks"], "missing.name: unknown name 'blocks'"),
        (["--config.missing.name=block", "--config.missing.size=9"], "missing.size = 9: a square of that side does"),
        (["--config.model.energy.name=dcgan"], "model.energy.name = dcgan makes or takes images of 32 x 32"),
        (["--config.model.sigma=0.0"], "sigma = 0.0"),
        (["--config.evaluate.long_run_steps=150"], "must be a multiple of 100"),
        (["--config.model.latent_weight=-1.0"], "model.latent_weight = -1.0 must be at least 0"),
    ],
)
def test_refusals(words, said, fails):
    assert said in fails("divergence_triangle", "digits:smoke", *words)


@pytest.mark.slow
def test_verdict(whole_training, run):
    """Minutes: samples nearer than the VAE's to the training images, over features."""
    found = run("divergence_triangle", "digits", "--config.seed=1")
    assert found.metrics["frechet_features"] < found.baselines["vae"]["frechet_features"]


@pytest.mark.slow
def test_verdict_on_missing_pixels(whole_training, run):
    """Minutes: half of the pixels are recovered far better than by their means, and as well as by the VAE."""
    found = run("divergence_triangle", "digits_missing")
    own, others = found.metrics["missing_mse"], found.baselines
    assert own <= 0.65 * others["mean_fill"]["missing_mse"]
    assert own <= 1.1 * others["vae"]["missing_mse"]
