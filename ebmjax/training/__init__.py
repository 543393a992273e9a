"""Training: the loop, checkpoints, metrics, devices and the command line, for any method."""

try:
    import fcntl as _fcntl  # noqa: F401
except ImportError as _error:
    raise ImportError("ebmjax.training runs on Linux and macOS; on Windows, use WSL") from _error
