// Activations that are computed from exponential functions, and their derivatives.
#include "kernels/activation_loops.hpp"
#include "kernels/activation_ops.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

constexpr Run kRows[] = {
    {"silu", value<Silu>()},
    {"silu_grad", derivative<SiluGrad>()},
    {"gelu", value<Gelu>()},
    {"gelu_grad", derivative<GeluGrad>()},
    {"gelu_tanh", value<GeluTanh>()},
    {"gelu_tanh_grad", derivative<GeluTanhGrad>()},
    {"mish", value<Mish>()},
    {"mish_grad", derivative<MishGrad>()},
    {"softsign", value<Softsign>()},
    {"softsign_grad", derivative<SoftsignGrad>()},
    {"softplus", value<Softplus>()},
    {"softplus_grad", derivative<SoftplusGrad>()},
    {"elu", value<Elu>()},
    {"elu_grad", derivative<EluGrad>()},
};

}  // namespace

extern const Runs activation_runs;
const Runs activation_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
