"""Where the emulator listens unless told otherwise, and how such a place is written."""

DEFAULT_PORT = 8790
DEFAULT_STORAGE_PORT = 8791

_REACHABLE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 what a client types for "every address"


def format_url(host: str, port: int) -> str:
    """The address that a client on this machine types for a server that listens on ``host``."""
    reachable = _REACHABLE.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
