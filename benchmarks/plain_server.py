"""The emulator behind uvicorn's own socket: HTTP/1.1 alone, what the one port's start is compared with.

`python -m benchmarks.plain_server PORT DIRECTORY`. It loads nothing that `serve` does not load.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path


def main() -> None:
    """Does what `serve` does, without the port of our own."""
    gc.disable()
    import uvicorn
    import uvloop

    from tuning_emulator.app import create_app
    from tuning_emulator.cli.serve import set_up_logging
    from tuning_emulator.settings import Settings

    gc.enable()
    settings = Settings(port=int(sys.argv[1]), storage_port=0, data_dir=Path(sys.argv[2]), trainer="scripted")
    set_up_logging(settings.log_level, settings.log_format)
    emulator = create_app(settings)
    gc.freeze()
    config = uvicorn.Config(
        emulator, port=settings.port, http="httptools", ws="none", lifespan="on", access_log=False, log_config=None
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
