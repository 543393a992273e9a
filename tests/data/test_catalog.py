import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.data import DataError, load, spec, to_float, to_uint8, with_labels, with_validation
from ebmjax.data.base import hold_out


def test_digits():
    digits = load("digits")
    assert digits.x_train.shape == (1437, 8, 8, 1) and digits.x_test.shape == (360, 8, 8, 1)
    assert digits.x_train.dtype == np.uint8 and digits.y_train.dtype == digits.y_test.dtype == np.int32
    both = np.concatenate([digits.x_train, digits.x_test])
    # The set as published: 1,797 digits with mean grey 4.884 of 16.
    assert both.max() == 16 and both.mean() == pytest.approx(4.8842, abs=1e-4)
    labels = np.concatenate([digits.y_train, digits.y_test])
    np.testing.assert_array_equal(np.bincount(labels), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])


def test_digits_split_never_changes():
    digits = load("digits")
    np.testing.assert_array_equal(digits.y_test[:10], [7, 9, 4, 7, 0, 2, 6, 1, 3, 1])
    assert int(digits.x_test.sum()) == 112332
    # Every class is in the test part, and no more than chance allows: 36 expected, standard deviation 5.
    assert np.bincount(digits.y_test, minlength=10).min() > 20


def test_labyrinth():
    """Two images, nearly black and white in equal parts, whose frequencies lie near one per 12 pixels."""
    found = load("labyrinth")
    assert spec(found) == ("labyrinth", (128, 128, 1), 1, 1, None, 255, None)
    assert np.any(found.x_train != found.x_test)
    for x in (found.x_train[0, :, :, 0], found.x_test[0, :, :, 0]):
        assert np.mean((x < 32) | (x > 223)) > 0.6 and abs(np.mean(x > 127) - 0.5) < 0.05
        power = np.abs(np.fft.fft2(x - x.mean())) ** 2
        frequency = np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(128)]))
        assert power[np.abs(12 * frequency - 1) < 0.45].sum() > 0.85 * power.sum()  # three widths of the ring
    np.testing.assert_array_equal(load("labyrinth").x_train, found.x_train)


@pytest.mark.parametrize(("name", "shape"), [("fake:32x32x3", (32, 32, 3)), ("fake:4x6x1", (4, 6, 1))])
def test_fake(name, shape):
    fake, again = load(name), load(name)
    assert spec(fake) == (name, shape, 512, 128, 10, 255, None)
    assert fake.x_train.dtype == np.uint8 and fake.y_train.dtype == np.int32
    np.testing.assert_array_equal(fake.x_train, again.x_train)
    np.testing.assert_array_equal(fake.y_test, again.y_test)
    # Uniform on 0..255: mean 127.5, standard deviation 73.9 / sqrt(number of pixels); 5 of them.
    assert abs(fake.x_train.mean() - 127.5) < 5 * 73.9 / np.sqrt(fake.x_train.size)


def test_a_training_subset_is_the_first_examples():
    whole, first = load("digits"), load("digits", num_train=100)
    np.testing.assert_array_equal(first.x_train, whole.x_train[:100])
    np.testing.assert_array_equal(first.y_train, whole.y_train[:100])
    np.testing.assert_array_equal(first.x_test, whole.x_test)
    assert spec(first).num_train == 100 and len(load("digits", num_train=1437).x_train) == 1437
    # A run on other training data is another run.
    assert first.fingerprint["x_train"] != whole.fingerprint["x_train"]
    assert first.fingerprint["x_test"] == whole.fingerprint["x_test"]


def test_validation_examples_leave_the_training_part():
    whole = load("digits")
    held = with_validation(whole, 400)
    assert len(held.x_train) == 1037 and held.x_valid.shape == (400, 8, 8, 1) and held.x_valid.dtype == np.uint8
    keys = lambda x, y: [(image.tobytes(), int(label)) for image, label in zip(x, y, strict=True)]
    parts = keys(held.x_train, held.y_train) + keys(held.x_valid, held.y_valid)
    assert sorted(parts) == sorted(keys(whole.x_train, whole.y_train))
    again, labelled = with_validation(whole, 400), with_labels(held, 5, 0)
    np.testing.assert_array_equal(again.x_valid, held.x_valid)
    assert labelled.labelled.max() < 1037 and labelled.x_valid is held.x_valid
    assert with_validation(whole, 0) is whole
    with pytest.raises(DataError, match="validation.num_examples = 1437 must be below its 1437 training examples"):
        with_validation(whole, 1437)
    with pytest.raises(DataError, match="8gaussians: has no labels"):
        with_validation(load("8gaussians"), 5)


