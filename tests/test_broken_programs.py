"""Programs that people write by mistake: each error names the operation, what it got and what to do, and the line.

The guilty line of each program is marked. Where the error is raised at that line, the traceback shows it; where it is
raised later, in a backward pass, `detect_anomaly` makes the error tell it.
"""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, autograd, func, nn, optim
from minigrad.nn import functional as F
from minigrad.utils.checkpoint import checkpoint

Program = Callable[[], Any]

#: What each program raises: the exception, the name that the message opens with, and what it says besides.
PROGRAMS: dict[str, tuple[Program, type[Exception], str, tuple[str, ...]]] = {}


def broken(error: type[Exception], operation: str, *says: str) -> Callable[[Program], Program]:
    def register(program: Program) -> Program:
        PROGRAMS[program.__name__] = program, error, operation, says
        return program

    return register


def weights(*shape: int) -> Tensor:
    return mg.full(shape, 0.5, requires_grad=True)


def data(*shape: int) -> Tensor:
    return mg.ones(shape)


# ---- Graphs that are gone --------------------------------------------------------------------------------------------


@broken(RuntimeError, "exp", "freed", "retain_graph=True")
def a_graph_gone_through_twice() -> None:
    y = weights(3).exp()  # guilty
    y.sum().backward()
    y.sum().backward()


@broken(RuntimeError, "mul", "freed", "detach() what is carried over")
def a_state_carried_over_from_the_step_before() -> None:
    state, w = data(1, 2), weights(1, 2)
    for _ in range(2):
        state = state * w  # guilty
        state.sum().backward()


@broken(RuntimeError, "exp", "freed", "retain_graph=True")
def two_losses_that_share_a_part() -> None:
    shared = weights(3).exp()  # guilty
    shared.sum().backward()
    (shared * 2).sum().backward()


@broken(RuntimeError, "backward", "no_grad()", "shape ()")
def a_loss_computed_without_a_graph() -> None:
    w = weights(2)
    with mg.no_grad():
        loss = (w * 2).sum()
    loss.backward()  # guilty


@broken(RuntimeError, "backward", "detach()", "requires_grad")
def a_detached_loss() -> None:
    weights(2).sum().detach().backward()  # guilty


@broken(RuntimeError, "backward", "requires_grad")
def a_loss_of_data_alone() -> None:
    (data(2) * 2).sum().backward()  # guilty


@broken(RuntimeError, "backward", "int64", "argmax")
def an_accuracy_for_a_loss() -> None:
    weights(3, 2).argmax(1).sum().backward()  # guilty


@broken(RuntimeError, "backward", "bool", "comparisons")
def a_comparison_for_a_loss() -> None:
    (weights(3) > 0).all().backward()  # guilty


@broken(RuntimeError, "grad", "create_graph=True")
def a_second_derivative_without_create_graph() -> None:
    x = weights(2)
    (g,) = autograd.grad((x**3).sum(), x)
    autograd.grad(g.sum(), x)  # guilty


# ---- Cotangents and inputs -------------------------------------------------------------------------------------------


@broken(RuntimeError, "backward", "scalar", "(2,)", "reduce the output")
def backward_of_a_vector() -> None:
    (weights(2) * 2).backward()  # guilty


@broken(RuntimeError, "backward", "(3,)", "(2,)", "output's shape")
def a_cotangent_of_another_shape() -> None:
    (weights(2) * 2).backward(data(3))  # guilty


@broken(RuntimeError, "backward", "float64", "float32", "convert it")
def a_cotangent_of_another_dtype() -> None:
    (weights(2) * 2).backward(data(2).double())  # guilty


@broken(TypeError, "backward", "must be a tensor", "ndarray")
def a_cotangent_that_is_an_array() -> None:
    (weights(2) * 2).backward(np.ones(2, np.float32))  # guilty


@broken(RuntimeError, "backward", "2 outputs", "1 gradients")
def one_cotangent_for_two_outputs() -> None:
    autograd.backward([weights(2) * 2, weights(2) * 3], [data(2)])  # guilty


@broken(RuntimeError, "grad", "(2,)", "allow_unused=True")
def a_gradient_by_what_was_not_used() -> None:
    a, b = weights(2), weights(2)
    autograd.grad((a * 2).sum(), [a, b])  # guilty


