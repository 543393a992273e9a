"""Signals that arrive where Python cannot raise, and what a run that was stopped says."""

import os
import signal
import threading
import time

import pytest

from ebmjax.training import cli
from ebmjax.training.loop import Interrupted
from ebmjax.training.signals import stop_on_signal, terminate_like_ctrl_c


class Collected:
    """What sends itself a signal while it is finalised: what the handler raises there is only reported."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        os.kill(os.getpid(), self.number)
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def heeded():
    """SIGINT raises KeyboardInterrupt, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def drop_and_wait(number):
    thing = Collected(number)
    del thing
    time.sleep(20)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_a_finaliser_interrupts_all_the_same(number, capfd):
    with terminate_like_ctrl_c(), cli.quiet(), pytest.raises(KeyboardInterrupt):
        drop_and_wait(number)
    assert not capfd.readouterr().err


def test_so_does_the_second_signal_while_training(capfd):
    with cli.quiet(), stop_on_signal() as asked:
        os.kill(os.getpid(), signal.SIGINT)
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            drop_and_wait(signal.SIGTERM)
    assert "Exception ignored" not in capfd.readouterr().err


def test_what_was_stopped_is_said():
    assert str(Interrupted(35, 400)) == "stopped at step 35 of 400"
    assert str(Interrupted(1150, 3000, "gaussian_trained")) == "stopped gaussian_trained at step 1150 of 3000"


def test_another_thread_than_the_main_one_has_no_handlers():
    """A run may be restored there; signals stay with the main thread."""
    before, found = signal.getsignal(signal.SIGTERM), []

    def work():
        with stop_on_signal() as asked, terminate_like_ctrl_c():
            found.append((asked(), signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(False, before)]
