"""`python -m analysis.tables`."""

from __future__ import annotations

import sys

from .table import main

sys.argv[0] = "python -m analysis.tables"  # the name in its messages
sys.exit(main())
