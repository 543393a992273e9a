"""TFDS sets made on the spot from PNG bytes (TFDS stores bytes as they are, without TensorFlow), and MNIST."""

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ebmjax.data import DataError, load, prepare, spec, tfds
from ebmjax.data.base import hold_out
from ebmjax.data.decode import Part, fill, image_array

tensorflow_datasets = pytest.importorskip("tensorflow_datasets")
MNIST = Path(__file__).parents[3] / "shared/data/tfds"
RANDOM = np.random.RandomState(0)
IMAGES = RANDOM.randint(0, 256, (30, 6, 10, 3), np.uint8)


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return io.BytesIO(file.getvalue())


def make(folder, splits, shape=(6, 10, 3), name="tiny", version="1.0.0", **features):
    """Prepare a TFDS set in `folder`; `splits` holds arrays, or bytes as they are; labels are row % 3."""
    keys = features or {
        "image": tensorflow_datasets.features.Image(shape=shape),
        "label": tensorflow_datasets.features.ClassLabel(num_classes=3),
    }

    class Tiny(tensorflow_datasets.core.GeneratorBasedBuilder, skip_registration=True):
        __module__ = "tiny"  # of a package, TFDS would look for files with importlib_resources
        VERSION = tensorflow_datasets.core.Version(version)

        def _info(self):
            features = tensorflow_datasets.features.FeaturesDict(keys)
            return tensorflow_datasets.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, _):
            return {split: self._generate_examples(images) for split, images in splits.items()}

        def _generate_examples(self, images):
            for i, image in enumerate(images):
                example = {"image": png(image) if isinstance(image, np.ndarray) else io.BytesIO(image), "label": i % 3}
                yield i, {key: example.get(key, "text") for key in keys}

    Tiny.name = name
    tensorflow_datasets.disable_progress_bar()
    Tiny(data_dir=folder, file_format="array_record").download_and_prepare()


def rows_of(images, reference):
    """For every image its row in `reference`: TFDS shuffles what it prepares."""
    flat = reference.reshape(len(reference), -1)
    return [int(np.flatnonzero((flat == image.ravel()).all(axis=1))[0]) for image in images]


