# Written by tools/write_stubs.py from the running module; do not edit.

from typing import Any, SupportsIndex, TypeAlias, final, overload

from numpy.typing import NDArray

from ._dtype import dtype as DType
from ._facts import Size
from .tensor import Tensor

Array: TypeAlias = NDArray[Any]

@final
class Kernel:
    @property
    def attributes(self) -> tuple[str, ...]: ...
    @property
    def dtypes(self) -> tuple[str, ...]: ...
    @property
    def inputs(self) -> tuple[str, ...]: ...
    @property
    def isa(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def outputs(self) -> tuple[str, ...]: ...
    @property
    def types(self) -> str: ...
    @property
    def variadic(self) -> bool: ...
    def __call__(self, /, *args: Any) -> Any: ...
    def into(self, out: Array, /, *args: Any) -> Any: ...
    def reference(self, /, *args: Any) -> Any: ...

@final
class Cell:
    version: int
    line: str | None
    @property
    def loans(self) -> tuple[bool, ...]: ...
    @property
    def lent_at(self) -> str | None: ...
    def __init__(self, version: int = 0, /) -> None: ...

class TensorBase:
    _array: Any
    _edge: Any
    _cell: Cell
    grad: Tensor | None
    requires_grad: bool
    @property
    def shape(self) -> Size: ...
    @property
    def ndim(self) -> int: ...
    @property
    def dtype(self) -> DType: ...
    @property
    def is_leaf(self) -> bool: ...
    def _own(self) -> None: ...
    def _alias(self) -> Tensor: ...

class SizeBase(tuple[int, ...]):
    @overload
    def __getitem__(self, key: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, key: slice, /) -> Size: ...

class LeafBase:
    array: Any
    grad: Tensor | None
    hooks: Any
    sequence: int
    def take(self, gradient: Any, /) -> bool: ...

class NodeBase:
    primitive: Any
    operation: Operation | None
    edges: Any
    saved: Any
    versions: Any
    shapes: Any
    hooks: Any
    notes: dict[str, Any]
    sequence: int
    outputs: int
    def read(self) -> tuple[Any, ...]: ...
    def pullback(self, g: Any, values: tuple[Any, ...], /) -> tuple[Any, ...]: ...
    def free(self) -> None: ...

@final
class Operation:
    primitive: Any
    run: Any
    def __init__(self, *args: Any, **form: Any) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

class GeneratorBase:
    def _place(self, seed: int, counter: int, /) -> None: ...
    def _reserve(self, shape: tuple[int, ...], in_a_counter: int, /) -> tuple[int, int] | None: ...
    def _state(self) -> tuple[int, int]: ...

class ModeBase:
    @property
    def _mode(self) -> bool: ...
    def __init__(self, mode: bool | None, inference: bool | None = None, changes: bool = False, /) -> None: ...
    def _set_now(self) -> None: ...
    def _put_back(self) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(self, *exception: object) -> None: ...

class Deflection:
    def __init__(
        self,
        function: Any,
        keywords: tuple[str, ...],
        handler: Any,
        parameters: tuple[str, ...] = (),
        kinds: bytes = b"",
        positional: int = 0,
        /,
    ) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

class MethodDeflection(Deflection): ...

class InPlaceForm:
    def __init__(self, function: Any, calls: tuple[tuple[Any, ...], ...], plain: Any = None, /) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

SHARED: int
build_info: dict[str, Any]
kernels: dict[str, Kernel]

def add_to_common(tensor: Any, addend: Any, /) -> bool: ...
def array_of(name: str, x: Any, role: str = "input", /) -> Any: ...
def arrays_of(tensors: Any, /) -> list[Array] | None: ...
def backward(tensor: Any, gradient: Any, retain_graph: bool | None, /) -> bool: ...
def basic_key(key: Any, tensor: Any, /) -> tuple[Any, ...] | None: ...
def broadcast_view(array: Array, shape: tuple[int, ...], /) -> Array: ...
def changed(cell: Cell, then: int | tuple[int, int], array: Any, /) -> bool: ...
def check_saved(name: str, array: Any, /) -> None: ...
def compute_into(kernel: Kernel, tensor: Any, operands: tuple[Any, ...], /) -> bool: ...
def connect(**objects: Any) -> None: ...
def copy_into(array: Array, value: Array, /) -> None: ...
def cores_of_quota(root: str) -> int: ...
def diagonal_view(array: Array, offset: int, dims: tuple[int, ...], /) -> Array: ...
def dims_of(dims: Any, rank: int, /) -> tuple[int, ...] | None: ...
def drop(items: list[Any], item: Any, /) -> None: ...
def empty_cache() -> None: ...
def empty_like(array: Array, code: int, /) -> Array: ...
def endings() -> dict[Any, Any]: ...
def gather(function: Any, params: Any, state: Any, names: Any, settings: Any, /) -> tuple[Any, ...] | list[Any]: ...
def get_items(tensor: Any, key: Any, /) -> Any: ...
def get_num_threads() -> int: ...
def get_parallel_threshold() -> float: ...
def grad_enabled() -> bool: ...
def hold_given(tensor: Any, /) -> None: ...
def inference_arrays() -> int: ...
def inference_enabled() -> bool: ...
def is_common(array: Any, /) -> bool: ...
def is_inference(array: Any, /) -> bool: ...
def is_out_of_inference(array: Any, /) -> bool: ...
def is_viewable(array: Array, sizes: tuple[int, ...], /) -> bool: ...
def joined(tensors: Any, dim: int, stacked: bool, record: object, /) -> Any: ...
def keep_apart(array: Array, /) -> int: ...
def kernels_for(isa: str) -> dict[str, Kernel]: ...
def lend(tensor: Any, line: str | None, /) -> Array: ...
def living_views(base: TensorBase) -> list[Any]: ...
def lone_index(key: Any, rank: int, /) -> tuple[tuple[Any, ...] | None, Tensor | Array, int, int] | None: ...
def make_independent(found: list[Any], /) -> None: ...
def members(namespace: dict[str, Any], types: tuple[type, ...], /) -> list[tuple[str, Any]]: ...
def memory_statistics() -> dict[str, int]: ...
def next_sequence() -> int: ...
def own_copy(array: Array, addend: Array | None, /) -> Array: ...
def permute_view(array: Array, dims: tuple[int, ...], /) -> Array: ...
def pieces(x: Any, sizes: tuple[int, ...], dim: int, drop: bool, primitive: Any, node: Any, /) -> tuple[Any, ...]: ...
def reset_peak() -> None: ...
def reshape_view(array: Array, sizes: tuple[int, ...], /) -> Array: ...
def result_type(*operands: Any) -> DType | None: ...
def set_cache_limit(bytes: int) -> None: ...
def set_grad_enabled(enabled: bool, /) -> bool: ...
def set_items(tensor: Any, key: Any, value: Any, way: Any = None, /) -> bool: ...
def set_num_threads(threads: int) -> None: ...
def set_parallel_threshold(nanoseconds: float) -> None: ...
def shown(array: Any, /) -> Tensor: ...
def sizes_of(args: tuple[Any, ...], /) -> tuple[int, ...] | None: ...
def strided_view(array: Array, shape: tuple[int, ...], strides: tuple[int, ...], offset: int, /) -> Array: ...
def sweep(roots: Any, relevant: Any, wanted: Any, found: Any, failed: Any, *modes: bool) -> None: ...
def unindex(g: Array, key: tuple[Any, ...], shape: tuple[int, ...], /) -> Array: ...
def version_of(cell: Cell, array: Any, /) -> int | tuple[int, int]: ...
def viewed_sizes(tensor: Any, args: tuple[Any, ...], /) -> tuple[int, ...] | None: ...
def wrap(array: Any, edge: Any = None, cell: Cell | None = None, /) -> Any: ...

# The kernels: inputs (T: the dtype that they share, i: int64, b: bool, d: float64); attributes
#
# abs(x: T) -> out for uint8, int8, int16, int32, int64, float32, float64
# acos(x: T) -> out for float32, float64
# acosh(x: T) -> out for float32, float64
# adadelta(params: T, grads: T, square_avgs: T, acc_deltas: T, steps: D, lr: d, rho: d, eps: d, weight_decay: d;
#     maximize) -> None for float32, float64
# adagrad(params: T, grads: T, sums: T, steps: D, lr: d, lr_decay: d, eps: d, weight_decay: d; maximize) -> None for
#     float32, float64
# adam(params: T, grads: T, exp_avgs: T, exp_avg_sqs: T, max_exp_avg_sqs: t, steps: D, lr: d, beta1: d, beta2: d, eps:
#     d, weight_decay: d; maximize, decoupled) -> None for float32, float64
# adamax(params: T, grads: T, exp_avgs: T, exp_infs: T, steps: D, lr: d, beta1: d, beta2: d, eps: d, weight_decay: d;
#     maximize) -> None for float32, float64
# add(x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# add_rows(x: T, places: i, index: i, factor: T; rows) -> out for int64, float32, float64
# addcdiv(x: T, y: T, z: T, value: T) -> out for float32, float64
# addcmul(x: T, y: T, z: T, value: T) -> out for float32, float64
# all(x: T; dims, keepdim) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# any(x: T; dims, keepdim) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# argmax(x: T; dims, keepdim) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# argmin(x: T; dims, keepdim) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# asin(x: T) -> out for float32, float64
# asinh(x: T) -> out for float32, float64
# atan(x: T) -> out for float32, float64
# atan2(x: T, y: T) -> out for float32, float64
# atanh(x: T) -> out for float32, float64
# binary_cross_entropy(x: T, y: T; reduction) -> out for float32, float64
# binary_cross_entropy_grad(g: T, x: T, y: T; reduction) -> out for float32, float64
# binary_cross_entropy_target_grad(g: T, x: T, y: T; reduction) -> out for float32, float64
# binary_cross_entropy_with_logits(x: T, y: T; reduction) -> out for float32, float64
# binary_cross_entropy_with_logits_grad(g: T, x: T, y: T; reduction) -> out for float32, float64
# bincount(x: i; count) -> counts for int64
# bitwise_and(x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64
# bitwise_left_shift(x: T, y: T) -> out for uint8, int8, int16, int32, int64
# bitwise_not(x: T) -> out for bool, uint8, int8, int16, int32, int64
# bitwise_or(x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64
# bitwise_right_shift(x: T, y: T) -> out for uint8, int8, int16, int32, int64
# bitwise_xor(x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64
# border(x: T; sizes, mode) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# broken_line(x: T; low, high, below, between, above, shift) -> out for float32, float64
# broken_line_grad(g: T, x: T; low, high, below, between, above, shift) -> out for float32, float64
# cast(x: T; dtype) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# cat(xs: T; dim, stacked) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# cdist(x: T, y: T; p) -> out for float32, float64
# cdist_pull(w: T, x: T, y: T; p) -> out for float32, float64
# cdist_push(w: T, x: T, y: T; p) -> out for float32, float64
# ceil(x: T) -> out for uint8, int8, int16, int32, int64, float32, float64
# clamp(x: T, lower: T, upper: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# clamp_grad(g: T, x: T, lower: T, upper: T; argument) -> out for float32, float64
# clone(x: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# copy(x: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# copysign(x: T, y: T) -> out for float32, float64
# cos(x: T) -> out for float32, float64
# cosh(x: T) -> out for float32, float64
# count_nonzero(x: T; dims, keepdim) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# cross_entropy(x: T, target: i; ignore_index, label_smoothing, reduction) -> loss, probabilities for float32, float64
# cross_entropy_grad(g: T, probabilities: T, target: i; ignore_index, label_smoothing, reduction) -> out for float32,
#     float64
# cube(x: T) -> out for float32, float64
# cummax(x: T; dim) -> values, indices for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# cummin(x: T; dim) -> values, indices for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# cumprod(x: T; dim, reverse, exclusive) -> out for int64, float32, float64
# cumsum(x: T; dim, reverse) -> out for int64, float32, float64
# cut(g: T, x: T; low, high, value) -> out for float32, float64
# deviation(g: T, x: T, mean: T) -> out for float32, float64
# difference(x: T, y: T) -> out for float32, float64
# div(x: T, y: T) -> out for float32, float64
# elu(x: T; alpha, scale, rate) -> out for float32, float64
# elu_grad(g: T, x: T; alpha, scale, rate) -> out for float32, float64
# eq(x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# erf(x: T) -> out for float32, float64
# erfc(x: T) -> out for float32, float64
# erfinv(x: T) -> out for float32, float64
# exp(x: T) -> out for float32, float64
# exp2(x: T) -> out for float32, float64
# exp_difference(g: T, x: T, total: T) -> out for float32, float64
# expm1(x: T) -> out for float32, float64
# floor(x: T) -> out for uint8, int8, int16, int32, int64, float32, float64
# floor_divide(x: T, y: T) -> out for uint8, int8, int16, int32, int64, float32, float64
# fmax(x: T, y: T) -> out for float32, float64
# fmin(x: T, y: T) -> out for float32, float64
# fmod(x: T, y: T) -> out for uint8, int8, int16, int32, int64, float32, float64
# fold(g: T; dim, extent, step) -> out for int64, float32, float64
# frac(x: T) -> out for float32, float64
# full(value: d; shape, dtype) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# gate_slope(g: T, x: T, y: T) -> out for float32, float64
# gather(x: T, index: i; dim) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# gather_last(g: T, index: i; dim) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# gcd(x: T, y: T) -> out for uint8, int8, int16, int32, int64
# ge(x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# gelu(x: T) -> out for float32, float64
# gelu_grad(g: T, x: T) -> out for float32, float64
# gelu_tanh(x: T) -> out for float32, float64
# gelu_tanh_grad(g: T, x: T) -> out for float32, float64
# glu(x: T; dim) -> out for float32, float64
# glu_grad(g: T, x: T; dim) -> out for float32, float64
# gt(x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# hardswish(x: T) -> out for float32, float64
# hardswish_grad(g: T, x: T) -> out for float32, float64
# heaviside(x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# huber_loss(x: T, y: T; reduction, beta) -> out for float32, float64
# huber_loss_grad(g: T, x: T, y: T; reduction, beta) -> out for float32, float64
# hypot(x: T, y: T) -> out for float32, float64
# index_rows(x: T, index: i) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# index_rows_add(g: T, index: i; rows) -> out for int64, float32, float64
# inverse_square(x: T) -> out for float32, float64
# kthvalue(x: T; k, dim) -> values, indices for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# l1_loss(x: T, y: T; reduction) -> out for float32, float64
# l1_loss_grad(g: T, x: T, y: T; reduction) -> out for float32, float64
# lcm(x: T, y: T) -> out for uint8, int8, int16, int32, int64
# le(x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# lerp(x: T, y: T, weight: T) -> out for float32, float64
# linear(x: T, w: T, b: T; activation) -> out for float32, float64
# linear_index(indices: T; sizes) -> out for int64
# linear_recurrence(a: T, b: T; dim, reverse) -> out for float32, float64
# log(x: T) -> out for float32, float64
# log10(x: T) -> out for float32, float64
# log1p(x: T) -> out for float32, float64
# log2(x: T) -> out for float32, float64
# log_softmax(x: T; dim) -> out for float32, float64
# log_softmax_grad(g: T, result: T; dim) -> out for float32, float64
# logaddexp(x: T, y: T) -> out for float32, float64
# logcumsumexp(x: T; dim, reverse) -> out for float32, float64
# logical_and(x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# logical_or(x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# logical_xor(x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# logit_grad(x: T, y: T) -> out for float32, float64
# logsumexp(x: T; dims, keepdim) -> out for float32, float64
# lt(x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# matmul(a: T, b: T) -> out for uint8, int8, int16, int32, int64, float32, float64
# max(x: T; dims, keepdim) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# max_with_index(x: T; dim, keepdim) -> values, indices for bool, uint8, int8, int16, int32, int64, float32, float64
# maximum(x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# maximum_share(x: T, y: T) -> out for float32, float64
# mean(x: T; dims, keepdim) -> out for float32, float64, float16
# median(x: T; dim, skip_nan) -> values, indices for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# min(x: T; dims, keepdim) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# min_with_index(x: T; dim, keepdim) -> values, indices for bool, uint8, int8, int16, int32, int64, float32, float64
# minimum(x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# mish(x: T) -> out for float32, float64
# mish_grad(g: T, x: T) -> out for float32, float64
# mode(x: T; dim) -> values, indices for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# mse_loss(x: T, y: T; reduction) -> out for float32, float64
# mse_loss_grad(g: T, x: T, y: T; reduction) -> out for float32, float64
# mul(x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# nadam(params: T, grads: T, exp_avgs: T, exp_avg_sqs: T, steps: D, mu_products: D, lr: d, beta1: d, beta2: d, eps: d,
#     weight_decay: d, momentum_decay: d; maximize, decoupled) -> None for float32, float64
# nan_to_num(x: T, nan: T, above: T, below: T) -> out for float32, float64
# nansum(x: T; dims, keepdim) -> out for float32, float64, float16
# ne(x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# neg(x: T) -> out for uint8, int8, int16, int32, int64, float32, float64
# nll_loss(x: T, weight: T, target: i; ignore_index, reduction) -> loss for float32, float64
# nll_loss_grad(g: T, weight: T, target: i; ignore_index, reduction, shape) -> out for float32, float64
# nonzero(x: T; count) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# norm(x: T; dims, keepdim, p) -> out for float32, float64
# normal(key: i, offset: i; shape, dtype) -> out for float32, float64
# occurrence(index: i; dim, extent, reverse) -> out for int64
# permutation(key: i, offset: i; n) -> out for int64
# pow(x: T, y: T) -> out for uint8, int8, int16, int32, int64, float32, float64
# prelu(y: T, x: T, weight: T) -> out for float32, float64
# prod(x: T; dims, keepdim) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# product_of_others(g: T, x: T; dim) -> out for float32, float64
# product_sum_to(x: T, y: T; shape) -> out for float32, float64
# radam(params: T, grads: T, exp_avgs: T, exp_avg_sqs: T, steps: D, lr: d, beta1: d, beta2: d, eps: d, weight_decay: d;
#     maximize, decoupled) -> None for float32, float64
# ramp(start: d, end: d, step: d; shape, dtype, near) -> out for int64, float32, float64
# randint(key: i, offset: i; low, high, shape) -> out for int64
# relu(x: T) -> out for uint8, int8, int16, int32, int64, float32, float64
# relu_grad(g: T, result: T) -> out for float32, float64
# remainder(x: T, y: T) -> out for uint8, int8, int16, int32, int64, float32, float64
# rmsprop(params: T, grads: T, square_avgs: T, grad_avgs: t, momentum_buffers: t, steps: D, lr: d, alpha: d, eps: d,
#     weight_decay: d, momentum: d; maximize) -> None for float32, float64
# round(x: T) -> out for uint8, int8, int16, int32, int64, float32, float64
# rprop(params: T, grads: T, prevs: T, step_sizes: T, steps: D, eta_minus: d, eta_plus: d, least: d, most: d; maximize)
#     -> None for float32, float64
# rsqrt(x: T) -> out for float32, float64
# run_count(x: T) -> count for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# run_numbers(x: T) -> numbers for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# runs(x: T; count, first, counted) -> values, starts, lengths for bool, uint8, int8, int16, int32, int64, float32,
#     float64, float16
# safe_div(x: T, y: T) -> out for float32, float64
# safe_mul(x: T, y: T) -> out for float32, float64
# safe_product(x: T, y: T, z: T) -> out for float32, float64
# safe_quotient(x: T, y: T, z: T) -> out for float32, float64
# scatter(x: T, src: T, index: i; dim, mode) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# scatter_add(src: T, index: i; shape, dim) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# scatter_others(x: T, src: T, index: i; dim) -> out for float32, float64
# scatter_shares(g: T, x: T, src: T, index: i, extremum: T; dim) -> of_x, of_src for float32, float64
# searchsorted(boundaries: T, x: T; right) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# sgd(params: T, grads: T, momentum_buffers: t, lr: d, momentum: d, dampening: d, weight_decay: d; maximize, nesterov)
#     -> None for float32, float64
# share_ties(g: T, x: T, result: T; dims) -> out for float32, float64
# shift(x: T; dim, by) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# sigmoid(x: T) -> out for float32, float64
# sigmoid_grad(g: T, result: T) -> out for float32, float64
# sign(x: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64
# silu(x: T) -> out for float32, float64
# silu_grad(g: T, x: T) -> out for float32, float64
# sin(x: T) -> out for float32, float64
# singular_values(x: T) -> out, u, v for float32, float64
# sinh(x: T) -> out for float32, float64
# smooth_l1_loss(x: T, y: T; reduction, beta) -> out for float32, float64
# smooth_l1_loss_grad(g: T, x: T, y: T; reduction, beta) -> out for float32, float64
# softmax(x: T; dim) -> out for float32, float64
# softmax_grad(g: T, result: T; dim) -> out for float32, float64
# softplus(x: T; beta, threshold) -> out for float32, float64
# softplus_grad(g: T, x: T; beta, threshold) -> out for float32, float64
# softsign(x: T) -> out for float32, float64
# softsign_grad(g: T, x: T) -> out for float32, float64
# sort(x: T; dim, descending) -> values, indices for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# sort_rows(x: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# sqrt(x: T) -> out for float32, float64
# square(x: T) -> out for float32, float64
# standardize(x: T, w: T, b: T; eps, groups, centred) -> out, mean, variance for float32, float64
# standardize_given(x: T, w: T, b: T, mean: T, variance: T; eps, groups, centred) -> out for float32, float64
# standardize_grad(g: T, x: T, w: T, mean: T, variance: T; eps, groups, centred) -> out for float32, float64
# standardize_grads(g: T, x: T, w: T, mean: T, variance: T; eps, groups, centred) -> out, of_weight, of_bias for
#     float32, float64
# standardize_sums(g: T, x: T, mean: T, variance: T; eps, groups, centred) -> of_weight, of_bias for float32, float64
# sub(x: T, y: T) -> out for uint8, int8, int16, int32, int64, float32, float64
# sum(x: T; dims, keepdim) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# sum_to(x: T; shape) -> out for float32, float64
# tan(x: T) -> out for float32, float64
# tanh(x: T) -> out for float32, float64
# tanh_grad(g: T, result: T) -> out for float32, float64
# times_sign(x: T, y: T) -> out for float32, float64
# topk(x: T; k, dim, largest, sorted) -> values, indices for bool, uint8, int8, int16, int32, int64, float32, float64,
#     float16
# triangle(x: T; diagonal, upper) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# triangle_indices(; rows, columns, offset, lower) -> out for int64
# trunc(x: T) -> out for uint8, int8, int16, int32, int64, float32, float64
# trunc_divide(x: T, y: T) -> out for uint8, int8, int16, int32, int64, float32, float64
# uniform(key: i, offset: i; shape, dtype) -> out for float32, float64
# unslice(g: T; shape, starts, steps) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# unstride(g: T; shape, offset, strides) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# var_mean(x: T; dims, keepdim, correction) -> out, mean for float32, float64
# where(condition: b, x: T, y: T) -> out for bool, uint8, int8, int16, int32, int64, float32, float64, float16
# xlogy(x: T, y: T) -> out for float32, float64
