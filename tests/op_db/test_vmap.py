"""PyTorch's samples through vmap, beside a loop over the examples."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # which PyTorch's database needs, as
pytest.importorskip("hypothesis")  # it needs this

import minigrad
from minigrad.func import vmap

from . import calls
from .convert import OutOfScope, array, minigrad_arguments, tensors, torch_arguments, tree_map

#: Of each family some, and those whose functions do more than one primitive.
NAMES = [
    "__getitem__",
    "add",
    "addmm",
    "all",
    "amax",
    "argmax",
    "argsort",
    "atan2",
    "baddbmm",
    "bmm",
    "bucketize",
    "cat",
    "chunk",
    "clamp",
    "cross",
    "cummax",
    "cumprod",
    "cumsum",
    "diag",
    "diag_embed",
    "diagonal",
    "diff",
    "dot",
    "dsplit",
    "einsum",
    "expand",
    "flip",
    "gather",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_select",
    "inner",
    "isclose",
    "kron",
    "kthvalue",
    "lerp",
    "logcumsumexp",
    "logsumexp",
    "masked_fill",
    "matmul",
    "max",
    "maximum",
    "mean",
    "median",
    "mode",
    "msort",
    "mul",
    "mv",
    "nan_to_num",
    "nanmedian",
    "narrow",
    "nn.functional.bilinear",
    "nn.functional.cosine_similarity",
    "nn.functional.cross_entropy",
    "nn.functional.embedding",
    "nn.functional.gelu",
    "nn.functional.group_norm",
    "nn.functional.huber_loss",
    "nn.functional.layer_norm",
    "nn.functional.linear",
    "nn.functional.mse_loss",
    "nn.functional.nll_loss",
    "nn.functional.normalize",
    "nn.functional.pad",
    "nn.functional.pairwise_distance",
    "nn.functional.softmin",
    "nn.functional.triplet_margin_loss",
    "norm",
    "outer",
    "permute",
    "pow",
    "prod",
    "put",
    "repeat",
    "roll",
    "rot90",
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "searchsorted",
    "select_scatter",
    "softmax",
    "sort",
    "split",
    "squeeze",
    "stack",
    "std",
    "sub",
    "sum",
    "take",
    "take_along_dim",
    "tensordot",
    "tile",
    "topk",
    "trace",
    "transpose",
    "tril",
    "unbind",
    "unfold",
    "var",
    "vstack",
    "where",
]

#: What refuses, because the result would depend on elements: its own tests are in tests/test_vmap.py.
REFUSED = "inside vmap the result would have another shape|needs the elements of a tensor"


@pytest.mark.parametrize("name", NAMES)
def test_samples(name: str) -> None:
    checked = 0
    for info in calls.entries(name):
        call = calls.minigrad_call(name, info)
        if call is None or torch.float64 not in info.dtypes:
            continue
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002 - what PyTorch's samples draw from
        samples = list(info.sample_inputs("cpu", torch.float64, requires_grad=False))
        for sample in samples[:: len(samples) // 6 + 1]:
            try:
                arguments = minigrad_arguments(torch_arguments(sample))
            except OutOfScope:
                continue
            checked += sum(check(call, arguments, chosen) for chosen in (slice(None), slice(1), slice(1, None)))
    assert checked


def check(call: Callable[..., Any], arguments: Any, which: slice) -> bool:
    """Check a call whose tensors, or those chosen, are one for each of two examples; whether there was anything to check."""
    own = tensors(arguments, minigrad.Tensor)
    chosen = list(range(len(own)))[which]
    examples = [[array(own[i]), reordered(array(own[i]))] for i in chosen]

    def run(*xs: Any) -> tuple[Any, ...]:
        values: dict[int, Any] = {id(t): minigrad.tensor(array(t)) for t in own}
        values.update({id(own[i]): x for i, x in zip(chosen, xs, strict=True)})
        first, args, keywords = tree_map(lambda x: values[id(x)] if isinstance(x, minigrad.Tensor) else x, arguments)
        return tuple(tensors(call(first, *args, **keywords), minigrad.Tensor))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            each = [run(*[minigrad.tensor(pair[n]) for pair in examples]) for n in range(2)]
        except (IndexError, RuntimeError):
            return False  # another order of the elements is no sample
        if not chosen or not each[0]:
            return False
        try:
            got = vmap(run)(*[minigrad.tensor(np.stack(pair)) for pair in examples])
        except RuntimeError as error:
            if any(text in str(error) for text in REFUSED.split("|")):
                return False
            raise
    for k, whole in enumerate(got):
        for n in range(2):
            np.testing.assert_allclose(array(whole[n]), array(each[n][k]), rtol=1e-9, atol=1e-10)
    return True


def reordered(x: Any) -> Any:
    """Return other elements from the same domain; indices as they are."""
    return x.reshape(-1)[::-1].reshape(x.shape) if x.dtype.kind == "f" else x