@pytest.fixture(autouse=True)
def _folders(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("EBMJAX_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "tfds"


def test_train_and_test(folder):
    make(folder, {"train": IMAGES[:20], "test": IMAGES[20:], "validation": IMAGES[:1]})
    data = load("tiny")
    assert spec(data) == ("tiny", (6, 10, 3), 20, 10, 3, 255)
    assert data.x_train.dtype == np.uint8 and data.y_train.dtype == np.int32
    train = rows_of(data.x_train, IMAGES[:20])
    assert sorted(train) == list(range(20))
    np.testing.assert_array_equal(data.y_train, np.array(train) % 3)
    assert sorted(rows_of(data.x_test, IMAGES[20:])) == list(range(10))


def test_second_load_needs_no_tfds(folder, tmp_path, monkeypatch):
    make(folder, {"train": IMAGES})
    first = load("tiny")
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)  # an import of it would fail
    second = load("tiny")
    assert isinstance(second.x_train, np.memmap) and not second.x_train.flags.writeable
    np.testing.assert_array_equal(first.x_train, second.x_train)
    np.testing.assert_array_equal(first.y_test, second.y_test)
    cached = [path.name for path in (tmp_path / "cache" / "tfds").iterdir()]
    assert cached == ["tiny-1.0.0-full"]


def test_data_dir_and_cache_dir_arguments(tmp_path):
    make(tmp_path / "other", {"train": IMAGES})
    load("tiny", data_dir=tmp_path / "other", cache_dir=tmp_path / "arrays")
    assert (tmp_path / "arrays/tfds/tiny-1.0.0-full/x_train.npy").is_file() and not (tmp_path / "cache").exists()


def test_without_test_split(folder):
    make(folder, {"train": IMAGES}, image=tensorflow_datasets.features.Image(shape=(6, 10, 3)))
    data = load("tiny")
    assert data.y_train is None and data.y_test is None
    train, test = rows_of(data.x_train, IMAGES), rows_of(data.x_test, IMAGES)
    assert len(test) == 3 and sorted(train + test) == list(range(30))
    source = tensorflow_datasets.builder("tiny", data_dir=folder).as_data_source("train")
    np.testing.assert_array_equal(data.x_test, [source[int(i)]["image"] for i in hold_out(30, "")[1]])


def test_validation_stands_in_for_test(folder):
    make(folder, {"train": IMAGES[:20], "validation": IMAGES[20:]})
    assert sorted(rows_of(load("tiny").x_test, IMAGES[20:])) == list(range(10))


def test_sets_of_several_chunks(folder, monkeypatch):
    monkeypatch.setattr("ebmjax.data.decode.CHUNK", 7)
    make(folder, {"train": IMAGES})
    data = load("tiny")
    assert sorted(rows_of(np.concatenate([data.x_train, data.x_test]), IMAGES)) == list(range(30))


def test_newest_version_unless_asked(folder):
    make(folder, {"train": IMAGES[:10]}, version="1.9.0")
    assert len(load("tiny").x_train) == 9
    make(folder, {"train": IMAGES[:20]}, version="1.10.0")
    assert len(load("tiny").x_train) == 18
    assert len(load("tiny:1.9.0").x_train) == 9


def test_sizes_that_vary(folder):
    make(folder, {"train": [IMAGES[0], IMAGES[0, :, :7]]}, shape=(None, None, 3))
    with pytest.raises(DataError, match="^tiny: its images vary in size.* as in tiny@64$"):
        load("tiny")
    assert load("tiny@8").x_train.shape == (1, 8, 8, 3)


def test_centre_square():
    """Bands of another colour outside the centre square must leave no trace."""
    wide = np.full((20, 30, 3), 200, np.uint8)
    wide[:, 5:25] = [10, 20, 30]
    for image in (wide, np.swapaxes(wide, 0, 1)):
        array = image_array(png(image).getvalue(), (8, 8, 3), 8)
        np.testing.assert_array_equal(array, np.broadcast_to(np.array([10, 20, 30], np.uint8), (8, 8, 3)))
    left_half = np.zeros((16, 16), np.uint8)
    left_half[:, :8] = 255
    halves = image_array(png(left_half).getvalue(), (4, 4, 1), 4)[..., 0]
    # Symmetric filter: antisymmetric about the edge, constant along it, and not mirrored.
    np.testing.assert_allclose(halves[:, ::-1].astype(int) + halves, 255, atol=1)
    assert halves[0, 0] > halves[0, 3] and (halves == halves[:1]).all()


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
    assert time.monotonic() - start < 15  # TFDS itself tries for 200 s
    assert result.stdout.count("\n") == 1 and result.stdout.startswith("svhn_cropped is not prepared in")
    command = "pip install -e '.[data]' && python -m ebmjax.data.prepare svhn_cropped --data_dir '"
    assert command in result.stdout and result.stderr == ""


@pytest.mark.parametrize("name", ["mnist:9.9.9", "lsun/no_such_config"])
def test_wrong_version_or_config(name):
    with pytest.raises(DataError, match=f"TFDS cannot load {name}") as error:
        load(name)
    assert "\n" not in str(error.value)


def test_tfrecord_is_refused(folder):
    make(folder, {"train": IMAGES})
    info = folder / "tiny/1.0.0/dataset_info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"fileFormat": "tfrecord"}))
    with pytest.raises(DataError, match=r"tfrecord.*prepare tiny --data_dir FOLDER"):
        load("tiny@4")


def test_not_images(folder):
    make(folder, {"train": IMAGES}, text=tensorflow_datasets.features.Text())
    with pytest.raises(DataError, match="tiny: needs uint8 images .* under 'image', has .*text"):
        load("tiny")
    four = tensorflow_datasets.features.Image(shape=(6, 10, 4))
    make(folder, {"train": RANDOM.randint(0, 256, (3, 6, 10, 4), np.uint8)}, name="rgba", image=four)
    with pytest.raises(DataError, match=r"rgba: needs uint8 images with 1 or 3 channels.*4"):
        load("rgba")
    make(folder, {"test": IMAGES}, name="tests_only")
    with pytest.raises(DataError, match="tests_only: has no split 'train', only test"):
        load("tests_only")


def test_damaged_image_leaves_no_cache(folder, tmp_path):
    make(folder, {"train": [png(image).getvalue() for image in IMAGES[:5]] + [b"not an image"]})
    with pytest.raises(DataError, match=r"tiny@4: rows \d to \d cannot be read \(cannot identify image") as error:
        load("tiny@4")
    assert "\n" not in str(error.value) and list((tmp_path / "cache" / "tfds").iterdir()) == []


def test_damaged_cache(folder, tmp_path):
    make(folder, {"train": IMAGES})
    load("tiny")
    path = tmp_path / "cache/tfds/tiny-1.0.0-full/x_train.npy"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="tiny-1.0.0-full is damaged .* delete this folder"):
        load("tiny")


