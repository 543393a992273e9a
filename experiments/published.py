"""Figures of the papers, under the names that ours have: what `experiments.report` and `experiments.tables` set beside.

Only where the protocol is the paper's: a data set that no paper used has no row. What the source leaves open (counts,
scales, splits) is said in the note, which is shown with the figure.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Published(NamedTuple):
    """A figure of a paper, in the units of ours, and what must be known to compare."""

    value: float
    note: str


def _table(note: str, **figures: float) -> dict[str, Published]:
    return {name: Published(value, note) for name, value in figures.items()}


_LATENT = "Pang et al. 2020, table 1; FID by protocol 'float', 50,000 samples to the training set, best of the training"
_SRI = "Nijkamp et al. 2020 (ECCV), table 1"
_FCE = "Gao et al. 2020, table 1; FID, its number of samples is not stated"
_ANOMALY = "mean over the last 10 evaluations; the share of anomalies in the test set is not stated"
_VERA = "Grathwohl et al. 2021, table 1, all labels"

PUBLISHED: Mapping[tuple[str, str, str], Mapping[str, Published]] = {
    ("latent_ebm", "latent_ebm", "svhn_cropped"): _table(_LATENT, test_mse=0.008, fid_float=29.44),
    ("latent_ebm", "latent_ebm", "cifar10"): _table(_LATENT, test_mse=0.020, fid_float=70.15),
    ("latent_ebm", "latent_ebm", "celeb_a"): _table(f"{_LATENT}; at 64 x 64", test_mse=0.013, fid_float=37.87),
    ("latent_ebm", "latent_ebm", "ptb"): _table(
        "Pang et al. 2020, table 2", forward_perplexity=107.45, reverse_perplexity=181.54, reconstruction_nll=91.35
    ),
    ("latent_ebm", "latent_ebm", "snli"): _table(
        "Pang et al. 2020, table 2; 100,000 sentences of another split",
        forward_perplexity=27.81,
        reverse_perplexity=31.96,
        reconstruction_nll=28.90,
    ),
    ("text_short_run", "text_short_run", "ptb"): _table(
        "Pang et al. 2021, table 1", perplexity=94.26, reconstruction_nll=91.14, active_units=32, kl=10.13
    ),
    ("anomaly", "latent_ebm", "mnist"): _table(
        f"latent EBM, Pang et al. 2020, table 3; {_ANOMALY}",
        auprc_joint_1=0.336,
        auprc_joint_4=0.630,
        auprc_joint_5=0.619,
        auprc_joint_7=0.463,
        auprc_joint_9=0.413,
    ),
    ("anomaly", "vae_latent_ebm", "mnist"): _table(
        f"joint VAE and EBM, Han et al. 2020, table 3; {_ANOMALY}",
        auprc_joint_energy_1=0.297,
        auprc_joint_energy_4=0.723,
        auprc_joint_energy_5=0.676,
        auprc_joint_energy_7=0.490,
        auprc_joint_energy_9=0.383,
    ),
    ("short_run", "short_run", "cifar10"): _table("Nijkamp et al. 2019, table 1, n_f = 128", fid_float=44.50),
    ("short_run", "short_run", "celeb_a"): _table(
        "Nijkamp et al. 2019, table 1; at 64 x 64", fid_float=23.02, reconstruction_mse=0.0387
    ),
    ("abp", "abp", "svhn_cropped"): _table("as quoted by later papers of the group", fid_float=49.71),
    ("multilayer_short_run", "multilayer_short_run", "svhn_cropped"): _table(
        f"{_SRI}, five layers", fid_float=35.23, reconstruction_mse=0.011
    ),
    ("multilayer_short_run", "multilayer_short_run", "celeb_a"): _table(
        f"{_SRI}, five layers", fid_float=47.95, reconstruction_mse=0.015
    ),
    ("flow_contrastive", "flow_contrastive", "svhn_cropped"): _table(f"{_FCE}; of the flow", fid_float=20.19),
    ("flow_contrastive", "flow_contrastive", "cifar10"): _table(f"{_FCE}; of the flow", fid_float=37.30),
    ("flow_contrastive", "flow_contrastive", "celeb_a"): _table(f"{_FCE}; of the flow, at 32 x 32", fid_float=12.21),
    ("flow_backbone", "flow_backbone", "svhn_cropped"): _table("as quoted by later papers", fid_float=48.01),
    ("flow_backbone", "flow_backbone", "cifar10"): _table("as quoted by later papers", fid_float=78.12),
    ("divergence_triangle", "divergence_triangle", "cifar10"): _table(
        "Han et al. 2019; FID as quoted by later papers", fid_float=30.10, test_mse=0.028
    ),
    ("divergence_triangle", "divergence_triangle", "celeb_a"): _table(
        "Han et al. 2019, 1,000 test images, 64 x 64", test_mse=0.030
    ),
    ("vera", "vera", "cifar10"): _table(f"{_VERA}, VERA of alpha = 100", accuracy_mean=0.932, fid_float=30.5),
    ("vera", "jem", "cifar10"): _table(f"{_VERA}, JEM", accuracy_mean=0.929, fid_float=38.4),
    ("hypernetwork", "hypernetwork", "mnist"): _table(
        "Deutsch et al. 2019, about", accuracy_single_mean=0.985, accuracy_ensemble=0.991
    ),
    ("text_classification", "text_classification", "yelp"): _table(
        "Pang et al. 2021, table 5", accuracy_0=0.733, accuracy_100=0.858, accuracy_1000=0.896, accuracy_10000=0.908
    ),
    ("features", "features", "svhn_cropped"): _table(
        "Gao et al. 2020, table 3", error_1000_labels=0.2707, error_2000_labels=0.2412, error_4000_labels=0.2205
    ),
}
"""{(experiment, method, data set, or the name of its config): {metric: figure}}. Where an experiment trains one method
alone that has its name."""


def published_of(experiment: str, method: str, dataset: str, *configs: str) -> dict[str, Published]:
    """The figures for a method of an experiment on a data set.

    configs: names of the run's config. They stand for the data set where that is a file ("lines:ptb.txt"), whose name
    is the user's; images made up for tests ("fake:...") have no paper.
    """
    of_file = ":" in dataset and not dataset.startswith("fake:")
    names = (dataset, *(configs if of_file else ()))
    return {k: v for name in names for k, v in PUBLISHED.get((experiment, method, name), {}).items()}
