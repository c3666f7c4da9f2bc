"""The whole paper."""

from __future__ import annotations

from agad import RunSpec, grid

from .cells import union
from .figures import fig4, fig6
from .tables import table1, table2, table3, table4, table5, table9


@grid
def full() -> list[RunSpec]:
    """All runs of Tables 1 to 5 and 9 and Figures 3, 4 and 6, each once.

    3,654 runs. What no table of numbers needs is apart: `fig2` (9 runs, leave-one-out), `table8` (3 of
    seconds), `table2_one` and `leakage`.
    """
    return union(table1(), table2(), table3(), table4(), table5(), table9(), fig4(), fig6())
