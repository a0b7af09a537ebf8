// The optimisers' updates: every element of every parameter by itself, so neither threads nor layout change a bit.
//
// Hyperparameters arrive in double. Whatever combines them (1 - beta, the bias corrections) is computed in double once
// a call and rounded once to the parameters' dtype.
#include "core/kernel.hpp"
#include "core/loops.hpp"
#include "isa/isa.hpp"
#include "isa/math_core.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Loops: N arrays for each parameter, the parameter first.

// The dimensions of N views of one shape, reordered so that the first one's strides decrease: a transposed parameter is
// walked in the order in which it lies in memory.
template <int N>
void reorder(View (&views)[N]) {
  for (int d = 1; d < views[0].rank; ++d) {
    for (int e = d; e > 0; --e) {
      const int64_t outer = views[0].stride[e - 1], inner = views[0].stride[e];
      if ((outer < 0 ? -outer : outer) >= (inner < 0 ? -inner : inner)) break;
      for (View& view : views) {
        const int64_t shape = view.shape[e], stride = view.stride[e];
        view.shape[e] = view.shape[e - 1];
        view.stride[e] = view.stride[e - 1];
        view.shape[e - 1] = shape;
        view.stride[e - 1] = stride;
      }
    }
  }
}

// Where a row starts in each of the N arrays, and the steps along it.
template <class T, int N>
struct Row {
  T* data[N];
  int64_t step[N];
};

// update(row, count) for the elements [begin, end) of one parameter in any layout.
template <class T, int N, class Update>
void update_strided(const View* const (&arrays)[N], int64_t begin, int64_t end, const Update& update) {
  View views[N];
  const View* operands[N];
  for (int i = 0; i < N; ++i) {
    views[i] = *arrays[i];
    operands[i] = &views[i];
  }
  reorder(views);
  const Nest<N> nest = make_nest(operands);
  Row<T, N> row;
  for (int i = 0; i < N; ++i) row.step[i] = nest.stride[i][nest.rank - 1];
  for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
    for (int i = 0; i < N; ++i) row.data[i] = views[i].template as<T>() + offset[i];
    update(row, count);
  });
}

template <class T, int N, class Update>
void update_range(const View* const (&arrays)[N], int64_t begin, int64_t end, const Update& update) {
  for (const View* array : arrays) {
    if (!array->contiguous()) return update_strided<T>(arrays, begin, end, update);
  }
  Row<T, N> row;
  for (int i = 0; i < N; ++i) row.data[i] = arrays[i]->template as<T>() + begin;
  for (int i = 0; i < N; ++i) row.step[i] = 1;
  update(row, end - begin);
}

// How many of an array's `size` elements lie before `position`, rounded down to whole cache lines where that cuts the
// array, so that threads neither share a line nor start amid one.
int64_t cut(int64_t position, int64_t size) {
  if (position <= 0) return 0;
  return position < size ? position / 16 * 16 : size;
}

