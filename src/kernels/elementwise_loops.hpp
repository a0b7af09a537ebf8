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

// out = condition ? x : y.
template <class T>
inline void where_row(T* out, int64_t out_step, const bool* condition, int64_t condition_step, const T* x,
                      int64_t x_step, const T* y, int64_t y_step, int64_t count) {
  if (out_step == 1 && condition_step == 1 && x_step == 1 && y_step == 1) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) out[i] = condition[i] ? x[i] : y[i];
  } else if (out_step == 1 && condition_step == 1 && x_step == 1 && y_step == 0) {
    const T scalar = *y;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) out[i] = condition[i] ? x[i] : scalar;
  } else {
    for (int64_t i = 0; i < count; ++i) {
      out[i * out_step] = condition[i * condition_step] ? x[i * x_step] : y[i * y_step];
    }
  }
}

template <class T>
Status run_where(const Call& call) {
  const View* const operands[] = {&call.out[0], &call.in[0], &call.in[1], &call.in[2]};
  const Nest<4> nest = make_nest(operands);
  const int inner = nest.rank - 1;
  parallel_for(nest.size, 0.2, [&](int64_t begin, int64_t end, int) {
    for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
      where_row(call.out[0].as<T>() + offset[0], nest.stride[0][inner], call.in[0].as<bool>() + offset[1],
                nest.stride[1][inner], call.in[1].as<T>() + offset[2], nest.stride[2][inner],
                call.in[2].as<T>() + offset[3], nest.stride[3][inner], count);
    });
  });
  return Status::ok;
}

}  // namespace
}  // namespace minigrad
