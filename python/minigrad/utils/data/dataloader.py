"""The loader."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...random import Generator, default_generator
from ...random.generator import Kept
from ...tensor import Tensor
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .fetch import END, Failure, Job
from .sampler import BatchSampler, OrderSampler, RandomSampler, SequentialSampler, drawn_seed

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

    from .workers import Pool

__all__ = ["DataLoader"]

_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


@dataclass
class _Progress:
    """How far an epoch is.

    `begun` are the states of the generators when it began, None before; `resumed` says that it is to go on from there.
    """

    epoch: int = 0
    position: int = 0
    begun: list[Tensor] | None = None
    finished: bool = False
    resumed: bool = False


class DataLoader:
    """Batches of a data set's samples.

    For tensors in memory, which is a :class:`TensorDataset` or a :class:`Subset` of one, a batch is one gather for each
    tensor. Batches are then new tensors, never views of the data.

    Parameters
    ----------
    dataset : Dataset
        Anything with ``__getitem__`` and ``__len__``, or an :class:`IterableDataset`.
    batch_size : int or None, default 1
        How many samples a batch has; None yields the samples themselves.
    shuffle : bool, default False
        Whether each epoch has a new random order.
    sampler : Sampler or iterable of int, optional
        In which order the samples come.
    batch_sampler : Sampler or iterable of list of int, optional
        Which samples each batch has.
    num_workers : int, default 0
        How many processes make the batches; 0 leaves it to this one.
    collate_fn : callable, optional
        From the list of a batch's samples to the batch, :func:`default_collate` unless given.
    pin_memory : bool, default False
        Without effect.
    drop_last : bool, default False
        Whether a last batch that has fewer samples is left out.
    timeout : float, default 0
        How many seconds to wait for a worker's batch before it is an error; 0 waits for ever.
    worker_init_fn : callable, optional
        Called first in each worker, with its number.
    multiprocessing_context : str or multiprocessing context, optional
        How workers are started: ``"fork"``, ``"spawn"`` or ``"forkserver"``, Python's default unless given.
    generator : Generator, optional
        Where a random order and the workers' seeds come from, the default generator unless given.
    prefetch_factor : int, optional
        How many batches each worker makes beforehand, 2 unless given.
    persistent_workers : bool, default False
        Whether the workers live on after an epoch.
    pin_memory_device : str, optional
        Without effect.
    in_order : bool, default True
        Without effect: batches always come in the order of the sampler.

    Raises
    ------
    ValueError, TypeError
        If the arguments contradict each other or make no sense.

    Notes
    -----
    A worker's exception is raised here, of its class, with the worker's traceback in its text. One that is killed is a
    RuntimeError. Leaving the loop, by Ctrl-C too, ends the workers.

    :meth:`state_dict` tells where in which epoch the loader is, in a form that :func:`minigrad.save` takes; a loader that
    has loaded it goes on with the very batches that remain. Workers seed minigrad's generator for each batch, so that
    what they draw from it is the same then; for Python's and NumPy's own generators that holds from the next epoch on.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.utils.data import DataLoader, TensorDataset
    >>> x, y = minigrad.arange(10).reshape(5, 2), minigrad.arange(5)
    >>> for batch_x, batch_y in DataLoader(TensorDataset(x, y), batch_size=2):
    ...     print(batch_x.shape, batch_y)
    minigrad.Size([2, 2]) tensor([0, 1])
    minigrad.Size([2, 2]) tensor([2, 3])
    minigrad.Size([1, 2]) tensor([4])
    """

    _initialized = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: str | BaseContext | None = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self.generator = generator
        self._chosen = sampler is not None or batch_sampler is not None
        self._choose_samplers(batch_size, bool(shuffle), sampler, batch_sampler, drop_last)
        self.collate_fn = collate_fn or (default_convert if self.batch_sampler is None else default_collate)
        self._progress = _Progress()
        self._pool: Pool | None = None
        self._initialized = True

    def _choose_samplers(
        self, batch_size: int | None, shuffle: bool, sampler: Any, batch_sampler: Any, drop_last: bool
    ) -> None:
        streams = Job(self.dataset, default_collate, True, batch_size, drop_last).streams
        if streams:
            _check_stream(shuffle, sampler, batch_sampler)
        _check_options(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if sampler is None:
            sampler = itertools.repeat(None) if streams else self._default_sampler(shuffle)
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self.batch_size, self.drop_last = batch_size, drop_last

    def _default_sampler(self, shuffle: bool) -> OrderSampler:
        return RandomSampler(self.dataset, generator=self.generator) if shuffle else SequentialSampler(self.dataset)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._initialized and name in _FIXED:
            raise ValueError(f"DataLoader: {name} attribute should not be set after the loader is made")
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self) -> BaseContext | None:
        """How workers are started, None for Python's default."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: str | BaseContext | None) -> None:
        self._context = None if context is None else _context_of(context, self.num_workers)

    # ------------------------------------------------------------------------------------------------------------------
    # An epoch.

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)
        count = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    @property
    def _job(self) -> Job:
        batched = self.batch_sampler is not None
        return Job(self.dataset, self.collate_fn, batched, self.batch_size, self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        progress = self._progress = self._next_progress()
        generators = self._generators()
        with Kept(generators if progress.resumed else ()):
            _go_back(generators, progress)
            seed = drawn_seed(self.generator)
            requests = self._requests(progress.position)
        streams = self._job.streams
        if self.num_workers:
            batches = self._in_workers(seed, requests, 0 if streams else progress.position)
        else:
            batches = map(self._job.fetch(), requests)
        for _ in itertools.islice(batches, progress.position if streams else 0):
            pass
        return _Epoch(self, batches, progress)

    def _next_progress(self) -> _Progress:
        last = self._progress
        return last if last.resumed else _Progress(last.epoch + last.finished)

    def _requests(self, position: int) -> Iterator[Any]:
        """Return the numbers of the samples of each batch from a position on."""
        if self._job.streams:
            return itertools.repeat(None)
        batches = self.batch_sampler
        if type(batches) is BatchSampler and isinstance(batches.sampler, OrderSampler):
            order, size = batches.sampler.order(), batches.batch_size
            end = len(order) - (len(order) % size if batches.drop_last else 0)
            return (order[start : start + size] for start in range(position * size, end, size))
        requests: Iterator[Any] = iter(self.sampler if batches is None else batches)
        for _ in itertools.islice(requests, position):
            pass
        return requests

    def _in_workers(self, seed: int, requests: Iterator[Any], first: int) -> Iterator[Any]:
        from .workers import Pool

        pool = self._pool
        if pool is None:
            import multiprocessing

            context = self._context or multiprocessing.get_context()
            pool = Pool(context, self.num_workers, self._job, self.worker_init_fn)
        if self.persistent_workers:
            self._pool = pool
        finished = False
        try:
            yield from pool.run(seed, requests, first, self.prefetch_factor or 1, self.timeout)
            finished = True
        except GeneratorExit:
            finished = self.persistent_workers  # whoever leaves the loop leaves them as they are
            raise
        finally:
            if not (finished and self.persistent_workers):
                self._pool = None
                pool.stop(gently=finished)

    # ------------------------------------------------------------------------------------------------------------------
    # Where it is.

    def _generators(self) -> list[Generator]:
        """Return the generators that an epoch's order may depend on."""
        inner = getattr(self.batch_sampler, "sampler", None)
        named = [getattr(owner, "generator", None) for owner in (self, self.sampler, self.batch_sampler, inner)]
        found = {id(g): g for g in named if isinstance(g, Generator)}
        if self.generator is None or self._chosen:
            found.setdefault(id(default_generator), default_generator)
        return list(found.values())

    @property
    def epoch(self) -> int:
        """How many epochs were finished."""
        return self._progress.epoch + self._progress.finished

    def state_dict(self) -> dict[str, Any]:
        """Return where the loader is.

        Returns
        -------
        dict
            ``"epoch"``, how many were finished; ``"position"``, how many batches of this one were yielded; and the states
            of the generators that the order comes from, now as ``"generator"`` and when the epoch began as ``"begun"``.
        """
        progress = self._progress
        running = progress.begun is not None and not progress.finished
        return {
            "epoch": self.epoch,
            "position": progress.position if running else 0,
            "begun": progress.begun if running else None,
            "generator": [generator.get_state() for generator in self._generators()],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from where a loader of the same data set, samplers and batch size was.

        The next iteration yields the batches that remained of its epoch. The generators get the states that they had
        then, the default generator too where the order comes from it.

        Raises
        ------
        KeyError, ValueError
            If it is not what :meth:`state_dict` returns, or not of such a loader.
        """
        epoch, position = state_dict["epoch"], state_dict["position"]
        states, begun = state_dict["generator"], state_dict["begun"]
        generators = self._generators()
        if min(epoch, position) < 0 or any(s is not None and len(s) != len(generators) for s in (states, begun)):
            raise ValueError(
                f"load_state_dict: the state is not one of a loader with {len(generators)} generators: epoch {epoch}, "
                f"position {position}, {len(states)} generators"
            )
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)
        self._progress = _Progress(epoch, position, begun, resumed=begun is not None)


class _Epoch:
    """The batches that remain of an epoch. One that fails raises, and the next one can be had all the same."""

    __slots__ = ("_batches", "_loader", "_progress")

    def __init__(self, loader: DataLoader, batches: Iterator[Any], progress: _Progress) -> None:
        self._loader = loader
        self._batches = batches
        self._progress = progress

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        progress = self._progress
        progress.position += 1  # also if it fails: the sampler has moved on
        batch = next(self._batches, END)
        if batch is END:
            progress.position -= 1
            progress.finished = True
            raise StopIteration
        if type(batch) is Failure:
            del self, progress  # the traceback keeps what is named here: it must not keep the workers
            raise batch.error()
        return batch

    def __len__(self) -> int:
        return len(self._loader)


def _go_back(generators: list[Generator], progress: _Progress) -> None:
    """Give generators the states that they had when the epoch began; if it begins now, note them."""
    if not progress.resumed:
        progress.begun = [generator.get_state() for generator in generators]
        return
    progress.resumed = False
    for generator, state in zip(generators, progress.begun or (), strict=True):
        generator.set_state(state)


# ----------------------------------------------------------------------------------------------------------------------
# Arguments.


def _check_workers(count: int, timeout: float, prefetch_factor: int | None, persistent: bool) -> None:
    if count < 0:
        raise ValueError("DataLoader: num_workers option should be non-negative; 0 disables multiprocessing")
    if timeout < 0:
        raise ValueError("DataLoader: timeout option should be non-negative")
    if count == 0 and prefetch_factor is not None:
        raise ValueError(
            "DataLoader: prefetch_factor option could only be specified in multiprocessing (num_workers > 0)"
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("DataLoader: prefetch_factor option should be non-negative")
    if persistent and count == 0:
        raise ValueError("DataLoader: persistent_workers option needs num_workers > 0")


def _check_options(batch_size: int | None, shuffle: bool, sampler: Any, batch_sampler: Any, drop_last: bool) -> None:
    """Raise ValueError for options of which one says what the other does."""
    if sampler is not None and shuffle:
        raise ValueError("DataLoader: sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ValueError(
            "DataLoader: batch_sampler option is mutually exclusive with batch_size, shuffle, sampler and drop_last"
        )
    if batch_sampler is None and batch_size is None and drop_last:
        raise ValueError("DataLoader: batch_size=None leaves samples alone and is mutually exclusive with drop_last")


def _check_stream(shuffle: bool, sampler: Any, batch_sampler: Any) -> None:
    for name, given in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
        if given is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={given}"
            )


def _context_of(context: str | BaseContext, workers: int) -> BaseContext:
    import multiprocessing
    from multiprocessing.context import BaseContext

    if workers == 0:
        raise ValueError("DataLoader: multiprocessing_context can only be used with num_workers > 0")
    if isinstance(context, str):
        methods = multiprocessing.get_all_start_methods()
        if context not in methods:
            raise ValueError(f"DataLoader: multiprocessing_context should be one of {methods}, got {context!r}")
        return multiprocessing.get_context(context)
    if not isinstance(context, BaseContext):
        raise TypeError(f"DataLoader: multiprocessing_context should be a context or a string, got {context!r}")
    return context
