"""Data sets, samplers, collation, and the loader in one process."""

from __future__ import annotations

import itertools
import random
from collections import Counter, OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from helpers import count_calls, interrupt

import minigrad as mg
from minigrad import Generator
from minigrad.utils import data
from minigrad.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    random_split,
    shuffled_batches,
)


class Squares(Dataset[int]):
    def __init__(self, n: int) -> None:
        self.n = n

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < self.n:
            raise IndexError(index)
        return index * index

    def __len__(self) -> int:
        return self.n


class Count(IterableDataset[int]):
    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.n))

    def __len__(self) -> int:
        return self.n


def plain(value: Any) -> Any:
    """Return a nested value with lists in place of tensors, of either library."""
    if hasattr(value, "tolist"):
        return (str(value.dtype).split(".")[-1], value.tolist())
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


# ---- Data sets -------------------------------------------------------------------------------------------------------


def test_tensor_dataset() -> None:
    x, y = mg.arange(6).reshape(3, 2), mg.tensor([7.0, 8.0, 9.0])
    rows = TensorDataset(x, y)
    assert len(rows) == 3
    assert plain(rows[-1]) == [("int64", [4, 5]), ("float32", 9.0)]
    assert plain(rows[1:]) == [("int64", [[2, 3], [4, 5]]), ("float32", [8.0, 9.0])]
    with pytest.raises(AssertionError, match="size mismatch between tensors"):
        TensorDataset(mg.ones(3), mg.ones(2))
    with pytest.raises(IndexError):
        rows[3]


def test_R33_sums_of_data_sets() -> None:
    both = Squares(3) + Squares(2)
    assert isinstance(both, ConcatDataset)
    assert [both[i] for i in range(len(both))] == [0, 1, 4, 0, 1]
    assert [both[i] for i in range(-5, 0)] == [0, 1, 4, 0, 1]
    assert both.cumulative_sizes == [3, 5]
    with pytest.raises(ValueError, match="should not exceed"):
        both[-6]
    with pytest.raises(IndexError):
        both[5]
    with pytest.raises(AssertionError, match="should not be empty"):
        ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        ConcatDataset([Count(2)])


def test_X21_third_of_three() -> None:
    three = ConcatDataset([Squares(2), Squares(0), Squares(2), Squares(3)])
    assert [three[i] for i in range(7)] == [0, 1, 0, 1, 0, 1, 4]
    assert next(iter(DataLoader(three, batch_size=7))).tolist() == [0, 1, 0, 1, 0, 1, 4]


def test_chains() -> None:
    chain = Count(2) + Count(3)
    assert isinstance(chain, ChainDataset)
    assert list(chain) == [0, 1, 0, 1, 2]
    assert len(chain) == 5
    with pytest.raises(AssertionError, match="only supports IterableDataset"):
        list(ChainDataset([Squares(2)]))


def test_stacks() -> None:
    pairs = StackDataset(Squares(3), "abc")
    assert pairs[2] == (4, "c")
    assert pairs.__getitems__([0, 2]) == [(0, "a"), (4, "c")]
    named = StackDataset(x=Squares(3), y=Subset("abcd", [3, 2, 1]))
    assert named.__getitems__([0, 1]) == [{"x": 0, "y": "d"}, {"x": 1, "y": "c"}]
    assert len(named) == 3
    for args, kwargs, message in (
        ((), {}, "needs data sets"),
        (("a",), {"x": "b"}, "needs data sets"),
        (("a", "bc"), {}, "mismatch"),
    ):
        with pytest.raises(ValueError, match=message):
            StackDataset(*args, **kwargs)


def test_subsets() -> None:
    some = Subset(Squares(9), [8, 2, 2])
    assert [some[i] for i in range(len(some))] == [64, 4, 4]
    assert some.__getitems__([2, 0]) == [4, 64]

    class Half(Subset[int]):
        def __getitem__(self, index: Any) -> int:
            return 0

    with pytest.raises(NotImplementedError, match="without __getitems__"):
        Half(Squares(3), [0])


