"""``python -m tuning_emulator`` is ``tuning-emulator``."""

from tuning_emulator.cli import main

raise SystemExit(main())
