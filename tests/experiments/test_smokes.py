"""The published networks, each once, on data that stand in for those of the paper; `run` checks what is written."""

import json
from importlib import import_module
from pathlib import Path

import pytest

CONFIGS = Path(__file__).parents[2] / "configs"
ELSEWHERE = ("anatomy/cifar10_convergent", "anomaly/mnist_other", "flow/cifar10", "vae_latent_ebm/cifar10")
"""Run by the tests of their experiment."""
PICTURES = {
    "flow_backbone": {"samples"},
    "flow_contrastive": {"samples"},
    "latent_ebm": {"samples"},
    "symbol_vector": {"by_symbol"},
}


def stand_ins():
    """Names of the configs whose smoke is on other data than their own; of several with the same smoke, the first."""
    alike = {}
    for path in sorted(CONFIGS.glob("*/*.py")):
        if path.stem != "common":
            get_config = import_module(f"configs.{path.parent.name}.{path.stem}").get_config
            whole, small = get_config().to_dict(), get_config("smoke").to_dict()
            if "data" in whole and whole["data"]["name"] != small["data"]["name"]:
                small.pop("paper", None)
                key = json.dumps(small, sort_keys=True, default=str)
                alike.setdefault(key, []).append(f"{path.parent.name}/{path.stem}")
    return [names[0] for names in alike.values() if not set(names) & set(ELSEWHERE)]


@pytest.mark.slow
@pytest.mark.parametrize("name", stand_ins())
def test_smoke(name, run):
    command, config = name.split("/")
    found = run(command, f"{config}:smoke")
    assert found.results["experiment"] == command
    if command == "vera":
        assert found.results["method"] == ("jem" if config.startswith("jem_") else "vera")
    if found.results["dataset"].startswith("fake:"):
        assert PICTURES.get(command, set()) <= found.pictures