@broken(RuntimeError, "grad", "shape (2,)", "requires_grad_()")
def a_gradient_by_data() -> None:
    a, b = weights(2), data(2)
    autograd.grad((a * b).sum(), b)  # guilty


@broken(RuntimeError, "backward", "inputs must be tensors that require gradients")
def backward_into_data() -> None:
    weights(2).sum().backward(inputs=[data(2)])  # guilty


@broken(RuntimeError, "tensor", "int64", "to(float32)")
def integers_that_require_a_gradient() -> None:
    mg.tensor([1, 2], requires_grad=True)  # guilty


@broken(RuntimeError, "requires_grad_", "detach()")
def a_result_that_shall_require_no_gradient() -> None:
    (weights(2) * 2).requires_grad = False  # guilty


# ---- Gradients that are not there ------------------------------------------------------------------------------------


@broken(TypeError, "add", "NoneType", "until a backward pass has reached it")
def a_step_before_backward() -> None:
    w = weights(3)
    w.data.add_(w.grad)  # guilty


@broken(TypeError, "copy_", "None", "until a backward pass reaches it")
def a_copy_of_a_gradient_that_is_not_there() -> None:
    w = weights(3)
    data(3).copy_(w.grad)  # guilty


@broken(UserWarning, "grad", "shape (3,)", "no leaf", "retain_grad()")
def the_gradient_of_what_is_no_leaf() -> None:
    y = weights(3) * 2
    y.sum().backward()
    print(y.grad)  # guilty


@broken(RuntimeError, "grad", "(2,)", "(3,)")
def a_gradient_given_in_another_shape() -> None:
    weights(2).grad = data(3)  # guilty


@broken(RuntimeError, "grad", "float64", "float32")
def a_gradient_given_in_another_dtype() -> None:
    weights(2).grad = data(2).double()  # guilty


@broken(TypeError, "grad", "(2,)", "ndarray")
def a_gradient_given_as_an_array() -> None:
    weights(2).grad = np.ones(2, np.float32)  # guilty


# ---- In place --------------------------------------------------------------------------------------------------------


@broken(RuntimeError, "sub_", "leaf", "no_grad()")
def a_step_of_descent_that_is_recorded() -> None:
    w = weights(3)
    (w * 2).sum().backward()
    w -= 0.1 * w.grad  # guilty


@broken(RuntimeError, "mul_", "view of a leaf", "no_grad()", "clone()")
def a_part_of_a_leaf_in_place() -> None:
    weights(3)[1:].mul_(2)  # guilty


@broken(RuntimeError, "setitem", "leaf", "no_grad()")
def an_element_of_a_leaf_assigned() -> None:
    w = weights(3)
    w[0] = 1.0  # guilty


@broken(RuntimeError, "sigmoid", "its out", "(3,)", "version 1", "clone()")
def an_activation_changed_in_place() -> None:
    y = weights(3).sigmoid()
    y.mul_(2)  # guilty
    y.sum().backward()


@broken(RuntimeError, "mul", "its x", "(3,)", "version 1", "clone()")
def an_input_changed_by_an_activation_in_place() -> None:
    x = weights(3) * 1
    y = x * x
    F.relu(x, inplace=True)  # guilty
    y.sum().backward()


@broken(RuntimeError, "matmul", "its b", "(2, 2)", "clone()")
def a_step_between_forward_and_backward() -> None:
    w = weights(2, 2)
    loss = ((data(1, 2) @ w).relu() @ w).sum()
    optimizer = optim.SGD([w], lr=0.1)
    w.grad = data(2, 2)
    optimizer.step()  # guilty
    loss.backward()


@broken(RuntimeError, "mul", "its y", "(3,)", "array that shares its memory", "clone()")
def a_batch_overwritten_by_the_next() -> None:
    buffer = np.ones(3, np.float32)
    loss = (weights(3) * mg.from_numpy(buffer)).sum()  # guilty
    buffer[:] = 2
    loss.backward()


@broken(RuntimeError, "add_", "expanded", "clone()")
def an_expanded_tensor_in_place() -> None:
    data(2).expand(3, 2).add_(1)  # guilty


@broken(RuntimeError, "true_divide_", "float32", "int64")
def integers_divided_in_place() -> None:
    x = mg.arange(3)
    x /= 2  # guilty


