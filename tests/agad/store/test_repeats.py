"""Runs with several finished rows: what is said of their difference."""

from __future__ import annotations

import itertools
import math

import pyarrow as pa
import pytest

from agad.store import repeats
from agad.store.schema import RunRecord
from tests.helpers.rows import record


def differences(*records: RunRecord) -> list[float]:
    return list(repeats.differences(pa.concat_tables(one.to_table() for one in records)).values())


@pytest.mark.parametrize("order", list(itertools.permutations([0.5, 0.6, 0.4])))
def test_the_difference_is_between_the_farthest_rows_whichever_is_read_first(order: tuple[float, ...]) -> None:
    assert differences(*(record(auroc=auroc) for auroc in order)) == [pytest.approx(0.2)]


def test_columns_are_not_mixed() -> None:
    rows = record(auroc=0.5, auroc_eval_recal=0.9), record(auroc=0.55, auroc_eval_recal=0.8)

    assert differences(*rows) == [pytest.approx(0.1)]
    assert differences(rows[0], rows[0]) == []


@pytest.mark.parametrize("order", list(itertools.permutations([{}, {"data_digest": "a"}, {"data_digest": "b"}], 2)))
def test_rows_of_other_data_are_beyond_any_number(order: tuple[dict[str, str], ...]) -> None:
    assert differences(*(record(**values) for values in order)) == [math.inf]