def test_several_samples_at_once() -> None:
    class Several(Squares):
        def __getitems__(self, indices: list[int]) -> list[int]:
            assert all(type(i) is int for i in indices)
            return [-i for i in indices]

    assert [b.tolist() for b in DataLoader(Several(3), batch_size=2)] == [[0, -1], [-2]]

    class Fewer(Squares):
        def __getitems__(self, indices: list[int]) -> list[int]:
            return indices[1:]

    with pytest.raises(ValueError, match="size mismatch: expected 2 samples, got 1"):
        next(iter(DataLoader(StackDataset(Fewer(4)), batch_size=2)))


@pytest.mark.parametrize(
    "lengths", [[3, 7], [10], [0, 10], [0.3, 0.7], [0.5, 0.5], [0.25, 0.25, 0.25, 0.25], [1.0]], ids=str
)
def test_R33_random_split_is_a_partition(lengths: list[float]) -> None:
    torch = pytest.importorskip("torch")
    parts = random_split(range(10), lengths, generator=Generator().manual_seed(1))
    assert sorted(itertools.chain(*parts)) == list(range(10))
    assert [len(p) for p in parts] == [len(p) for p in torch.utils.data.random_split(range(10), lengths)]
    again = random_split(range(10), lengths, generator=Generator().manual_seed(1))
    assert [p.indices for p in again] == [p.indices for p in parts]


def test_random_split_refuses() -> None:
    for lengths, message in (([3, 3], "must equal"), ([0.5, 0.6], "must equal"), ([1.5, -0.5], "not between 0 and 1")):
        with pytest.raises(ValueError, match=message):
            random_split(range(10), lengths)
    with pytest.warns(UserWarning, match="part at index 1 is 0"):
        random_split(range(1), [0.5, 0.5])


# ---- Samplers --------------------------------------------------------------------------------------------------------


def test_orders() -> None:
    assert list(SequentialSampler(range(4))) == [0, 1, 2, 3]
    shuffled = RandomSampler(range(100))
    orders = [list(shuffled), list(shuffled)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(100))
    assert orders[0] != orders[1]
    assert list(SubsetRandomSampler(["a"])) == ["a"]
    assert sorted(SubsetRandomSampler([5, 3, 9])) == [3, 5, 9]
    assert len(SubsetRandomSampler([5, 3, 9])) == 3


def test_seeds_decide() -> None:
    def draws() -> list[Any]:
        g = Generator().manual_seed(3)
        return [
            list(RandomSampler(range(50), generator=g)),
            list(RandomSampler(range(50), replacement=True, num_samples=70, generator=g)),
            list(SubsetRandomSampler(range(50), generator=g)),
            list(WeightedRandomSampler(range(50), 30, generator=g)),
        ]

    assert draws() == draws()
    mg.manual_seed(5)
    first = list(RandomSampler(range(50)))
    mg.manual_seed(5)
    assert first == list(RandomSampler(range(50)))


def test_number_of_samples() -> None:
    assert Counter(RandomSampler(range(5), num_samples=10)) == Counter(list(range(5)) * 2)
    some = list(RandomSampler(range(5), num_samples=7))
    assert len(some) == 7
    assert sorted(some[:5]) == list(range(5))
    drawn = list(RandomSampler(range(5), replacement=True, num_samples=1000))
    assert len(drawn) == 1000
    assert set(drawn) == set(range(5))


def test_weights() -> None:
    counts = Counter(WeightedRandomSampler([0.0, 1.0, 3.0], 4000, generator=Generator().manual_seed(0)))
    assert set(counts) == {1, 2}
    assert 0.72 < counts[2] / 4000 < 0.78
    assert sorted(WeightedRandomSampler([1.0, 2.0, 3.0], 3, replacement=False)) == [0, 1, 2]


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("n", [0, 1, 5, 6, 7])
def test_batches_of_numbers(n: int, drop_last: bool) -> None:
    torch = pytest.importorskip("torch")
    own, peer = BatchSampler(range(n), 3, drop_last), torch.utils.data.BatchSampler(range(n), 3, drop_last)
    assert list(own) == list(peer)
    assert len(own) == len(peer)


