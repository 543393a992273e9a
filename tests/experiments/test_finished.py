"""What a results.json says of its run: which paper's figures it may stand beside, and which added figure counts."""

import pytest

from experiments.finished import added_figures, method_of, papers_of

JEM = "python -m experiments.vera --config=configs/vera/cifar10.py '--config.evaluate.arms=()' --config.method=jem"


@pytest.mark.parametrize(
    ("command", "config", "expected"),
    [
        ("python -m experiments.vera --config=configs/vera/cifar10.py", {}, 0.932),
        (JEM, {}, 0.929),  # kept without its method
        ("python -m experiments.vera --config=configs/jem/cifar10.py", {"method": "jem"}, 0.929),
        (None, {"experiment": "vera", "method": "vera"}, 0.932),  # a run whose config was changed
    ],
)
def test_a_run_stands_beside_its_own_method(command, config, expected):
    results = {"experiment": "vera", "command": command}
    assert papers_of(results, config, "cifar10")["accuracy_mean"].value == expected


def test_anomalies_by_another_method_have_its_figures_alone():
    run = {"experiment": "anomaly", "command": "python -m experiments.anomaly --config=configs/anomaly/mnist.py"}
    latent, joint = (papers_of(run, {"method": name}, "mnist") for name in ("latent_ebm", "vae_latent_ebm"))
    assert latent["auprc_joint_9"].value == 0.413 and joint["auprc_joint_energy_9"].value == 0.383
    assert not set(latent) & set(joint) and not papers_of(run, {"method": "abp"}, "mnist")


def test_a_config_names_the_data_of_a_file_and_no_other():
    run = {"experiment": "latent_ebm", "command": "python -m experiments.latent_ebm --config=configs/latent_ebm/ptb.py"}
    assert papers_of(run, {}, "lines:train.txt")["reconstruction_nll"].value == 91.35
    assert papers_of(run, {}, "pydoc") == papers_of(run, {}, "fake:8x8x1") == {}
    assert method_of({"experiment": "abp", "command": "an 'open quotation"}, {}) == "abp"


def test_of_one_name_the_figure_of_most_examples_counts():
    entry = {"name": "fid", "num_steps": 10, "value": 1.0, "counts": {"samples": 9}}
    few, old = entry | {"value": 2.0, "counts": {"samples": 3}}, entry | {"value": 3.0, "num_steps": 5}
    again = entry | {"value": 4.0}
    value = lambda *entries, **results: added_figures({"evaluations": [*entries], **results})["fid"]["value"]
    assert value(entry, few, old, num_steps=10) == 1.0 and value(few, old, entry, again, num_steps=10) == 4.0
    assert value(entry, old) == 1.0  # before the end of the training: the latest
    assert added_figures({"evaluations": [old], "num_steps": 10}) == {}
