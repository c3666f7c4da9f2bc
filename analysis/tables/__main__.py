"""`python -m analysis.tables`."""

from __future__ import annotations

import sys

from .table import main

sys.exit(main())
