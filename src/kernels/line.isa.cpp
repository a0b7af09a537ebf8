// Activations made of straight pieces, and their derivatives, in floating point: memory is what they wait for.
#include "kernels/activation_loops.hpp"
#include "kernels/activation_ops.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

using math::equal;

// ---------------------------------------------------------------------------------------------------------------------
// Three straight pieces, joined at low and high: between (x + shift) with x limited to [low, high], and what leads on
// from there with the slopes below and above.

template <class T>
struct BrokenLine {
  explicit BrokenLine(const Attribute* attributes)
      : low(static_cast<T>(attributes[0].real)),
        high(static_cast<T>(attributes[1].real)),
        below(static_cast<T>(attributes[2].real)),
        between(static_cast<T>(attributes[3].real)),
        above(static_cast<T>(attributes[4].real)),
        shift(static_cast<T>(attributes[5].real)) {}
  template <class V>
  [[gnu::always_inline]] inline V operator()(V x) const {
    const V zero = all<V>(0), inside = limited(x, low, high), outside = x - inside;
    const V slope = select(math::below(outside, zero), all<V>(below), all<V>(above));
    return all<V>(between) * (inside + all<V>(shift)) + select(equal(slope, zero), zero, slope * outside);
  }
  T low, high, below, between, above, shift;
};

// The line where it is level outside of the middle piece.
template <class T>
struct Level : BrokenLine<T> {
  using BrokenLine<T>::BrokenLine;
  template <class V>
  [[gnu::always_inline]] inline V operator()(V x) const {
    return all<V>(this->between) * (limited(x, this->low, this->high) + all<V>(this->shift));
  }
};

// The line where it is bent at 0 only, and level nowhere.
template <class T>
struct Bent : BrokenLine<T> {
  using BrokenLine<T>::BrokenLine;
  template <class V>
  [[gnu::always_inline]] inline V operator()(V x) const {
    return select(math::above(x, all<V>(0)), all<V>(this->above), all<V>(this->below)) * x;
  }
};

constexpr int kCost = 90;

template <class T>
Status run_line(const Call& call) {
  const BrokenLine<T> line(call.attributes);
  if (line.below == 0 && line.above == 0) return run_value<Level<T>, T, kCost>(call);
  const bool at_0 = line.low == 0 && line.high == 0 && line.shift == 0;
  if (at_0 && line.below != 0 && line.above != 0) return run_value<Bent<T>, T, kCost>(call);
  return run_value<BrokenLine<T>, T, kCost>(call);
}

// At a joint the smaller one of the two slopes counts; but the slope below where the line is straight up to the last
// one.
template <class T>
struct BrokenLineGrad : BrokenLine<T> {
  explicit BrokenLineGrad(const Attribute* attributes)
      : BrokenLine<T>(attributes),
        first(math::abs(this->below) < math::abs(this->between) ? above_of(this->low) : this->low),
        last(this->below != this->between && math::abs(this->above) < math::abs(this->between) ? -above_of(-this->high)
                                                                                               : this->high) {}
  // The next number, infinity after infinity.
  static T above_of(T x) {
    const auto bits = __builtin_bit_cast(math::UInt<T>, x == 0 ? T{0} : x);
    if (x != x || x == math::kInf<T>) return x;
    return __builtin_bit_cast(T, x < 0 ? bits - 1 : bits + 1);
  }
  template <class V>
  [[gnu::always_inline]] inline V operator()(V g, V x) const {
    const V right = select(math::above(x, all<V>(last)), all<V>(this->above), all<V>(this->between));
    const V slope = select(math::below(x, all<V>(first)), all<V>(this->below), right), zero = all<V>(0);
    return select(equal(slope, zero), zero, g * slope);
  }
  T first, last;  // where the piece between begins and ends, the joints being its own or not
};

// ---------------------------------------------------------------------------------------------------------------------
// y, but a value where x lies between low and high, or is one of them.

template <class T>
struct Cut {
  explicit Cut(const Attribute* attributes)
      : low(static_cast<T>(attributes[0].real)),
        high(static_cast<T>(attributes[1].real)),
        value(static_cast<T>(attributes[2].real)) {}
  template <class V>
  [[gnu::always_inline]] inline V operator()(V y, V x) const {
    return select(math::at_least(x, all<V>(low)) & math::at_least(all<V>(high), x), all<V>(value), y);
  }
  T low, high, value;
};

// ---------------------------------------------------------------------------------------------------------------------
// hardswish(x) = x s(x), s(x) = (x + 3) / 6, but at least 0 and at most 1.

template <class T>
struct HardSwish : Plain {
  using Plain::Plain;
  static constexpr T kSixth = T{1} / 6;
  template <class V>
  [[gnu::always_inline]] static inline V gate(V x) {
    return all<V>(kSixth) * (limited(x, T{-3}, T{3}) + all<V>(3));
  }
  template <class V>
  [[gnu::always_inline]] inline V operator()(V x) const {
    return limited(x, T{-3}, math::kInf<T>) * gate(x);
  }
};

// hardswish'(x) = s(x) + x / 6 between -3 and 3, else s(x); what is infinite does not pass where that is 0.
template <class T>
struct HardSwishGrad : Plain {
  using Plain::Plain;
  template <class V>
  [[gnu::always_inline]] inline V operator()(V g, V x) const {
    const V s = HardSwish<T>::gate(x), inside = fma(x, all<V>(HardSwish<T>::kSixth), s), zero = all<V>(0);
    const V slope = select(math::below(math::abs(x), all<V>(3)), inside, s);
    return select(equal(slope, zero), zero, g * slope);
  }
};

// ---------------------------------------------------------------------------------------------------------------------

constexpr Run kRows[] = {
    {"broken_line", floats(run_line<float>, run_line<double>)},
    {"broken_line_grad",
     floats(run_pair<BrokenLineGrad<float>, float, kCost>, run_pair<BrokenLineGrad<double>, double, kCost>)},
    {"cut", floats(run_pair<Cut<float>, float, kCost>, run_pair<Cut<double>, double, kCost>)},
    {"hardswish", value<HardSwish, kCost>()},
    {"hardswish_grad", derivative<HardSwishGrad, kCost>()},
};

}  // namespace

extern const Runs line_runs;
const Runs line_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
