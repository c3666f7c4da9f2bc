"""`python sweeps/tune.py`: the command line is sweeps/cli/tune.py. The code beside this file is what runs."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from sweeps.cli.tune import main

    sys.exit(main())