// The same for all parameters. Their elements are numbered through, so that threads share large and small ones evenly.
template <class T, int N, class Update>
void update_all(const Call& call, int parameters, double nanoseconds, const Update& update) {
  int64_t total = 0;
  for (int i = 0; i < parameters; ++i) total += call.in[i].size();
  parallel_for(total, nanoseconds, [&](int64_t begin, int64_t end, int) {
    int64_t first = 0;
    for (int i = 0; i < parameters && first < end; ++i) {
      const int64_t size = call.in[i].size();
      const int64_t from = cut(begin - first, size), to = cut(end - first, size);
      first += size;
      if (from >= to) continue;
      const View* arrays[N];
      for (int list = 0; list < N; ++list) arrays[list] = &call.in[list * parameters + i];
      update_range<T>(arrays, from, to, update);
    }
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Adam (Kingma and Ba, "Adam: A Method for Stochastic Optimization") and AdamW (Loshchilov and Hutter, "Decoupled
// Weight Decay Regularization").

math::Pair<double> product(math::Pair<double> a, math::Pair<double> b) {
  const math::Pair<double> p = math::two_product(a.hi, b.hi);
  return math::fast_two_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

// 1 - beta^step by repeated squaring in twice the precision, so that the difference of two numbers near 1 is as good as
// its last bit. A step below 1 counts as 1.
double bias_correction(double beta, double step) {
  int64_t n = step >= 1 ? (step < 0x1p52 ? static_cast<int64_t>(step) : int64_t{1} << 52) : 1;
  math::Pair<double> power = {1.0, 0.0}, square = {beta, 0.0};
  for (;; n >>= 1) {
    if (n & 1) power = product(power, square);
    if (n <= 1) break;
    square = product(square, square);
  }
  return (1.0 - power.hi) - power.lo;
}

// g = sign grad + weight_decay p, p = keep p,
// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, p = p - step_size m / (sqrt(v) scale + eps).
template <class T>
struct Adam {
  T sign;          // -1 to maximise, else 1
  T weight_decay;  // 0 where it is decoupled
  T keep;          // 1 - lr weight_decay where it is decoupled, else 1
  T one_minus_beta1;
  T beta2;
  T one_minus_beta2;
  T step_size;  // lr / (1 - beta1^step)
  T scale;      // 1 / sqrt(1 - beta2^step)
  T eps;

  Adam(const View* scalars, bool decoupled, bool maximize) {
    double value[6];
    for (int i = 0; i < 6; ++i) value[i] = *scalars[i].as<double>();
    const double lr = value[0], beta1 = value[1], beta2_ = value[2], decay = value[4], step = value[5];
    sign = static_cast<T>(maximize ? -1 : 1);
    weight_decay = static_cast<T>(decoupled ? 0 : decay);
    keep = static_cast<T>(decoupled ? 1 - lr * decay : 1);
    one_minus_beta1 = static_cast<T>(1 - beta1);
    beta2 = static_cast<T>(beta2_);
    one_minus_beta2 = static_cast<T>(1 - beta2_);
    step_size = static_cast<T>(lr / bias_correction(beta1, step));
    scale = static_cast<T>(1 / math::sqrt(bias_correction(beta2_, step)));
    eps = static_cast<T>(value[3]);
  }

  [[gnu::always_inline]] inline void element(T& p, T grad, T& m, T& v) const {
    const T raw = sign * grad;
    const T g = weight_decay != 0 ? fma(weight_decay, p, raw) : raw;
    m = fma(one_minus_beta1, g - m, m);
    v = fma(beta2, v, one_minus_beta2 * g * g);
    p = keep * p - (step_size * m) / fma(math::sqrt(v), scale, eps);
  }

  void operator()(const Row<T, 4>& row, int64_t count) const {
    const Adam update = *this;
    T *const p = row.data[0], *const m = row.data[2], *const v = row.data[3];
    const T* const g = row.data[1];
    const int64_t p_step = row.step[0], g_step = row.step[1], m_step = row.step[2], v_step = row.step[3];
    if (p_step == 1 && g_step == 1 && m_step == 1 && v_step == 1) {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) update.element(p[i], g[i], m[i], v[i]);
    } else {
      for (int64_t i = 0; i < count; ++i) update.element(p[i * p_step], g[i * g_step], m[i * m_step], v[i * v_step]);
    }
  }
};

template <class T>
Status run_adam(const Call& call) {
  const int parameters = (call.in_count - 6) / 4;
  const Adam<T> update(call.in + 4 * parameters, call.attributes[0].flag(), call.attributes[1].flag());
  update_all<T, 4>(call, parameters, sizeof(T) == 4 ? 0.5 : 1.5, update);
  return Status::ok;
}

// ---------------------------------------------------------------------------------------------------------------------
// Stochastic gradient descent, with and without momentum.

// g = sign grad + weight_decay p, b = momentum b + (1 - dampening) g, p = p - lr d, where d is g + momentum b for
// Nesterov's momentum and b otherwise. The first step sets b = g without reading b.
template <class T>
struct Sgd {
  T sign;
  T lr;
  T momentum;
  T weight;  // 1 - dampening
  T weight_decay;
  bool first;
  bool nesterov;

  Sgd(const View* scalars, bool nesterov_, bool maximize) {
    double value[5];
    for (int i = 0; i < 5; ++i) value[i] = *scalars[i].as<double>();
    sign = static_cast<T>(maximize ? -1 : 1);
    lr = static_cast<T>(value[0]);
    momentum = static_cast<T>(value[1]);
    weight = static_cast<T>(1 - value[2]);
    weight_decay = static_cast<T>(value[3]);
    first = value[4] != 0;
    nesterov = nesterov_;
  }

  [[gnu::always_inline]] inline void element(T& p, T grad, T& b) const {
    const T raw = sign * grad;
    const T g = weight_decay != 0 ? fma(weight_decay, p, raw) : raw;
    b = first ? g : fma(momentum, b, weight * g);
    const T direction = nesterov ? fma(momentum, b, g) : b;
    p = fma(-lr, direction, p);
  }

  void operator()(const Row<T, 3>& row, int64_t count) const {
    const Sgd update = *this;
    T *const p = row.data[0], *const b = row.data[2];
    const T* const g = row.data[1];
    const int64_t p_step = row.step[0], g_step = row.step[1], b_step = row.step[2];
    if (p_step == 1 && g_step == 1 && b_step == 1) {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) update.element(p[i], g[i], b[i]);
    } else {
      for (int64_t i = 0; i < count; ++i) update.element(p[i * p_step], g[i * g_step], b[i * b_step]);
    }
  }
};

template <class T>
Status run_sgd(const Call& call) {
  const int parameters = (call.in_count - 5) / 3;
  const Sgd<T> update(call.in + 3 * parameters, call.attributes[0].flag(), call.attributes[1].flag());
  update_all<T, 3>(call, parameters, sizeof(T) == 4 ? 0.3 : 0.6, update);
  return Status::ok;
}

// p = p - lr (sign grad + weight_decay p).
template <class T>
struct SgdPlain {
  T sign;
  T lr;
  T weight_decay;

  [[gnu::always_inline]] inline void element(T& p, T grad) const {
    const T raw = sign * grad;
    const T g = weight_decay != 0 ? fma(weight_decay, p, raw) : raw;
    p = fma(-lr, g, p);
  }

  void operator()(const Row<T, 2>& row, int64_t count) const {
    const SgdPlain update = *this;
    T* const p = row.data[0];
    const T* const g = row.data[1];
    const int64_t p_step = row.step[0], g_step = row.step[1];
    if (p_step == 1 && g_step == 1) {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) update.element(p[i], g[i]);
    } else {
      for (int64_t i = 0; i < count; ++i) update.element(p[i * p_step], g[i * g_step]);
    }
  }
};

template <class T>
Status run_sgd_plain(const Call& call) {
  const int parameters = (call.in_count - 2) / 2;
  const View* const scalars = call.in + 2 * parameters;
  const SgdPlain<T> update = {static_cast<T>(call.attributes[0].flag() ? -1 : 1),
                              static_cast<T>(*scalars[0].as<double>()), static_cast<T>(*scalars[1].as<double>())};
  update_all<T, 2>(call, parameters, sizeof(T) == 4 ? 0.2 : 0.4, update);
  return Status::ok;
}

constexpr Run kRows[] = {
    {"adam", floats(run_adam<float>, run_adam<double>)},
    {"sgd", floats(run_sgd<float>, run_sgd<double>)},
    {"sgd_plain", floats(run_sgd_plain<float>, run_sgd_plain<double>)},
};

}  // namespace

extern const Runs optim_runs;
const Runs optim_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
