"""--mode=sample: draw from a trained run, whose folder is only read, into files."""

import json
from pathlib import Path

import jax
import numpy as np

from ebmjax.data import DataSpec, to_uint8
from ebmjax.data.text import to_sentence
from ebmjax.evaluation import distinct_samples
from ebmjax.files import check_writable, replacing
from ebmjax.methods.wrappers import first_replica
from ebmjax.training import hosts
from ebmjax.training.arguments import Arguments
from ebmjax.training.config import ConfigError, input_errors
from ebmjax.training.experiment import Experiment, Job, Trained
from ebmjax.training.run import NUM_DRAWN, build, open_job, prepare, train


def sample(experiment: Experiment, arguments: Arguments) -> None:
    """Draw `arguments.drawn` from a trained run. Raises ConfigError or DataError for bad input."""
    job, drawn = open_job(experiment, arguments), arguments.drawn
    out = drawn.out or job.workdir / "samples.npy"
    check_out(out)
    prepared, _ = prepare(job)
    trained, _ = train(job, build(job, prepared))
    seed = job.config.seed if drawn.seed is None else drawn.seed
    if hosts.is_first():
        x = draw(trained, seed, drawn.num or NUM_DRAWN)
        write(job, x, out, about(job, trained, seed))
    hosts.wait_for_all("done")


def check_out(out: Path) -> None:
    """Raise ConfigError, before anything is drawn, unless the file can be written."""
    try:
        check_writable(out)
    except OSError as error:
        raise ConfigError(f"{out} cannot be written ({error.strerror}): give another --out=FILE.npz") from None


def draw(trained: Trained, seed: int, num: int) -> np.ndarray:
    """`num` samples `[num, ...]` as the method makes them, in batches of `NUM_DRAWN`; batch i has a key of its own, so
    more samples begin with the fewer ones of the same seed."""
    key = jax.random.fold_in(jax.random.key(seed), 2)
    with input_errors():
        return distinct_samples(first_replica(*trained), trained.state, key, num, NUM_DRAWN)


def about(job: Job, trained: Trained, seed: int) -> dict:
    """What the samples are, for whoever finds the file alone."""
    return {
        "experiment": job.experiment.name,
        "method": str(job.config.get("method") or job.experiment.name),
        "dataset": job.data_spec.name,
        "run": str(job.workdir),
        "num_steps": int(trained.state.step),
        "seed": seed,
        "standardised": bool(job.config.data.get("standardise", False)),
    }


def write(job: Job, x: np.ndarray, out: Path, told: dict) -> None:
    """Write the samples: as .npz in the range of the data, else as .npy in that of training; of images also a grid."""
    found = job.data_spec
    with replacing(out) as temporary, temporary.open("wb") as file:
        if out.suffix == ".npz":
            arrays = in_units_of_data(x, found, job.dataset.vocabulary)
            told |= {"units": units(x, found, told["standardised"])}
            np.savez(file, allow_pickle=False, about=json.dumps(told), **arrays)
        else:
            np.save(file, x)
    print(f"wrote {out}: {len(x)} samples of shape {x.shape[1:]}")
    if job.experiment.draw_samples is None:
        return
    picture = out.with_suffix(".png")
    job.experiment.draw_samples(x[:NUM_DRAWN], picture)
    print(f"wrote {picture}" if np.ndim(x) == 4 else "no picture: the examples are not images")


def in_units_of_data(x: np.ndarray, found: DataSpec, vocabulary: tuple[str, ...] | None) -> dict[str, np.ndarray]:
    """{"x": samples as the data set's own examples} and, of sentences, {"text": the words}."""
    if x.shape[1:] != found.shape:  # weights of classifiers, say
        return {"x": x}
    if vocabulary is not None:
        return {"x": x, "text": np.array([to_sentence(row, vocabulary) for row in x])}
    return {"x": x if found.max_value is None else to_uint8(x, found.max_value)}


def units(x: np.ndarray, found: DataSpec, standardised: bool) -> str:
    """The units of the array x of an .npz."""
    if x.shape[1:] != found.shape:
        return "what the method draws, which is no example of the data"
    if found.vocab_size is not None:
        return "tokens; the words are in text"
    if found.max_value is not None:
        return f"pixels from 0 to {found.max_value}, as in the data"
    return "columns of the data, standardised" if standardised else "columns of the data"