@pytest.mark.parametrize("num_train", [1438, -1])
def test_a_training_subset_above_the_set_is_refused(num_train):
    said = f"^digits: data.num_train = {num_train} must be in 1 .. 1437, or 0 for all 1437$"
    with pytest.raises(DataError, match=said):
        load("digits", num_train=num_train)


@pytest.mark.parametrize("shape", ["", "32", "32x32", "32x32x4", "0x8x1", "32x32x3x1", "axbxc", "-1x8x1", "2000x8x1"])
def test_fake_shape_errors(shape):
    with pytest.raises(DataError, match=f"^fake:{shape}: expected fake:HxWxC .* for example fake:32x32x3$"):
        load(f"fake:{shape}")


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("digit", "did you mean digits"),
        ("digits@16", "did you mean digits"),
        ("nzp:x.npz", "did you mean npz:PATH"),
        ("my_images.npz", "did you mean npz:my_images.npz?"),
        ("data/me@2.NPY", "did you mean npz:data/me@2.NPY?"),
        ("reviews.train.txt.gz", "did you mean lines:reviews.train.txt.gz?"),
        ("~/mine", "did you mean npz:~/mine, or lines:~/mine?"),
        ("a.csv", "np.savez('x.npz', x=np.loadtxt('x.csv', delimiter=','))"),
        ("npz:a\nb.npz", "did you mean npz:PATH"),
        ("fake", "did you mean fake:HxWxC"),
        ("MNIST", "did you mean mnist"),
        ("svhn", "did you mean svhn_cropped"),
        ("celeba@64", "did you mean celeb_a"),
        ("", "Known: digits, labyrinth, pydoc, digits_vectors, breast_cancer, wine, npz:PATH, lines:PATH, fake:HxWxC"),
        (
            "qqzzqq",
            "Known: digits, labyrinth, pydoc, digits_vectors, breast_cancer, wine, npz:PATH, lines:PATH, fake:HxWxC",
        ),
    ],
)
def test_unknown_names(name, suggestion, tmp_path):
    with pytest.raises(DataError) as error:
        load(name, data_dir=tmp_path, cache_dir=tmp_path)
    message = str(error.value)
    assert message.startswith(f"unknown data set {name!r}") and suggestion in message and "\n" not in message


@pytest.mark.parametrize("name", ["celeb_a@", "celeb_a@0", "celeb_a@64x64", "celeb_a@-1"])
def test_size_must_be_a_number(name):
    with pytest.raises(DataError, match="as in celeb_a@64"):
        load(name)


def test_spec_without_labels_and_of_tables(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((20, 5)))
    table = load(f"npz:{tmp_path}/a.npz")
    assert spec(table) == (f"npz:{tmp_path}/a.npz", (5,), 18, 2, None, None, None)


@pytest.mark.parametrize("max_value", [16, 255])
def test_to_float_spans_the_interval(max_value):
    x = np.arange(max_value + 1, dtype=np.uint8)
    y = to_float(x, max_value)
    assert isinstance(y, np.ndarray) and y.dtype == np.float32
    np.testing.assert_array_equal(y[[0, -1]], [-1, 1])
    np.testing.assert_allclose(y, np.linspace(-1, 1, max_value + 1), atol=1e-6)
    # XLA may multiply by the reciprocal: two roundings of float32.
    compiled = jax.jit(lambda a: to_float(a, max_value))(jnp.asarray(x))
    assert compiled.dtype == jnp.float32
    np.testing.assert_allclose(compiled, y, atol=3e-7)


def test_to_float_leaves_tables_alone():
    x = np.array([[3.0, -7.0]], np.float32)
    assert to_float(x, None) is x


def test_to_uint8_inverts_to_float_and_clips():
    x = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_uint8(to_float(x, 255)), x)
    np.testing.assert_array_equal(to_uint8(jnp.array([-5.0, 5.0, jnp.inf, -jnp.inf, jnp.nan])), [0, 255, 255, 0, 0])


@pytest.mark.parametrize(("num", "num_test"), [(2, 1), (9, 1), (1000, 100)])
def test_hold_out_is_a_partition(num, num_test):
    train, test = hold_out(num, "x")
    assert len(test) == num_test
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(num))
    np.testing.assert_array_equal(hold_out(num, "x")[1], test)


def test_hold_out_needs_two():
    with pytest.raises(DataError, match="npz:a: no test part"):
        hold_out(1, "npz:a")


def test_import_is_light():
    code = (
        "import sys, ebmjax.data; "
        "bad = {'tensorflow', 'tensorflow_datasets', 'sklearn', 'PIL', 'rich'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