@pytest.mark.parametrize(
    "make",
    [
        lambda d: d.RandomSampler(range(3), replacement=1),
        lambda d: d.RandomSampler(range(3), num_samples=0),
        lambda d: d.RandomSampler([]),
        lambda d: d.WeightedRandomSampler([1.0], 0),
        lambda d: d.WeightedRandomSampler([1.0], True),
        lambda d: d.WeightedRandomSampler([1.0], 1, replacement=1),
        lambda d: d.WeightedRandomSampler([[1.0]], 1),
        lambda d: d.BatchSampler([1], 0, False),
        lambda d: d.BatchSampler([1], 1.5, False),
        lambda d: d.BatchSampler([1], 2, 1),
        lambda d: d.DataLoader(range(3), num_workers=-1),
        lambda d: d.DataLoader(range(3), timeout=-1),
        lambda d: d.DataLoader(range(3), prefetch_factor=2),
        lambda d: d.DataLoader(range(3), prefetch_factor=-2, num_workers=1),
        lambda d: d.DataLoader(range(3), persistent_workers=True),
        lambda d: d.DataLoader(range(3), shuffle=True, sampler=[0]),
        lambda d: d.DataLoader(range(3), batch_sampler=[[0]], batch_size=2),
        lambda d: d.DataLoader(range(3), batch_sampler=[[0]], shuffle=True),
        lambda d: d.DataLoader(range(3), batch_sampler=[[0]], drop_last=True),
        lambda d: d.DataLoader(range(3), batch_sampler=[[0]], sampler=[0]),
        lambda d: d.DataLoader(range(3), batch_size=None, drop_last=True),
        lambda d: d.DataLoader(range(3), batch_size=0),
        lambda d: d.DataLoader([], shuffle=True),
        lambda d: d.DataLoader(range(3), multiprocessing_context="fork"),
        lambda d: d.DataLoader(range(3), multiprocessing_context="spoon", num_workers=1),
        lambda d: d.DataLoader(range(3), multiprocessing_context=3, num_workers=1),
        lambda d: setattr(d.DataLoader(range(3)), "batch_size", 3),
        lambda d: setattr(d.DataLoader(range(3)), "dataset", 3),
        lambda d: d.DataLoader(d.ChainDataset([]), shuffle=True),
        lambda d: d.DataLoader(d.ChainDataset([]), sampler=[1]),
        lambda d: d.DataLoader(d.ChainDataset([]), batch_sampler=[1]),
    ],
    ids=range(31),
)
def test_bad_arguments_raise_what_pytorch_raises(make: Any) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception, match=r".") as peer:
        make(torch.utils.data)
    with pytest.raises(peer.type, match=r"^\w+(\w| |:|\.|_)*:? "):
        make(data)


# ---- Collation -------------------------------------------------------------------------------------------------------


class Point(NamedTuple):
    x: int
    y: float


BATCHES = [
    [1, 2],
    [1.5, 2.0],
    [True, False],
    ["a", "b"],
    [b"a", b"b"],
    [np.float32(1), np.float32(2)],
    [np.int16(1), np.int16(2)],
    [np.bool_(True), np.bool_(False)],
    [np.ones((2, 3)), np.zeros((2, 3))],
    [np.array(3), np.array(4)],
    [(1, "a"), (2, "b")],
    [[1, 2.0], [3, 4.0]],
    [{"x": 1, "y": [2]}, {"x": 3, "y": [4]}],
    [OrderedDict(x=1), OrderedDict(x=2)],
    [Point(1, 2.0), Point(3, 4.0)],
    [range(2), range(2)],
    [((1, 2), {"a": (3,)}), ((4, 5), {"a": (6,)})],
]


