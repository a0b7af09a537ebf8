"""What optimisers have besides steps: names of parameters, hooks, pickling, options as PyTorch's."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import _core, nn, optim
from minigrad.optim import optimizer as optimizer_module
from minigrad.optim import swa_utils

RULES = ["SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta", "Rprop", "ASGD"]


def parameter(*values: float) -> nn.Parameter:
    return nn.Parameter(minigrad.tensor(np.array(values)))


def with_grad(*values: float) -> nn.Parameter:
    p = parameter(*values)
    p.grad = minigrad.ones(len(values), dtype=minigrad.float64)
    return p


# ---- Options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*RULES, "LBFGS"])
def test_arguments_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours = inspect.signature(getattr(optim, name)).parameters.values()
    theirs = inspect.signature(getattr(torch.optim, name)).parameters.values()
    assert [(p.name, p.kind, p.default) for p in ours] == [(p.name, p.kind, p.default) for p in theirs]


@pytest.mark.parametrize("name", RULES)
def test_rates_may_be_tensors(name: str) -> None:
    p, q = with_grad(1.0, 2.0), with_grad(1.0, 2.0)
    rate = minigrad.tensor([0.25])
    a, b = getattr(optim, name)([p], lr=0.25), getattr(optim, name)([q], lr=rate)
    for _ in range(2):
        a.step()
        b.step()
    assert p.tolist() == q.tolist()
    with pytest.raises(ValueError, match=r"lr must have one element, got shape \(2,\)"):
        getattr(optim, name)([p], lr=minigrad.ones(2))


def test_a_rate_that_is_a_tensor_may_change() -> None:
    p, rate = with_grad(1.0), minigrad.tensor(0.5)
    sgd = optim.SGD([p], lr=rate)
    sgd.step()
    rate.fill_(0.25)
    sgd.step()
    assert p.item() == 0.25


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(
    ("error", "match", "options"),
    [
        (ValueError, "lr must not be negative, got -1", {"lr": -1}),
        (NotImplementedError, "a step cannot be differentiated", {"differentiable": True}),
    ],
)
def test_bad_options(name: str, error: type[Exception], match: str, options: dict[str, Any]) -> None:
    with pytest.raises(error, match=f"{name}: {match}"):
        getattr(optim, name)([parameter(1.0)], **options)


@pytest.mark.parametrize(
    ("match", "make"),
    [
        ("eps must not be negative", lambda p: optim.Adamax([p], eps=-1)),
        ("betas must be two numbers", lambda p: optim.NAdam([p], betas=(0.9, -0.1))),
        ("betas must be two numbers", lambda p: optim.RAdam([p], betas=(0.9,))),
        ("momentum_decay must not be negative", lambda p: optim.NAdam([p], momentum_decay=-1)),
        ("alpha must not be negative", lambda p: optim.RMSprop([p], alpha=-1)),
        ("momentum must not be negative", lambda p: optim.RMSprop([p], momentum=-1)),
        ("rho must be in", lambda p: optim.Adadelta([p], rho=1.5)),
        ("lr_decay must not be negative", lambda p: optim.Adagrad([p], lr_decay=-1)),
        ("initial_accumulator_value must not", lambda p: optim.Adagrad([p], initial_accumulator_value=-1)),
        ("weight_decay must not be negative, got nan", lambda p: optim.Adagrad([p], weight_decay=float("nan"))),
        ("etas must be two numbers below and above 1", lambda p: optim.Rprop([p], etas=(1.2, 0.5))),
        ("weight_decay must not be negative", lambda p: optim.ASGD([p], weight_decay=-1)),
    ],
)
def test_bad_settings(match: str, make: Any) -> None:
    with pytest.raises(ValueError, match=match):
        make(parameter(1.0))


def test_fused_and_foreach_exclude_each_other() -> None:
    with pytest.raises(RuntimeError, match="fused and foreach cannot both be set"):
        optim.Adam([parameter(1.0)], fused=True, foreach=True)


def test_parameters_of_other_dtypes_are_refused_before_anything_is_done() -> None:
    half, p = nn.Parameter(minigrad.ones(2, dtype=minigrad.float16)), with_grad(1.0)
    half.grad = minigrad.ones(2, dtype=minigrad.float16)
    for groups in ([{"params": [p]}, {"params": [half]}], [{"params": [p, half]}]):
        sgd = optim.SGD(groups, momentum=0.9)
        with pytest.raises(TypeError, match="only parameters of float32 and float64 can be optimised, got float16"):
            sgd.step()
        assert half.tolist() == [1, 1]
        assert p.tolist() == [1]
        assert sgd.state == {}


def test_memory_of_another_dtype_is_refused() -> None:
    p = with_grad(1.0)
    adam = optim.Adam([p])
    adam.step()
    adam.state[p]["exp_avg"] = minigrad.zeros(1)
    with pytest.raises(TypeError, match="what is remembered of a parameter must have its dtype"):
        adam.step()


# ---- Groups and names ------------------------------------------------------------------------------------------------


def test_named_parameters() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    sgd = optim.SGD(model.named_parameters(), lr=0.1)
    names = ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert sgd.param_groups[0]["param_names"] == names
    assert all(p is q for p, q in zip(sgd.param_groups[0]["params"], model.parameters(), strict=True))
    sgd.add_param_group({"params": [("more", parameter(1.0))], "lr": 0.5})
    state = sgd.state_dict()
    assert [group["param_names"] for group in state["param_groups"]] == [names, ["more"]]
    assert "    param_names: ['more']\n" in repr(sgd)


def test_names_of_a_state_take_the_place_of_those_there() -> None:
    a, b = optim.SGD([("a", parameter(1.0))]), optim.SGD([("b", parameter(1.0))])
    b.load_state_dict(a.state_dict())
    assert b.param_groups[0]["param_names"] == ["a"]
    b.load_state_dict(optim.SGD([parameter(1.0)]).state_dict())
    assert b.param_groups[0]["param_names"] == ["a"]


def test_all_have_names_or_none() -> None:
    with pytest.raises(ValueError, match="all parameters must have names, or none; 1 of 2 have"):
        optim.SGD([("a", parameter(1.0)), parameter(1.0)])
    with pytest.raises(ValueError, match="the parameters of all groups must have names, or those of none"):
        optim.SGD([{"params": [parameter(1.0)]}, {"params": [("a", parameter(1.0))]}])
    with pytest.raises(KeyError, match="must have 'params', got"):
        optim.SGD([{"lr": 1}])


def test_a_group_that_is_given_is_not_changed() -> None:
    group = {"params": parameter(1.0), "lr": 0.5}
    optim.SGD([group], lr=0.1)
    assert set(group) == {"params", "lr"}


# ---- States ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RULES)
def test_pickled_optimisers_go_on(name: str) -> None:
    p = with_grad(1.0, 2.0)
    first = getattr(optim, name)([p], lr=0.1)
    first.step()
    second = pickle.loads(pickle.dumps(first))
    (q,) = second.param_groups[0]["params"]
    q.grad = minigrad.ones(2, dtype=minigrad.float64)
    first.step()
    second.step()
    assert p.tolist() == q.tolist()
    assert second.state.keys() == ({q} if first.state else set())


def test_state_is_empty_for_what_has_none() -> None:
    p = with_grad(1.0)
    adam = optim.Adam([p])
    assert adam.state[p] == {}  # as users' own optimisers expect
    adam.step()
    assert set(adam.state[p]) == {"step", "exp_avg", "exp_avg_sq"}


def test_states_with_arrays_and_none_are_read() -> None:
    p = with_grad(1.0, 2.0)
    sgd = optim.SGD([p], momentum=0.5)
    state = sgd.state_dict()
    sgd.load_state_dict({**state, "state": {0: {"momentum_buffer": None}}})
    assert sgd.state[p] == {}
    sgd.load_state_dict({**state, "state": {0: {"momentum_buffer": np.array([1.0, 2.0], np.float32)}}})
    assert sgd.state[p]["momentum_buffer"].dtype is minigrad.float64
    assert sgd.state[p]["momentum_buffer"].tolist() == [1, 2]


def test_a_state_with_bad_settings_changes_nothing() -> None:
    p = with_grad(1.0)
    adam = optim.Adam([p])
    adam.step()
    state = copy.deepcopy(adam.state_dict())
    state["param_groups"][0]["lr"] = -1
    state["state"][0]["step"].fill_(7)
    with pytest.raises(ValueError, match="lr must not be negative"):
        adam.load_state_dict(state)
    assert adam.state[p]["step"] == 1
    assert adam.param_groups[0]["lr"] == 1e-3


def test_a_rate_that_a_schedule_rounded_below_0_is_loaded() -> None:
    states = []
    for _ in range(2):
        sgd = optim.SGD([with_grad(1.0)], lr=0.1)
        schedule = optim.lr_scheduler.LinearLR(sgd, start_factor=0.1, end_factor=0.0, total_iters=30)
        if states:
            sgd.load_state_dict(states[0])
        for _ in range(30):
            sgd.step()
            schedule.step()
        states.append(sgd.state_dict())
    assert -1e-17 < states[0]["param_groups"][0]["lr"] < 0
    sgd.load_state_dict(states[0])  # over a rate that is below 0 itself


def test_counts_of_float32_parameters_are_exact_beyond_its_integers() -> None:
    p = nn.Parameter(minigrad.ones(1))
    p.grad = minigrad.ones(1)
    adam = optim.Adam([p])
    adam.step()
    adam.state[p]["step"].fill_(2**24)
    adam.step()
    assert adam.state[p]["step"] == 2**24 + 1


def test_adamw_stays_decoupled_with_adams_state() -> None:
    p = with_grad(1.0)
    adamw = optim.AdamW([p])
    adamw.load_state_dict(optim.Adam([p]).state_dict())
    assert adamw.param_groups[0]["decoupled_weight_decay"]


# ---- Hooks -----------------------------------------------------------------------------------------------------------


class Recorder:
    def __init__(self) -> None:
        self.calls: list[Any] = []

    def hook(self, name: str, result: Any = None) -> Any:
        def call(*args: Any) -> Any:
            self.calls.append((name, len(args)))
            return result

        return call


def test_hooks_around_steps() -> None:
    p, recorder = with_grad(1.0), Recorder()
    adam = optim.Adam([p])
    handles = [
        optimizer_module.register_optimizer_step_pre_hook(recorder.hook("every before")),
        optimizer_module.register_optimizer_step_post_hook(recorder.hook("every after")),
        adam.register_step_pre_hook(recorder.hook("before")),
        adam.register_step_post_hook(recorder.hook("after")),
    ]
    adam.step()
    assert recorder.calls == [("every before", 3), ("before", 3), ("after", 3), ("every after", 3)]
    for handle in handles:
        handle.remove()
    adam.step()
    assert len(recorder.calls) == 4
    assert adam.state[p]["step"] == 2


def test_a_hook_may_change_the_arguments() -> None:
    p = with_grad(1.0)
    sgd = optim.SGD([p])
    sgd.register_step_pre_hook(lambda _o, args, kwargs: ((lambda: "of the hook",), kwargs))
    assert sgd.step(lambda: "of the call") == "of the hook"
    sgd.register_step_pre_hook(lambda *_: "nonsense")
    with pytest.raises(RuntimeError, match="must return None or"):
        sgd.step()


def test_hooks_of_users_optimisers_run_once() -> None:
    class Twice(optim.SGD):
        def step(self, closure: Any = None) -> Any:
            super().step(closure)
            return super().step(closure)

    class Own(optim.Optimizer):
        def step(self, closure: Any = None) -> Any:
            with minigrad.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        state = self.state[p]
                        if len(state) == 0:
                            state["count"] = 0
                        state["count"] += 1
                        p.sub_(p.grad * group["rate"])
            return closure() if closure else None

    for make, expected in ((lambda p: Twice([p], lr=0.25), 0.5), (lambda p: Own([p], {"rate": 0.25}), 0.75)):
        p, recorder = with_grad(1.0), Recorder()
        mine = make(p)
        mine.register_step_post_hook(recorder.hook("after"))
        mine.step()
        assert len(recorder.calls) == 1
        assert p.item() == expected


def test_hooks_of_states() -> None:
    p, recorder = with_grad(1.0), Recorder()
    sgd = optim.SGD([p])
    sgd.register_state_dict_pre_hook(recorder.hook("second"))
    sgd.register_state_dict_pre_hook(recorder.hook("first"), prepend=True)
    sgd.register_state_dict_post_hook(lambda _o, state: {**state, "extra": 1})
    state = sgd.state_dict()
    assert state["extra"] == 1
    assert recorder.calls == [("first", 1), ("second", 1)]
    sgd.register_load_state_dict_pre_hook(lambda _o, state: state["inner"])
    sgd.register_load_state_dict_post_hook(recorder.hook("loaded"))
    state["param_groups"][0]["lr"] = 0.5
    sgd.load_state_dict({"inner": state})
    assert sgd.param_groups[0]["lr"] == 0.5
    assert recorder.calls[-1] == ("loaded", 1)


# ---- Gathering -------------------------------------------------------------------------------------------------------


def test_gather() -> None:
    p, q = with_grad(1.0), parameter(2.0)
    state = {p: {"a": minigrad.zeros(1), "b": minigrad.ones(1)}}
    call = _core.gather(len, [p, q], state, ("b", None), (1, 2))
    assert call[0] is len
    assert [[x.tolist() for x in xs] for xs in call[1:4]] == [[[1.0]], [[1.0]], [[1.0]]]
    assert call[4:] == ((), 1, 2)
    assert (p._version, q._version) == (1, 0)
    assert _core.gather(len, [p, q], state, ("c",), ()) == [p]
    assert _core.gather(len, [q], state, (), ()) == []
    assert p._version == 1
    for bad in ((), (len, (p,), state, (), ()), (len, [p], [], (), ()), (len, [p], state, [], ())):
        with pytest.raises(TypeError, match="gather: takes a function, a list, a dict and two tuples"):
            _core.gather(*bad)
    with pytest.raises(TypeError, match="gather: takes tensors"):
        _core.gather(len, [1], state, (), ())


@pytest.mark.parametrize("name", RULES)
def test_a_step_is_one_call_of_a_kernel(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of however many parameters: the first step, which makes what is remembered, and the others."""
    optimizer = getattr(optim, name)([with_grad(1.0), with_grad(2.0, 3.0), with_grad(*[0.5] * 100)])
    calls: list[int] = []
    kernel = optimizer._kernel

    def counted(*args: Any) -> Any:
        calls.append(len(args[0]))
        return kernel(*args)

    monkeypatch.setattr(type(optimizer), "_kernel", staticmethod(counted))
    for _ in range(3):
        optimizer.step()
    assert calls == [3, 3, 3]


