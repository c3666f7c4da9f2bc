"""Generators by name."""

from __future__ import annotations

import torch

from agad.tensors.seeding import generator, seed_of


def draw(*key: str | int) -> list[float]:
    return torch.rand(4, generator=generator(*key)).tolist()


def test_one_key_gives_one_stream():
    assert draw("anomalies", 3, 7) == draw("anomalies", 3, 7)


def test_each_part_of_the_key_counts():
    keys = [("a", 1, 2), ("b", 1, 2), ("a", 2, 2), ("a", 1, 3), ("a", "1", 2), ("a", 12), ("a", 1, 2, 0)]
    assert len({tuple(draw(*key)) for key in keys}) == len(keys)


def test_the_seed_of_a_key_never_changes():
    """Another value would mean other numbers for the same spec: raise SEMANTICS_VERSION with it."""
    assert seed_of("init", "generator", "naive", 0) == 0xCCBFEC63983BCB42


def test_the_global_generator_is_neither_read_nor_moved():
    before = torch.get_rng_state()
    first = draw("normals", 0, 0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    assert draw("normals", 0, 0) == first
    torch.set_rng_state(before)
