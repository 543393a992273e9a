"""The published networks, each once, on data that stand in for those of the paper; `run` checks what is written."""

import pytest

PUBLISHED = ("hypernetwork/cifar10", "latent_ebm/svhn", "short_run/celeba64")
MORE = (
    *("divergence_triangle/cifar10", "flow/mnist", "flow_backbone/celeba32", "symbol_vector/svhn"),
    "vae_latent_ebm/cifar10",
    *("abp/svhn", "abp/celeba64_squares", "anatomy/mnist", "anomaly/mnist", "features/svhn", "texture/published"),
    *("flow_contrastive/celeba32", "latent_ebm/celeba64", "latent_ebm/ptb_full", "nice_likelihood/mnist"),
    *("multilayer_short_run/celeba32", "multilayer_short_run/mnist", "text_short_run/ptb_grid"),
    "text_short_run/ptb_released",
    *("vae_latent_ebm/mnist", "vera/cifar10", "vera/jem_cifar10"),
)
"""Of every command a config whose networks no other run of the tests has; test_configs.py builds all of them."""
PICTURES = {
    "flow_backbone": {"samples"},
    "flow_contrastive": {"samples"},
    "latent_ebm": {"samples"},
    "symbol_vector": {"by_symbol"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE)
def test_more_smokes(takes_minutes, name, run):
    smoke(name, run)


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_smoke(name, run):
    smoke(name, run)


def smoke(name, run):
    command, config = name.split("/")
    found = run(command, f"{config}:smoke")
    assert found.results["experiment"] == command
    if command == "vera":
        assert found.results["method"] == ("jem" if config.startswith("jem_") else "vera")
    if found.results["dataset"].startswith("fake:"):
        assert PICTURES.get(command, set()) <= found.pictures