@pytest.mark.parametrize("batch", BATCHES, ids=range(len(BATCHES)))
def test_collation_is_that_of_pytorch(batch: list[Any]) -> None:
    torch = pytest.importorskip("torch")
    own, peer = default_collate(batch), torch.utils.data.default_collate(batch)
    assert plain(own) == plain(peer)
    assert type(own).__name__ == type(peer).__name__
    own, peer = default_convert(batch[0]), torch.utils.data.default_convert(batch[0])
    assert plain(own) == plain(peer)
    assert type(own).__name__ == type(peer).__name__


@pytest.mark.parametrize(
    "batch",
    [[None], [{1}, {2}], [[1], [1, 2]], [np.array(["a"])], [np.ones(2), np.ones(3)], [object()], [(1, None)]],
    ids=range(7),
)
def test_what_cannot_be_collated(batch: list[Any]) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception, match=r".") as peer:
        torch.utils.data.default_collate(batch)
    with pytest.raises(peer.type):
        default_collate(batch)


def test_tensors_are_stacked_with_their_gradients() -> None:
    x = mg.ones(3, requires_grad=True)
    batch = default_collate([x * 2, x * 3])
    batch.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [5.0, 5.0, 5.0]


def test_containers_keep_what_they_have_besides() -> None:
    class Named(dict[str, int]):
        name = ""

    first = Named(x=1)
    first.name = "first"
    batch = default_collate([first, Named(x=2)])
    assert isinstance(batch, Named)
    assert batch.name == "first"
    assert batch["x"].tolist() == [1, 2]
    assert first["x"] == 1


# ---- The loader ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [1, 4, 10, 11])
@pytest.mark.parametrize("kind", ["tensors", "numbers", "stream"])
def test_R34_batches_in_order(kind: str, batch_size: int, drop_last: bool) -> None:
    torch = pytest.importorskip("torch")
    x = np.arange(30.0).reshape(10, 3)
    sets = {
        "tensors": lambda lib: lib.utils.data.TensorDataset(lib.tensor(x), lib.arange(10)),
        "numbers": lambda lib: Squares(10),
        "stream": lambda lib: type(
            "Ten", (lib.utils.data.IterableDataset,), {"__iter__": lambda _: iter(range(10)), "__len__": lambda _: 10}
        )(),
    }

    loaders = [
        lib.utils.data.DataLoader(sets[kind](lib), batch_size=batch_size, drop_last=drop_last) for lib in (mg, torch)
    ]
    assert plain(list(loaders[0])) == plain(list(loaders[1]))
    assert len(loaders[0]) == len(loaders[1]) == len(list(loaders[0]))
    assert [type(b) for b in loaders[0]] == [list if kind == "tensors" else mg.Tensor] * len(loaders[0])


@pytest.mark.parametrize("kind", ["tensors", "subset", "numbers", "grad"])
def test_R34_shuffled_epochs_cover_all_once(kind: str) -> None:
    rows = TensorDataset(mg.arange(23.0).reshape(23, 1), mg.arange(23))
    sets: dict[str, Any] = {
        "tensors": rows,
        "subset": Subset(Subset(rows, list(range(22, -1, -1))), np.arange(3, 20)),
        "numbers": StackDataset(range(23), range(23)),
        "grad": TensorDataset(mg.arange(23.0).reshape(23, 1).requires_grad_(), mg.arange(23)),
    }
    loader = DataLoader(sets[kind], batch_size=5, shuffle=True, generator=Generator().manual_seed(0))
    orders = []
    for _ in range(2):
        batches = list(loader)
        for x, y in batches:
            assert x.reshape(-1).tolist() == y.tolist()
            assert x.requires_grad == (kind == "grad")
        orders.append([i for _, y in batches for i in y.tolist()])
        expected = range(3, 20) if kind == "subset" else range(23)
        assert sorted(orders[-1]) == list(expected)
    assert orders[0] != orders[1]


def test_batches_are_not_views() -> None:
    x = mg.zeros(4, 2)
    for (batch,) in DataLoader(TensorDataset(x), batch_size=4):
        batch.fill_(1)
    assert x.sum().item() == 0


