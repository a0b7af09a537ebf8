"""The operations in scope, by PyTorch's public names, and where each of them is found.

`missing.txt` lists the forms that PyTorch has and minigrad does not have yet. It is to become empty.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

ELEMENTWISE = """
    add sub rsub mul div true_divide __radd__ __rsub__ __rmul__ __rdiv__ __rpow__ __rmod__ __rmatmul__
    sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh exp exp2 expm1 log log1p log2 log10 pow sqrt rsqrt
    square reciprocal abs neg sign floor ceil round trunc frac erf erfc erfinv sinc sigmoid heaviside clamp clamp_min
    clamp_max lerp addcmul addcdiv fmod remainder floor_divide maximum minimum xlogy logaddexp hypot nan_to_num where masked_fill
    eq ne lt le gt ge logical_and logical_or logical_xor logical_not gcd lcm bitwise_and bitwise_or bitwise_xor bitwise_not
    bitwise_left_shift bitwise_right_shift __rand__ __ror__ __rxor__ isnan isinf isfinite isclose allclose equal
"""

REDUCTIONS = """
    sum mean prod max min amax amin aminmax argmax argmin var std var_mean std_mean logsumexp any all count_nonzero
    nansum nanmean norm linalg.norm linalg.vector_norm linalg.matrix_norm median kthvalue mode cummax cummin cumsum
    cumprod logcumsumexp sort argsort topk unique
"""

SHAPE = """
    reshape view view_as reshape_as flatten unflatten squeeze unsqueeze transpose t T mT swapaxes movedim permute expand
    expand_as broadcast_to broadcast_tensors broadcast_shapes repeat repeat_interleave tile flip roll cat stack hstack
    vstack dstack column_stack split chunk tensor_split unbind select narrow diagonal diag diag_embed tril triu unfold
    meshgrid atleast_1d atleast_2d atleast_3d contiguous ravel diff
"""

INDEXING = """
    __getitem__ __setitem__ gather scatter scatter_add scatter_reduce index_select index_add index_copy index_fill
    index_put take take_along_dim masked_select nonzero searchsorted bucketize bincount
    diagonal_scatter select_scatter slice_scatter
"""

PRODUCTS = """
    matmul dot mm bmm mv addmm addmv baddbmm outer inner tensordot einsum kron cross trace linalg.multi_dot
"""

CREATION = """
    tensor as_tensor from_numpy zeros ones full empty arange linspace logspace eye zeros_like ones_like full_like
    empty_like rand_like randn_like randint_like new_tensor new_zeros new_ones new_full new_empty tril_indices
    triu_indices rand randn randint normal uniform bernoulli multinomial randperm clone to item
    float double bool byte char short int long
"""

FUNCTIONAL = """
    relu relu6 leaky_relu elu celu selu gelu silu mish hardtanh hardsigmoid hardswish softplus softsign tanhshrink
    softshrink hardshrink threshold logsigmoid prelu glu softmax log_softmax softmin sigmoid tanh linear bilinear dropout
    embedding one_hot normalize cosine_similarity pairwise_distance layer_norm rms_norm group_norm batch_norm
    mse_loss l1_loss smooth_l1_loss huber_loss cross_entropy nll_loss binary_cross_entropy
    binary_cross_entropy_with_logits kl_div gaussian_nll_loss poisson_nll_loss hinge_embedding_loss margin_ranking_loss
    multi_margin_loss triplet_margin_loss cosine_embedding_loss soft_margin_loss
"""

# What PyTorch has under `torch` and as methods as well, of the functions of `torch.nn.functional`.
ALSO_OUTSIDE = {"relu", "softmax", "log_softmax", "sigmoid", "tanh", "selu", "celu", "prelu", "hardshrink"}

SCOPE = [
    *f"{ELEMENTWISE} {REDUCTIONS} {SHAPE} {INDEXING} {PRODUCTS} {CREATION}".split(),
    *(f"nn.functional.{name}" for name in FUNCTIONAL.split()),
]

# Forms that PyTorch has but does not document, are Python 2's, or are other things of the same name.
NOT_PUBLIC = {
    "Tensor.__rdiv__",
    "torch.eq_",
    "torch.float",
    "torch.double",
    "torch.bool",
    "torch.short",
    "torch.int",
    "torch.long",
}

MISSING_FILE = Path(__file__).with_name("missing.txt")


def look_up(root: Any, path: str) -> Any:
    """Return what a form such as `torch.sum`, `Tensor.sum` or `nn.functional.relu` names in a package, or None."""
    for part in path.removeprefix("torch.").split("."):
        if isinstance(root, type) and not any(part in vars(base) for base in root.__mro__):
            return None  # rather than what classes themselves have, such as `|`
        root = getattr(root, part, None)
    return root


def candidates(name: str) -> list[str]:
    """Return the forms that an operation of this name could have; the one that is run first."""
    functional = name.startswith("nn.functional.")
    short = name.removeprefix("nn.functional.")
    forms = [f"{name}", f"{name}_"] if functional else []
    if not functional or short in ALSO_OUTSIDE:
        forms += [f"torch.{short}", f"Tensor.{short}"]
        forms += [] if short.endswith("_") else [f"Tensor.{short}_"]
    return forms


def forms(torch: Any, name: str) -> list[str]:
    """Return the forms that PyTorch has."""
    found = [form for form in candidates(name) if look_up(torch, form) is not None and form not in NOT_PUBLIC]
    return [form for form in found if callable(look_up(torch, form)) or form.startswith("Tensor.")]


def known_missing() -> set[str]:
    """Return what `missing.txt` lists."""
    return set(MISSING_FILE.read_text().split())


def missing_forms(torch: Any, minigrad: Any) -> set[str]:
    """Return the forms that PyTorch has and minigrad does not."""
    return {form for name in SCOPE for form in forms(torch, name) if look_up(minigrad, form) is None}