def test_a_read_only_parameter_is_not_written() -> None:
    frozen = np.ones(2)
    frozen.flags.writeable = False
    p = minigrad.from_numpy(np.ones(2)).requires_grad_()
    p._array = frozen
    p.grad = minigrad.ones(2, dtype=minigrad.float64)
    with pytest.raises(ValueError, match="params is read-only"):
        optim.SGD([p]).step()


# ---- Batch norms of averaged weights ---------------------------------------------------------------------------------


def test_update_bn_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    batches = [rng.standard_normal((size, 3)).astype(np.float32) for size in (8, 8, 5)]
    found = []
    for lib in (minigrad, torch):
        model = lib.nn.Sequential(lib.nn.BatchNorm1d(3, momentum=0.3), lib.nn.ReLU(), lib.nn.BatchNorm1d(3))
        model(lib.tensor(batches[0] + 1))
        model[2].eval()
        model.eval()
        pairs = [(lib.tensor(x), lib.zeros(1)) for x in batches]
        lib.optim.swa_utils.update_bn(pairs, model)
        assert not model.training
        assert [model[0].momentum, model[2].momentum] == [0.3, 0.1]
        found.append([x.detach().numpy() for x in model.state_dict().values()])
    for x, y in zip(*found, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


def test_update_bn_leaves_models_as_they_were_where_a_batch_fails() -> None:
    model = nn.Sequential(nn.BatchNorm1d(3))
    with pytest.raises(ValueError, match="BatchNorm1d"):
        swa_utils.update_bn([minigrad.ones(3)], model)
    assert model.training
    assert model[0].momentum == 0.1
    swa_utils.update_bn([None], nn.Linear(1, 1))  # nothing to do


# ---- Optimisers of users' own ----------------------------------------------------------------------------------------


class Halfway(optim.Optimizer):
    """Goes back half of the way after each step of another optimiser; the base's constructor is never called."""

    def __init__(self, optimizer: optim.Optimizer) -> None:
        self.optimizer, self.param_groups, self.state = optimizer, optimizer.param_groups, optimizer.state

    def step(self, closure: Any = None) -> Any:
        before = [p.detach().clone() for p in self._parameters()]
        result = self.optimizer.step(closure)
        for p, old in zip(self._parameters(), before, strict=True):
            p.data.lerp_(old, 0.5)
        return result


def test_an_optimiser_need_not_call_the_constructor_of_the_base() -> None:
    p = with_grad(1.0)
    optimizer = Halfway(optim.SGD([p], lr=0.5))
    steps = []
    optimizer.register_step_post_hook(lambda *_: steps.append(1))
    optimizer.step()
    optimizer.zero_grad()
    optimizer.step()
    assert p.tolist() == [0.75]
    assert len(steps) == 2
    assert list(optimizer.state_dict()) == ["state", "param_groups"]


def test_settings_without_a_default_must_be_given() -> None:
    p, q = parameter(1.0), parameter(2.0)
    defaults = {"lr": optimizer_module.required, "decay": 0.5}
    assert repr(optimizer_module.required) == "<required parameter>"
    assert optim.Optimizer([{"params": [p], "lr": 0.1}], defaults).param_groups[0]["lr"] == 0.1
    with pytest.raises(ValueError, match="Optimizer: a parameter group must have 'lr', which has no default"):
        optim.Optimizer([{"params": [p], "lr": 0.1}, {"params": [q]}], defaults)


def test_settings_stand_where_pytorchs_do() -> None:
    """A group has its own settings first; a state's groups have the parameters' numbers last; groups are set apart."""
    torch = pytest.importorskip("torch")
    for lib in (minigrad, torch):
        groups = [
            {"params": [lib.ones(1, requires_grad=True)], "lr": 1.0},
            {"params": [lib.ones(2, requires_grad=True)]},
        ]
        optimizer = lib.optim.Adadelta(groups, lr=0.5)
        assert list(optimizer.param_groups[0])[:3] == ["params", "lr", "rho"]
        assert list(optimizer.state_dict()["param_groups"][0])[-1] == "params"
        assert "\n\nParameter Group 1\n" in repr(optimizer)
