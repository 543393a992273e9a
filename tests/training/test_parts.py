"""Small pieces of the harness, each against what it says."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from ebmjax.metrics import MetricKind, kind_of
from ebmjax.optimizers import learning_rate_schedule
from ebmjax.training.arguments import run_name
from ebmjax.training.config import ConfigError, check_same_run, choose, flatten, from_json, to_json
from ebmjax.training.devices import make_mesh
from ebmjax.training.loop import crossed
from ebmjax.training.metrics import MetricsWriter, read_rows
from ebmjax.training.progress import describe
from ebmjax.training.values import check_tuples, check_values


def test_published_schedule_is_flat_for_two_epochs():
    """Epochs 0 and 1 at lr0, epoch e at lr0 · γ^(e-1): epoch 200 at .671 of it (γ = .998)."""
    rate = learning_rate_schedule(1e-4, "exponential", decay_rate=0.998, steps_per_epoch=10)
    np.testing.assert_allclose([rate(0), rate(9), rate(10), rate(19)], 1e-4, rtol=1e-6)
    np.testing.assert_allclose(rate(20), 0.998e-4, rtol=1e-6)
    np.testing.assert_allclose(rate(2000), 1e-4 * 0.998**199, rtol=1e-5)
    np.testing.assert_allclose(rate(2000) / rate(0), 0.671, atol=5e-4)


def test_cosine_schedule_ends_at_its_fraction():
    rate = learning_rate_schedule(1e-3, "cosine", num_steps=100, final_fraction=0.05)
    np.testing.assert_allclose([rate(0), rate(50), rate(100)], [1e-3, 0.525e-3, 0.05e-3], rtol=1e-5)


def test_metrics_after_the_restart_are_dropped(tmp_path):
    writer = MetricsWriter(tmp_path, tensorboard=False)
    for step in (10, 20, 30):
        writer.write(step, {"loss": float(step)})
    with writer.path.open("a") as file:
        file.write('{"step": 40, "lo')  # cut off
    assert [row["step"] for row in read_rows(writer.path)] == [10, 20, 30]
    MetricsWriter(tmp_path, start_step=20, tensorboard=False).write(30, {"loss": float("nan")})
    assert [json.loads(line) for line in writer.path.read_text().splitlines()] == [
        {"step": 10, "loss": 10.0},
        {"step": 20, "loss": 20.0},
        {"step": 30, "loss": None},
    ]


def test_everything_logged_goes_to_every_writer(tmp_path):
    """A row in metrics.jsonl, and an event in the one file of TensorBoard."""
    from tensorboardX.proto.event_pb2 import Event

    writer = MetricsWriter(tmp_path)
    writer.write(10, {"loss": 0.5, "energy_gap": -1.0})
    writer.close()
    assert read_rows(writer.path) == [{"step": 10, "loss": 0.5, "energy_gap": -1.0}]
    data, events = next((tmp_path / "tensorboard").iterdir()).read_bytes(), []
    while data:  # records: length in 8 bytes, its checksum in 4, the event, its checksum in 4
        length = int.from_bytes(data[:8], "little")
        events.append(Event.FromString(data[12 : 12 + length]))
        data = data[16 + length :]
    told = {value.tag: value.simple_value for event in events if event.step == 10 for value in event.summary.value}
    assert told == {"loss": 0.5, "energy_gap": -1.0}


def test_the_progress_line_shows_metrics_that_have_a_label():
    metrics = {"steps_per_second": 12.0, "r_s": 3.0, "grad_norm_energy": 0.25, "grad_norm_flow": 2.0}
    assert describe(metrics | {"energy_gap": -0.5}) == "gap -0.5  |∇E| 0.25  steps/s 12"


def test_a_metric_has_what_all_its_kinds_say():
    kind = kind_of("grad_norm_energy")
    assert (kind.panel, kind.log, kind.label, kind.grows) == ("gradient norm of the parameters", True, "|∇E|", True)
    both = kind_of("grad_norm_of_grad_norm")  # the first row counts
    assert both.panel == "gradient norm of the parameters" and both.grows and not both.collapses
    assert kind_of("energy_gap").floor == 1.0 and kind_of("prior_spread").collapses
    assert kind_of("anything") == MetricKind("anything")


@pytest.mark.parametrize(
    "step, every, chunk, expected", [(50, 100, 50, False), (100, 100, 50, True), (120, 50, 60, True)]
)
def test_intervals_act_at_the_first_chunk_end(step, every, chunk, expected):
    assert crossed(step, every, chunk) == expected


def config(**train):
    from ml_collections import ConfigDict

    fields = {"num_steps": 100, "log_every": 5} | train
    return ConfigDict({"train": fields, "model": {"widths": (3, 4)}, "optimizer": {"schedule": "constant"}})


def test_config_survives_json(tmp_path):
    assert flatten(from_json(to_json(config()), tmp_path)) == flatten(config())
    with pytest.raises(ConfigError, match="not a config written by a run"):
        from_json("[1", tmp_path)


@pytest.mark.parametrize(
    "field, value, said",
    [
        ("a.grid", (0.5, float("nan")), "must be finite"),
        ("a.b", [1, 2], "a.b holds list: .*write a tuple"),  # a resumed run would find a tuple in config.json
        ("a.b", np.float32(1), "a.b holds float32"),
        ("a.b", ((1, {2}),), "a.b holds set"),
        ("a.num_steps", 3.0, "a.num_steps = 3.0 must hold whole numbers, not 3.0"),
        ("a.num_steps", True, "not True"),
        ("a.seed", -(2**40), "must be in"),
    ],
)
def test_what_no_config_may_hold(field, value, said):
    check_values({"a.grid": (0.5, 1), "a.b": None, "a.c": (("x", False), ()), "a.num_steps": 3, "a.sigma": 3.4e38})
    with pytest.raises(ValueError, match=said):
        check_values({"a.fine": 1, field: value})


def test_items_of_a_tuple_keep_their_type():
    defaults = {"penalties": (0.1, 1.0), "scores": ("energy",), "arms": (), "counts": (1, 2), "sigma": 0.1}
    check_tuples({"penalties": (1, 0.5), "scores": (), "arms": (1, "a"), "counts": (3,), "sigma": 2.0}, defaults)
    for field, value, kind in [
        ("penalties", ("a",), "numbers, not 'a'"),
        ("penalties", (True,), "numbers, not True"),
        ("scores", (1,), "strings, not 1"),
        ("counts", (1, 2.0), "whole numbers, not 2.0"),
        ("counts", (None,), "whole numbers, not None"),
    ]:
        with pytest.raises(ValueError, match=f"{field} = .* must hold {kind}"):
            check_tuples({field: value}, defaults)


def test_what_may_differ_on_resume(tmp_path):
    check_same_run(config(), config(log_every=7), tmp_path)
    check_same_run(config(), config(num_steps=200), tmp_path)
    with pytest.raises(ConfigError, match="train.num_steps: 100 there, 50 now"):
        check_same_run(config(), config(num_steps=50), tmp_path)
    later = config()
    later.data = {"num_train": 0, "augment": ""}  # which earlier versions did not say
    check_same_run(config(), later, tmp_path)
    later.data.num_train = 10
    with pytest.raises(ConfigError, match="data.num_train: 0 there, 10 now"):
        check_same_run(config(), later, tmp_path)
    other = config()
    other.model.widths = (3, 5)
    with pytest.raises(ConfigError, match=r"model.widths: \(3, 4\) there, \(3, 5\) now"):
        check_same_run(config(), other, tmp_path)


def test_names_of_runs():
    assert run_name("configs/latent_ebm/digits.py", {}) == "digits"
    assert run_name("digits.py:smoke", {}) == "digits-smoke"
    named = run_name("digits.py", {"seed": 1, "train.num_steps": 5})
    assert named.startswith("digits-") and named == run_name("digits.py", {"train.num_steps": 5, "seed": 1})
    assert named != run_name("digits.py", {"seed": 2, "train.num_steps": 5})


def test_choose_suggests():
    with pytest.raises(ConfigError, match="did you mean 'langevin'"):
        choose({"langevin": 1, "hmc": 2}, "langevn", "sampler.name")


@dataclass(frozen=True)
class FakeDevice:
    process_index: int
    id: int


def devices(*per_process):
    return [FakeDevice(i, n) for i, num in enumerate(per_process) for n in range(num)]


@pytest.mark.parametrize(
    "batch_size, per_process, used",
    [(100, (8,), [5]), (96, (4, 4), [4, 4]), (100, (4, 4), [2, 2]), (100, (8, 3), [2, 2]), (7, (8,), [7])],
)
def test_a_mesh_divides_the_batch(batch_size, per_process, used):
    mesh = make_mesh(batch_size, devices(*per_process))
    found = [device.process_index for device in mesh.devices]
    assert found == [i for i, num in enumerate(used) for _ in range(num)]


def test_every_process_takes_part():
    with pytest.raises(ValueError, match="batch_size = 100 must be a multiple of the number of processes, 3"):
        make_mesh(100, devices(1, 1, 1))