@broken(RuntimeError, "add_", "(2, 3)", "(3,)")
def a_sum_that_grows_in_place() -> None:
    data(3).add_(data(2, 3))  # guilty


@broken(RuntimeError, "numpy", "detach().numpy()")
def an_array_of_weights() -> None:
    weights(2).numpy()  # guilty


# ---- Shapes, dtypes, devices -----------------------------------------------------------------------------------------


@broken(RuntimeError, "add", "(4, 2)", "(4,)", "broadcast")
def operands_that_do_not_broadcast() -> None:
    data(4, 2) + data(4)  # guilty


@broken(RuntimeError, "matmul", "(3, 4)", "(5, 6)", "inner sizes")
def matrices_that_do_not_fit() -> None:
    data(3, 4) @ weights(5, 6)  # guilty


@broken(RuntimeError, "linear", "(3, 8)", "(2, 6)")
def layers_that_do_not_fit() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(6, 2))
    model(data(3, 4))  # guilty


@broken(UserWarning, "mse_loss", "(4, 1)", "(4,)", "broadcast")
def a_column_compared_with_a_row() -> None:
    F.mse_loss(weights(4, 1), data(4))  # guilty


@broken(RuntimeError, "cross_entropy", "(2, 3)", "(2, 1)")
def classes_in_a_column() -> None:
    F.cross_entropy(weights(2, 3), mg.tensor([[0], [1]]))  # guilty


@broken(RuntimeError, "cross_entropy", "integers", "float32")
def classes_that_are_floats() -> None:
    F.cross_entropy(weights(2, 3), data(2))  # guilty


@broken(IndexError, "cross_entropy", "out of range", "(2, 3)")
def a_class_too_many() -> None:
    F.cross_entropy(weights(2, 3), mg.tensor([0, 3]))  # guilty


@broken(IndexError, "embedding", "out of range", "4 rows")
def a_word_too_many() -> None:
    F.embedding(mg.tensor([4]), weights(4, 3))  # guilty


@broken(RuntimeError, "binary_cross_entropy", "[0, 1]", "2.0")
def logits_for_probabilities() -> None:
    F.binary_cross_entropy(weights(2) * 4, data(2))  # guilty


@broken(RuntimeError, "view", "(3, 2)", "(6,)", "reshape()")
def a_view_of_a_transpose() -> None:
    data(2, 3).t().view(6)  # guilty


@broken(RuntimeError, "cat", "(2, 3)", "(2, 4)", "dim 0")
def pieces_that_do_not_fit() -> None:
    mg.cat([data(2, 3), weights(2, 4)])  # guilty


@broken(RuntimeError, "to", "CPU only", "cuda")
def a_model_moved_to_a_device() -> None:
    nn.Linear(2, 2).to("cuda")  # guilty


@broken(RuntimeError, "zeros", "CPU only", "cuda")
def a_tensor_made_on_a_device() -> None:
    mg.zeros(2, device="cuda")  # guilty


@broken(RuntimeError, "item", "(2,)")
def the_number_of_two_elements() -> None:
    weights(2).item()  # guilty


@broken(RuntimeError, "bool", "(2,)", "ambiguous")
def the_truth_of_two_elements() -> None:
    assert data(2) > 0  # guilty


# ---- Hooks, functions of users, copies -------------------------------------------------------------------------------


@broken(RuntimeError, "register_hook", "requires_grad_()")
def a_hook_of_data() -> None:
    data(2).register_hook(print)  # guilty


@broken(RuntimeError, "hook", "(3,)", "(2,)")
def a_hook_that_changes_the_shape() -> None:
    y = weights(2) * 2  # guilty
    y.register_hook(lambda _: data(3))
    y.sum().backward()


class Product(autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx: Any, *g: Any) -> Any:
        return g[0]


class Wide(Product):
    @staticmethod
    def backward(ctx: Any, *g: Any) -> Any:
        return g[0].sum().expand(3), None


