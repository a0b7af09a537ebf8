// Activations that are computed from exponential functions, and their derivatives.
#include "kernels/activation_loops.hpp"
#include "kernels/activation_ops.hpp"
#include "kernels/glu_shapes.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

template <class T>
constexpr RunFunction kGate = run_pair<Gate<T>, T, 330>;

template <class T>
constexpr RunFunction kGateSlope = run_derivative<GateSlope<T>, T, 330, 2>;

constexpr Run kRows[] = {
    {"silu", value<Silu, 330>()},
    {"silu_grad", derivative<SiluGrad, 330>()},
    {"gate_slope", floats(kGateSlope<float>, kGateSlope<double>)},
    {"glu", floats(kGlu<kGate<float>>, kGlu<kGate<double>>)},
    {"glu_grad", floats(kGluGrad<kGate<float>, kGateSlope<float>>, kGluGrad<kGate<double>, kGateSlope<double>>)},
    {"gelu", value<Gelu, 550>()},
    {"gelu_grad", derivative<GeluGrad, 300>()},
    {"gelu_tanh", value<GeluTanh, 400>()},
    {"gelu_tanh_grad", derivative<GeluTanhGrad, 400>()},
    {"mish", value<Mish, 900>()},
    {"mish_grad", derivative<MishGrad, 900>()},
    {"softsign", value<Softsign, 120>()},
    {"softsign_grad", derivative<SoftsignGrad, 120>()},
    {"softplus", value<Softplus, 900>()},
    {"softplus_grad", derivative<SoftplusGrad, 900>()},
    {"elu", value<Elu, 380>()},
    {"elu_grad", derivative<EluGrad, 380>()},
};

}  // namespace

extern const Runs activation_runs;
const Runs activation_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
