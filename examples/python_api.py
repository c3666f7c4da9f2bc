"""The Python API on scikit-learn's digits: train, commit, read, score again, and print a table. Takes half a minute.

python examples/python_api.py results/example
"""

from __future__ import annotations

import sys
from pathlib import Path

from sklearn.metrics import roc_auc_score

from agad import ResultStore, RunOptions, RunSpec, score_weights, train

PROTOCOLS = ("eval", "eval_recal", "batch_shuffled", "batch_normals_first")


def main(results: Path, updates: int) -> None:
    """Make one run for each of three normal classes, and print what is in the rows."""
    results.mkdir(parents=True, exist_ok=True)
    store = ResultStore(results)
    for normal_class in (0, 1, 8):
        spec = RunSpec(
            dataset="digits",
            normal_class=normal_class,
            image_size=16,
            updates=updates,
            batch_size=64,
            curve=(updates // 2,),
            final_protocols=PROTOCOLS,
        )
        # One thread: the number of threads changes the last bits.
        options = RunOptions(threads=1, weights_dir=str(results / "weights"))
        store.commit(train(spec, options))  # again, it writes nothing, and warns where the numbers are others now

    columns = ["auroc", *(f"auroc_{protocol}" for protocol in PROTOCOLS[1:])]
    rows = store.read(["normal_class", "weights", "code_digest", "test_label", *columns]).sort_by("normal_class")
    print((rows.to_pandas().set_index("normal_class")[columns] * 100).round(1).to_string())

    # Saved weights can be scored again, under any protocol, without training.
    first = rows.slice(0, 1).to_pylist()[0]
    # Given the row, it warns where they are those of a later training.
    path = results / "weights" / first["weights"]
    scores = score_weights(path, ["batch1"], options=RunOptions(threads=1), row=first)["batch1"]
    auroc = 100 * roc_auc_score(first["test_label"], scores)
    print(f"AUROC of class 0 with the statistics of each single image: {auroc:.1f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), updates=int(sys.argv[2]) if len(sys.argv) > 2 else 60)