class Oneway(autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 2


@broken(RuntimeError, "ProductBackward", "2 arguments", "got 1")
def a_function_with_too_few_gradients() -> None:
    y = Product.apply(weights(2), weights(2))  # guilty
    y.sum().backward()


@broken(RuntimeError, "WideBackward", "(3,)", "(2,)", "argument 0")
def a_function_with_a_gradient_that_does_not_fit() -> None:
    y = Wide.apply(weights(2), weights(2))  # guilty
    y.sum().backward()


@broken(NotImplementedError, "Oneway", "backward")
def a_function_without_a_way_back() -> None:
    y = Oneway.apply(weights(2))  # guilty
    y.sum().backward()


@broken(RuntimeError, "checkpoint", "(2,)", "(3,)", "the same every time")
def a_checkpoint_that_does_something_else() -> None:
    sizes = iter((2, 3))
    y = checkpoint(lambda x: (x[: next(sizes)].exp() * 2).sum(), weights(3))  # guilty
    y.backward()


@broken(RuntimeError, "deepcopy", "only leaves", "clone()")
def a_deep_copy_of_a_result() -> None:
    copy.deepcopy(weights(2) * 2)  # guilty


@broken(TypeError, "CrossEntropyLoss", "size_average", "CrossEntropyLoss() makes a loss")
def a_loss_made_of_scores_and_classes() -> None:
    nn.CrossEntropyLoss(data(2, 3), mg.tensor([0, 1]))  # guilty


@broken(RuntimeError, "cross_entropy", "(2, 3)", "minigrad.int64", "probabilities", "floats")
def classes_as_rows_of_zeros_and_ones() -> None:
    F.cross_entropy(weights(2, 3), F.one_hot(mg.tensor([0, 1]), 3))  # guilty


@broken(RuntimeError, "one_hot", "negative", "-1")
def a_class_below_0() -> None:
    F.one_hot(mg.tensor([-1, 1]))  # guilty


@broken(TypeError, "Adam", "model.parameters()", "Linear")
def a_module_to_be_optimised() -> None:
    optim.Adam(nn.Linear(1, 1))  # guilty


@broken(TypeError, "Adam", "model.parameters()", "method")
def parameters_without_a_call() -> None:
    optim.Adam(nn.Linear(1, 1).parameters)  # guilty


@broken(RuntimeError, "grad", "at least one tensor")
def gradients_of_nothing() -> None:
    autograd.grad(weights(2).sum(), [])  # guilty


@broken(RuntimeError, "grad", "argnums", "'x'")
def an_argument_by_its_name() -> None:
    func.grad(lambda x: x.sum(), argnums="x")(weights(2))  # guilty


@broken(TypeError, "jvp", "tuples", "(x,)")
def a_tangent_without_a_tuple() -> None:
    func.jvp(lambda x: x, data(2), data(2))  # guilty


@broken(ValueError, "functional_call", "dict", "generator")
def parameters_without_names() -> None:
    layer = nn.Linear(1, 1)
    func.functional_call(layer, layer.parameters(), data(1))  # guilty


@broken(ValueError, "SGD", "only leaves", "MulBackward")
def a_result_to_be_optimised() -> None:
    optim.SGD([weights(2) * 2], lr=0.1)  # guilty


# ---- NaN -------------------------------------------------------------------------------------------------------------


@broken(RuntimeError, "Function 'SqrtBackward'", "nan", "index (1,)")
def the_root_of_a_negative_number() -> None:
    with autograd.detect_anomaly():
        y = (weights(2) - mg.tensor([0.0, 1.0])).sqrt()  # guilty
        y.sum().backward()


# ----------------------------------------------------------------------------------------------------------------------


def failure(name: str) -> Exception:
    """Run a program; return what it raises."""
    program, error, *_ = PROGRAMS[name]
    with pytest.raises(error) as caught:
        program()
    return caught.value


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_message_names_operation_and_remedy(name: str) -> None:
    _, _, operation, says = PROGRAMS[name]
    message = str(failure(name))
    assert message.startswith((f"{operation}: ", f"{operation} ")), message
    for text in says:
        assert text in message, message


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_guilty_line_is_told(name: str) -> None:
    with autograd.detect_anomaly():
        error = failure(name)
    shown = [frame.line or "" for frame in traceback.extract_tb(error.__traceback__) if frame.filename == __file__]
    told = [str(error), *getattr(error, "__notes__", ()), *shown]
    assert any("# guilty" in text for text in told), told


def test_there_are_many() -> None:
    assert len(PROGRAMS) >= 40
