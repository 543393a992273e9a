import json
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow_datasets

from ebmjax.data import DataError, load, spec
from ebmjax.data.base import hold_out

RANDOM = np.random.RandomState(0)
IMAGES = RANDOM.randint(0, 256, (30, 6, 10, 3), np.uint8)


def rows_of(images, reference):
    """For every image its row in `reference`: TFDS shuffles what it prepares."""
    flat = reference.reshape(len(reference), -1)
    return [int(np.flatnonzero((flat == image.ravel()).all(axis=1))[0]) for image in images]


def test_train_and_test(make, folder):
    make(folder, {"train": IMAGES[:20], "test": IMAGES[20:], "validation": IMAGES[:1]})
    data = load("tiny")
    assert spec(data) == ("tiny", (6, 10, 3), 20, 10, 3, 255, None)
    assert data.x_train.dtype == np.uint8 and data.y_train.dtype == np.int32
    train = rows_of(data.x_train, IMAGES[:20])
    assert sorted(train) == list(range(20))
    np.testing.assert_array_equal(data.y_train, np.array(train) % 3)
    assert sorted(rows_of(data.x_test, IMAGES[20:])) == list(range(10))


def test_second_load_needs_no_tfds(make, folder, tmp_path, monkeypatch):
    make(folder, {"train": IMAGES})
    first = load("tiny")
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)  # an import of it would fail
    second = load("tiny")
    assert isinstance(second.x_train, np.memmap) and not second.x_train.flags.writeable
    np.testing.assert_array_equal(first.x_train, second.x_train)
    np.testing.assert_array_equal(first.y_test, second.y_test)
    cached = [path.name for path in (tmp_path / "cache" / "tfds").iterdir()]
    assert cached == ["tiny-1.0.0-full"]


def test_data_dir_and_cache_dir_arguments(make, folder, tmp_path):
    make(tmp_path / "other", {"train": IMAGES})
    load("tiny", data_dir=tmp_path / "other", cache_dir=tmp_path / "arrays")
    assert (tmp_path / "arrays/tfds/tiny-1.0.0-full/x_train.npy").is_file() and not (tmp_path / "cache").exists()


def test_without_test_split(make, folder):
    make(folder, {"train": IMAGES}, image=tensorflow_datasets.features.Image(shape=(6, 10, 3)))
    data = load("tiny")
    assert data.y_train is None and data.y_test is None
    train, test = rows_of(data.x_train, IMAGES), rows_of(data.x_test, IMAGES)
    assert len(test) == 3 and sorted(train + test) == list(range(30))
    source = tensorflow_datasets.builder("tiny", data_dir=folder).as_data_source("train")
    np.testing.assert_array_equal(data.x_test, [source[int(i)]["image"] for i in hold_out(30, "")[1]])


def test_validation_stands_in_for_test(make, folder):
    make(folder, {"train": IMAGES[:20], "validation": IMAGES[20:]})
    assert sorted(rows_of(load("tiny").x_test, IMAGES[20:])) == list(range(10))


def test_newest_version_unless_asked(make, folder):
    make(folder, {"train": IMAGES[:10]}, version="1.9.0")
    assert len(load("tiny").x_train) == 9
    make(folder, {"train": IMAGES[:20]}, version="1.10.0")
    assert len(load("tiny").x_train) == 18
    assert len(load("tiny:1.9.0").x_train) == 9


def test_sizes_that_vary(make, folder):
    make(folder, {"train": [IMAGES[0], IMAGES[0, :, :7]]}, shape=(None, None, 3))
    with pytest.raises(DataError, match="^tiny: its images vary in size.* as in tiny@64$"):
        load("tiny")
    assert load("tiny@8").x_train.shape == (1, 8, 8, 3)


def test_not_prepared_fails_at_once_without_tensorflow(tmp_path):
    code = (
        "import sys\n"
        "from ebmjax.data import DataError, load\n"
        f"try: load('svhn_cropped', data_dir={str(tmp_path / 'my sets')!r})\n"
        "except DataError as error: print(error)\n"
        "assert 'tensorflow' not in sys.modules"
    )
    start = time.monotonic()
    result = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True)
    assert time.monotonic() - start < 60  # TFDS itself tries for 200 s; 6 s on a quiet machine
    assert result.stdout.count("\n") == 1 and result.stdout.startswith("svhn_cropped is not prepared in")
    command = "pip install -e '.[data]' && python -m ebmjax.data.prepare svhn_cropped --data_dir '"
    assert command in result.stdout and result.stderr == ""


@pytest.mark.parametrize("name", ["mnist:9.9.9", "lsun/no_such_config"])
def test_wrong_version_or_config(name, folder):
    with pytest.raises(DataError, match=f"TFDS cannot load {name}") as error:
        load(name)
    assert "\n" not in str(error.value)


def test_tfrecord_is_refused(make, folder):
    make(folder, {"train": IMAGES})
    info = folder / "tiny/1.0.0/dataset_info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"fileFormat": "tfrecord"}))
    with pytest.raises(DataError, match=r"tfrecord.*prepare tiny --data_dir FOLDER"):
        load("tiny@4")


def test_not_images(make, folder):
    make(folder, {"train": IMAGES}, text=tensorflow_datasets.features.Text())
    with pytest.raises(DataError, match="tiny: needs uint8 images .* under 'image', has .*text"):
        load("tiny")
    four = tensorflow_datasets.features.Image(shape=(6, 10, 4))
    make(folder, {"train": RANDOM.randint(0, 256, (3, 6, 10, 4), np.uint8)}, name="rgba", image=four)
    with pytest.raises(DataError, match=r"rgba: needs uint8 images with 1 or 3 channels.*4"):
        load("rgba")
    make(folder, {"test": IMAGES}, name="tests_only")
    with pytest.raises(DataError, match="tests_only: no split 'train', only test"):
        load("tests_only")
