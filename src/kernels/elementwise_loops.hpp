// Loops over elements, with broadcasting and any strides: out[i] = Op::apply(x[i], y[i], ...).
//
// An operation is a struct with a static `apply` on scalars and `kNanoseconds`, its cost for an element. The innermost
// row is a plain loop, written once for each pattern of steps (all operands contiguous, one of them a repeated scalar,
// anything else) so that the compiler vectorises it. An element's result depends on that element's operands alone, so
// neither vector width nor position nor threads can change a bit of it.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#include "core/kernel.hpp"
#include "core/loops.hpp"

namespace minigrad {
namespace {

template <class Op, class X, class Out>
inline void unary_row(Out* out, int64_t out_step, const X* x, int64_t x_step, int64_t count) {
  if (out_step == 1 && x_step == 1) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) out[i] = Op::apply(x[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) out[i * out_step] = Op::apply(x[i * x_step]);
  }
}

template <class Op, class X, class Out = X>
Status run_unary(const Call& call) {
  const View* const operands[] = {&call.out[0], &call.in[0]};
  const Nest<2> nest = make_nest(operands);
  const int inner = nest.rank - 1;
  parallel_for(nest.size, Op::kNanoseconds, [&](int64_t begin, int64_t end, int) {
    for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
      unary_row<Op>(call.out[0].as<Out>() + offset[0], nest.stride[0][inner], call.in[0].as<X>() + offset[1],
                    nest.stride[1][inner], count);
    });
  });
  return Status::ok;
}

template <class Op, class X, class Out>
inline void binary_row(Out* out, int64_t out_step, const X* x, int64_t x_step, const X* y, int64_t y_step,
                       int64_t count) {
  if (out_step == 1 && x_step == 1 && y_step == 1) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) out[i] = Op::apply(x[i], y[i]);
  } else if (out_step == 1 && x_step == 1 && y_step == 0) {
    const X scalar = *y;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) out[i] = Op::apply(x[i], scalar);
  } else if (out_step == 1 && x_step == 0 && y_step == 1) {
    const X scalar = *x;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) out[i] = Op::apply(scalar, y[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) out[i * out_step] = Op::apply(x[i * x_step], y[i * y_step]);
  }
}

template <class Op, class X, class Out = X>
Status run_binary(const Call& call) {
  const View* const operands[] = {&call.out[0], &call.in[0], &call.in[1]};
  const Nest<3> nest = make_nest(operands);
  const int inner = nest.rank - 1;
  parallel_for(nest.size, Op::kNanoseconds, [&](int64_t begin, int64_t end, int) {
    for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
      binary_row<Op>(call.out[0].as<Out>() + offset[0], nest.stride[0][inner], call.in[0].as<X>() + offset[1],
                     nest.stride[1][inner], call.in[1].as<X>() + offset[2], nest.stride[2][inner], count);
    });
  });
  return Status::ok;
}

// ---------------------------------------------------------------------------------------------------------------------
// Any number of operands, of types of their own: out[i] = op(x[i], y[i], z[i], ...).
//
// There is a loop over operands whose elements are neighbours, and one for each number of repeated ones at the end, as
// of the bounds of clamp. Operands with other steps are read through buffers, a block at a time.

constexpr int64_t kMapBlock = 512;

template <class T>
struct Repeated {
  T value;
  T operator[](int64_t) const { return value; }
};

template <class T>
class Row {
 public:
  Row(const T* start, int64_t step) : start_(start), step_(step) {}

  bool packed() const { return step_ == 1; }
  bool repeated() const { return step_ == 0; }

  template <bool is_packed>
  auto elements() const {
    if constexpr (is_packed) {
      return start_;
    } else {
      return Repeated<T>{*start_};
    }
  }

  // For a row that is not packed: makes the buffer ready for blocks of at most `size` elements.
  void prepare(int64_t size) {
    for (int64_t i = 0; step_ == 0 && i < size; ++i) buffer_[i] = *start_;
  }

  const T* block(int64_t from, int64_t size) {
    if (step_ == 1) return start_ + from;
    for (int64_t i = 0; step_ != 0 && i < size; ++i) buffer_[i] = start_[(from + i) * step_];
    return buffer_;
  }

 private:
  const T* start_;
  int64_t step_;
  T buffer_[kMapBlock];
};

template <class Op, class Out, class... Elements>
inline void map_block(Out* out, int64_t size, Elements... x) {
#pragma omp simd
  for (int64_t i = 0; i < size; ++i) out[i] = Op::apply(x[i]...);
}

template <int... i>
struct Numbers {};

// Whether the first `packed` rows are packed and the others repeated; if so, computes them.
template <int packed, class Op, class Out, class... Xs, int... i>
bool map_repeated(Out* out, int64_t count, Numbers<i...>, const Row<Xs>&... rows) {
  if (!((i < packed ? rows.packed() : rows.repeated()) && ...)) return false;
  map_block<Op>(out, count, rows.template elements<(i < packed)>()...);
  return true;
}

template <class Op, class Out, class... Xs, int... i>
void map_row(Out* out, int64_t out_step, int64_t count, Numbers<i...> numbers, Row<Xs>... rows) {
  if (out_step == 1 && (map_repeated<i + 1, Op>(out, count, numbers, rows...) || ...)) return;
  (rows.prepare(count < kMapBlock ? count : kMapBlock), ...);
  Out results[kMapBlock];
  for (int64_t from = 0; from < count; from += kMapBlock) {
    const int64_t size = count - from < kMapBlock ? count - from : kMapBlock;
    map_block<Op>(out_step == 1 ? out + from : results, size, rows.block(from, size)...);
    for (int64_t k = 0; out_step != 1 && k < size; ++k) out[(from + k) * out_step] = results[k];
  }
}

template <class Op, class Out, class... Xs, int... i>
Status run_map_of(const Call& call, Numbers<i...> numbers) {
  const View* const operands[] = {&call.out[0], &call.in[i]...};
  const Nest<sizeof...(Xs) + 1> nest = make_nest(operands);
  const int inner = nest.rank - 1;
  parallel_for(nest.size, Op::kNanoseconds, [&](int64_t begin, int64_t end, int) {
    for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
      map_row<Op>(call.out[0].as<Out>() + offset[0], nest.stride[0][inner], count, numbers,
                  Row<Xs>(call.in[i].as<Xs>() + offset[i + 1], nest.stride[i + 1][inner])...);
    });
  });
  return Status::ok;
}

template <class Op, class Out, class X, class Y, class Z>
Status run_map(const Call& call) {
  return run_map_of<Op, Out, X, Y, Z>(call, Numbers<0, 1, 2>{});
}

template <class Op, class Out, class X, class Y, class Z, class W>
Status run_map(const Call& call) {
  return run_map_of<Op, Out, X, Y, Z, W>(call, Numbers<0, 1, 2, 3>{});
}

}  // namespace
}  // namespace minigrad