@pytest.mark.parametrize("make", [lambda x: x.t(), lambda x: x[:, ::2], lambda x: x[:, :1].expand(6, 4)], ids=range(3))
def test_every_layout_is_gathered(make: Any) -> None:
    x = make(mg.arange(36).reshape(6, 6))
    got = mg.cat([b for (b,) in DataLoader(TensorDataset(x), batch_size=4)])
    assert mg.equal(got, x)


def test_samplers_are_used() -> None:
    rows = TensorDataset(mg.arange(6) * 10)
    for sampler, expected in (
        ([5, 0, -1], [[50, 0], [50]]),
        (SequentialSampler(range(3)), [[0, 10], [20]]),
        (iter([mg.tensor(3), np.int64(2)]), [[30, 20]]),
    ):
        assert [b[0].tolist() for b in DataLoader(rows, batch_size=2, sampler=sampler)] == expected
    assert [b[0].tolist() for b in DataLoader(rows, batch_sampler=[[0], [5, 4, 3]])] == [[0], [50, 40, 30]]
    assert [b[0].tolist() for b in DataLoader(rows, batch_size=None)] == [0, 10, 20, 30, 40, 50]
    with pytest.raises(IndexError):
        list(DataLoader(rows, sampler=[6]))
    with pytest.raises(TypeError):
        list(DataLoader(rows, sampler=[0.5]))


def test_custom_collation_and_subclasses() -> None:
    rows = TensorDataset(mg.arange(4), mg.arange(4))
    assert list(DataLoader(rows, batch_size=3, collate_fn=len)) == [3, 1]

    class Doubled(TensorDataset):
        def __getitem__(self, index: Any) -> tuple[mg.Tensor, ...]:
            return tuple(t * 2 for t in super().__getitem__(index))

    assert [x.tolist() for x, _ in DataLoader(Doubled(mg.arange(4), mg.arange(4)), batch_size=3)] == [[0, 2, 4], [6]]
    assert DataLoader(rows, batch_size=None).collate_fn is default_convert


def test_lists_and_arrays_are_data_sets() -> None:
    assert next(iter(DataLoader([3, 4], batch_size=2))).tolist() == [3, 4]
    assert next(iter(DataLoader(np.eye(3), batch_size=2))).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_default_generator_decides_without_another() -> None:
    loader = DataLoader(range(50), batch_size=50, shuffle=True)
    orders = []
    for _ in range(2):
        mg.manual_seed(3)
        orders.append(next(iter(loader)).tolist())
    assert orders[0] == orders[1] != next(iter(loader)).tolist()


def test_shuffled_batches_have_every_row_once() -> None:
    x, y = mg.arange(20).reshape(10, 2), mg.arange(10)
    batches = list(shuffled_batches(x, y, batch_size=4, generator=Generator().manual_seed(0)))
    assert [len(b) for b, _ in batches] == [4, 4, 2]
    rows = np.concatenate([b.numpy() for _, b in batches])
    assert sorted(rows.tolist()) == list(range(10))
    assert rows.tolist() != list(range(10))
    np.testing.assert_array_equal(np.concatenate([b.numpy() for b, _ in batches]), x.numpy()[rows])


def test_seed_decides_the_order_of_shuffled_batches() -> None:
    orders = []
    for seed in (1, 1, 2):
        batches = shuffled_batches(mg.arange(50), batch_size=50, generator=Generator().manual_seed(seed))
        orders.append(next(batches)[0].tolist())
    assert orders[0] == orders[1] != orders[2]


def test_shuffled_batches_refuse() -> None:
    with pytest.raises(ValueError, match=r"equally many rows, got \[2, 3\]"):
        next(shuffled_batches(mg.zeros(2), mg.zeros(3), batch_size=1))
    with pytest.raises(ValueError, match="batch_size must be positive"):
        next(shuffled_batches(mg.zeros(2), batch_size=0))
    with pytest.raises(ValueError, match="equally many rows"):
        next(shuffled_batches(batch_size=1))


