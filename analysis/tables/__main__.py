"""`python -m analysis.tables`."""

from __future__ import annotations

import sys

from analysis.tables.table import main

sys.exit(main())
