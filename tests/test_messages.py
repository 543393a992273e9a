"""Values in messages: one line, of limited length, whatever the value."""

import numpy as np

from ebmjax.messages import clipped, shown


def test_shown():
    assert shown(0.1) == "0.1" and shown("a  b\n") == r"'a  b\n'"
    assert shown(np.arange(4.0).reshape(2, 2)) == "array([[0., 1.], [2., 3.]])"
    assert shown(10**5000) == "a number of thousands of digits"
    long = shown("x" * 100)
    assert len(long) == 80 and long == "'" + 75 * "x" + " ..."


def test_clipped():
    assert clipped("abcdefgh", 8) == "abcdefgh" and clipped("abcdefghi", 8) == "abcd ..."