# ---- Drawn loaders ---------------------------------------------------------------------------------------------------


def drawn_sample(rng: random.Random, depth: int = 0) -> tuple[str, list[Any]]:
    """Return a kind of samples, and the kinds of its parts."""
    kinds = ["tensor", "array", "int", "float", "text", "bool"] + ["list", "tuple", "dict"] * (depth < 2)
    kind = rng.choice(kinds)
    parts = kind in {"list", "tuple", "dict"}
    return kind, [drawn_sample(rng, depth + 1) for _ in range(rng.randint(0, 3))] if parts else []


def made_sample(lib: Any, kind: tuple[str, list[Any]], i: int) -> Any:
    parts = [made_sample(lib, part, i) for part in kind[1]]
    return {
        "tensor": lambda: lib.arange(3) + i,
        "array": lambda: np.full(2, i + 0.5, np.float32),
        "int": lambda: i,
        "float": lambda: i / 2,
        "text": lambda: str(i),
        "bool": lambda: i % 2 == 0,
        "list": lambda: parts,
        "tuple": lambda: tuple(parts),
        "dict": lambda: dict(enumerate(parts)),
    }[kind[0]]()


def drawn_settings(rng: random.Random, n: int) -> dict[str, Any]:
    numbers = [[rng.randrange(-(n > 0), n + 1) for _ in range(rng.randint(0, 4))] for _ in range(3)]
    return rng.choice(
        [
            {"batch_size": rng.randint(1, 15), "drop_last": rng.random() < 0.5},
            {"batch_size": None},
            {"batch_size": rng.randint(1, 4), "sampler": numbers[0] + numbers[1]},
            {"batch_sampler": numbers},
        ]
    )


