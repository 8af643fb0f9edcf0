"""``python -m emulator`` is ``tuning-emulator``."""

from emulator.cli import main

raise SystemExit(main())
