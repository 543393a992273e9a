"""Trained runs that a command builds on."""

from pathlib import Path

from ml_collections import ConfigDict

from ebmjax.report.results import OWN
from ebmjax.training import run
from ebmjax.training.experiment import Trained
from experiments import find


def restore(workdir: str | Path, arm: str = OWN) -> tuple[ConfigDict, Trained]:
    """A trained run by its folder: its config, its method and the newest state (of several draws of labels: the first).

    arm: one of the run's baselines instead of its method. Raises ConfigError, one line, if the folder holds no trained
    run, or no such arm.
    """
    return run.restore(Path(workdir), find, arm)