def loaded(lib: Any, kind: Any, n: int, arrangement: int, settings: dict[str, Any]) -> Any:
    """Return the loader's length and batches, or the kind of exception that it raises."""
    u = lib.utils.data
    samples: Any = [made_sample(lib, kind, i) for i in range(n)]
    if arrangement % 3 == 1 and n:
        samples = u.ConcatDataset([samples[: n // 2], samples[n // 2 :]])
    if arrangement % 3 == 2:
        samples = u.StackDataset(samples, list(range(n)))
    if arrangement % 2:
        samples = u.Subset(samples, list(range(n))[::-1])
    try:
        loader = u.DataLoader(samples, **settings)
        return len(loader), [plain(batch) for batch in loader]
    except Exception as error:  # noqa: BLE001  (it is compared)
        return type(error).__name__


@pytest.mark.parametrize("seed", range(60))
def test_drawn_loaders_are_pytorchs(seed: int) -> None:
    torch = pytest.importorskip("torch")
    rng = random.Random(seed)
    kind, n = drawn_sample(rng), rng.randint(0, 13)
    settings = drawn_settings(rng, n)
    assert loaded(mg, kind, n, seed, settings) == loaded(torch, kind, n, seed, settings)


# ---- Its state -------------------------------------------------------------------------------------------------------


class Lazy(Sampler[int]):
    """Draws each number when it is asked for."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for _ in range(20):
            yield int(mg.randint(100, (1,), generator=self.generator))

    def __len__(self) -> int:
        return 20


def loaders() -> dict[str, Any]:
    """Return by name what makes a loader, from a number that decides nothing but the state before the first epoch."""
    rows = TensorDataset(mg.arange(100).reshape(100, 1), mg.arange(100))

    def g(seed: int) -> Generator:
        return Generator().manual_seed(seed)

    return {
        "in order": lambda seed: DataLoader(rows, 7),
        "generator": lambda seed: DataLoader(rows, 7, shuffle=True, generator=g(seed)),
        "default generator": lambda seed: (mg.manual_seed(seed), DataLoader(rows, 7, shuffle=True))[1],
        "replacement": lambda seed: DataLoader(rows, 7, sampler=RandomSampler(rows, True, 50, g(seed))),
        "weights": lambda seed: (
            mg.manual_seed(seed),
            DataLoader(rows, 7, sampler=WeightedRandomSampler(range(100), 60)),
        )[1],
        "batch sampler": lambda seed: DataLoader(
            rows, batch_sampler=BatchSampler(SubsetRandomSampler(range(50), g(seed)), 6, True)
        ),
        "lazy": lambda seed: DataLoader(rows, 3, sampler=Lazy(g(seed))),
        "samples": lambda seed: DataLoader(range(30), None, shuffle=True, generator=g(seed)),
        "stream": lambda seed: DataLoader(Count(30), 4),
    }


@pytest.mark.parametrize("position", [0, 1, 5, "all"])
@pytest.mark.parametrize("name", loaders())
def test_what_remains_of_an_epoch(name: str, position: Any, tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    first = loaders()[name](1)
    list(first)  # one epoch
    batches = iter(first)
    count = len(first) if position == "all" else position
    seen = list(itertools.islice(batches, count))
    mg.save(first.state_dict(), tmp_path / "loader")
    assert first.state_dict()["position"] == count
    rest = [plain(list(batches)), plain(list(first))]
    assert len(rest[0]) == len(first) - len(seen)

    second = loaders()[name](2)
    second.load_state_dict(mg.load(tmp_path / "loader"))
    assert second.epoch == 1
    assert [plain(list(second)), plain(list(second))] == rest
    assert second.epoch == first.epoch == 3


def test_state_between_epochs_and_while_resuming() -> None:
    make = loaders()["generator"]
    first = make(1)
    assert first.state_dict()["epoch"] == first.state_dict()["position"] == 0
    list(first)
    assert first.state_dict()["epoch"] == 1
    assert first.state_dict()["begun"] is None
    second = make(2)
    second.load_state_dict(first.state_dict())
    assert plain(list(second)) == plain(list(first))
    batches = iter(first)
    next(batches)
    second.load_state_dict(first.state_dict())
    third = make(3)
    third.load_state_dict(second.state_dict())  # it was not gone on with yet
    assert plain(list(third)) == plain(list(batches))
    next(iter(first))
    assert first.epoch == 3  # an epoch that is left does not count
    with pytest.raises(ValueError, match="not one of a loader with 1 generators"):
        third.load_state_dict({**first.state_dict(), "generator": []})
    with pytest.raises(KeyError):
        third.load_state_dict({})


def test_other_draws_do_not_matter() -> None:
    """Whatever else draws from the default generator, as dropout does, draws the same after a resume."""

    def run(loader: DataLoader, batches: Iterator[Any], n: int) -> list[Any]:
        return [(plain(b), mg.rand(2).tolist()) for b in itertools.islice(batches, n)]

    make = loaders()["default generator"]
    whole = make(1)
    run(whole, iter(whole), 99)
    batches = iter(whole)
    run(whole, batches, 3)
    state = whole.state_dict()
    rest = run(whole, batches, 99) + run(whole, iter(whole), 99)
    again = make(2)
    again.load_state_dict(state)
    assert run(again, iter(again), 99) + run(again, iter(again), 99) == rest


# ---- Speed -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 100])
def test_a_batch_in_memory_costs_few_calls(size: int) -> None:
    """However many samples it has."""

    def calls(batches: int) -> int:
        n = batches * size
        loader = DataLoader(TensorDataset(mg.zeros(n), mg.zeros(n)), batch_size=size)
        return count_calls(lambda: [None for _ in loader])

    assert calls(110) - calls(10) <= 100 * 8


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_ends_an_epoch() -> None:
    data = mg.arange(80_000).reshape(10_000, 8)
    loader = DataLoader(TensorDataset(data), batch_size=8)

    def load_for_ever() -> None:
        while True:
            for _ in loader:
                pass

    interrupt(load_for_ever, 0.05)
    assert mg.equal(mg.cat([x for (x,) in loader]), data)