def test_cache_that_cannot_be_written(folder, tmp_path, monkeypatch):
    make(folder, {"train": IMAGES})
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write the cache .* set EBMJAX_CACHE"):
        load("tiny", cache_dir=tmp_path / "file")


def test_two_processes_fill_the_same_folder(folder, tmp_path):
    make(folder, {"train": IMAGES})
    parts = tfds.split_parts(tfds.find_builder(tfds.parse("tiny"), str(folder)), "tiny")
    target = tmp_path / "cache/tfds/tiny-1.0.0-full"
    fill(target, "tiny", parts, (6, 10, 3), None)
    fill(target, "tiny", {k: Part(p.source, p.rows[:1]) for k, p in parts.items()}, (6, 10, 3), None)
    assert len(load("tiny").x_train) == 27  # the first one won
    assert [path.name for path in target.parent.iterdir()] == [target.name]


@pytest.mark.skipif(not (MNIST / "mnist").is_dir(), reason="no prepared MNIST beside the checkout")
def test_mnist_as_tfds_decodes_it(tmp_path):
    builder = tfds.find_builder(tfds.parse("mnist"), str(MNIST))
    assert tfds.image_shape(builder, "mnist", None) == (28, 28, 1)
    parts = tfds.split_parts(builder, "mnist")
    assert (len(parts["train"].rows), len(parts["test"].rows)) == (60000, 10000)
    few = {key: Part(part.source, range(200)) for key, part in parts.items()}  # all 70,000 take 5 s
    fill(tmp_path / "cache/tfds/mnist-3.0.1-full", "mnist", few, (28, 28, 1), None)
    data = load("mnist")
    reference = builder.as_data_source("train[:200]")
    np.testing.assert_array_equal(data.x_train, np.stack([example["image"] for example in reference]))
    np.testing.assert_array_equal(data.y_train[:10], [4, 1, 0, 7, 8, 1, 2, 7, 1, 6])  # as in TFDS's documentation


def test_prepare_reports_what_is_there(folder, capsys):
    make(folder, {"train": IMAGES})
    capsys.readouterr()
    prepare.main(["tiny", "--data_dir", str(folder)])
    assert capsys.readouterr().out == f"tiny is ready in {folder}/tiny/1.0.0\n"


@pytest.mark.parametrize("missing", prepare.NEEDED)
def test_prepare_names_missing_packages(missing, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else name)
    with pytest.raises(SystemExit, match=rf"needs {missing}: run `pip install -e '\.\[data\]'`") as error:
        prepare.main(["svhn_cropped"])
    assert "\n" not in str(error.value.code)


def test_prepare_without_a_connection(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)

    def no_connection(self, **_):
        raise ConnectionError("Max retries exceeded\nand more")

    monkeypatch.setattr(tensorflow_datasets.core.DatasetBuilder, "download_and_prepare", no_connection)
    with pytest.raises(SystemExit, match="^error: cannot download svhn_cropped to .*Max retries exceeded$"):
        prepare.main(["svhn_cropped"])


def test_prepare_refuses_before_it_downloads():
    with pytest.raises(SystemExit, match="ag_news_subset: needs uint8 images"):
        prepare.main(["ag_news_subset"])
    with pytest.raises(SystemExit, match="did you mean svhn_cropped"):
        prepare.main(["svhn"])
