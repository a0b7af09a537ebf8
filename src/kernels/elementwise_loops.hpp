// Loops over elements, with broadcasting and any strides: out[i] = op(x[i], y[i], ...).
//
// An operation is a struct with a static `apply` on scalars and `kNanoseconds`, its cost for an element. There is one
// loop for each operation and dtype, over operands whose elements are neighbours, which the compiler vectorises.
// Operands with other steps, repeated ones too, go through buffers, a block at a time: a second or third loop for them
// would make the code as many times larger and no faster. An element's result depends on that element's operands alone,
// so neither vector width nor position nor threads can change a bit of it.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#include "core/kernel.hpp"
#include "core/loops.hpp"

namespace minigrad {
namespace {

// How many elements go through a buffer at a time, where some are gathered and where they are only repeated.
constexpr int64_t kBlock = 256, kRepeatedBlock = 64;

// One operand's piece of an innermost row.
template <class T>
class Row {
 public:
  Row(const T* start, int64_t step) : start_(start), step_(step) {}

  bool packed() const { return step_ == 1; }
  bool gathered() const { return step_ != 1 && step_ != 0; }

  // Makes the buffer ready for blocks of at most `size` elements.
  void prepare(int64_t size) {
    if (step_ != 0) return;
    const T value = *start_;
    for (int64_t i = 0; i < size; ++i) buffer_[i] = value;
  }

  // The elements from number `from` on, as neighbours.
  const T* block(int64_t from, int64_t size) {
    if (step_ == 1) return start_ + from;
    for (int64_t i = 0; step_ != 0 && i < size; ++i) buffer_[i] = start_[(from + i) * step_];
    return buffer_;
  }

 private:
  const T* start_;
  int64_t step_;
  T buffer_[kBlock];  // uninitialised: most rows are packed
};

// Calls loop(out, size, x, y, ...) on neighbours until the row is done: at once where all operands are packed and no
// limit is set, else block by block.
template <bool limited = false, class Out, class Loop, class... Xs>
[[gnu::always_inline]] inline void in_blocks(Out* out, int64_t out_step, int64_t count, Loop&& loop, Row<Xs>&... rows) {
  const bool packed = out_step == 1 && (rows.packed() && ...);
  const bool gathered = out_step != 1 || (rows.gathered() || ...);
  const int64_t block = gathered || (packed && limited) ? kBlock : (packed ? count : kRepeatedBlock);
  if (!packed) (rows.prepare(count < block ? count : block), ...);
  Out results[kBlock];
  for (int64_t from = 0; from < count; from += block) {
    const int64_t size = count - from < block ? count - from : block;
    loop(out_step == 1 ? out + from : results, size, rows.block(from, size)...);
    for (int64_t i = 0; out_step != 1 && i < size; ++i) out[(from + i) * out_step] = results[i];
  }
}

template <class Op, class Out, class... Xs>
[[gnu::always_inline]] inline void map_block(Out* out, int64_t size, const Xs*... x) {
#pragma omp simd
  for (int64_t i = 0; i < size; ++i) out[i] = Op::apply(x[i]...);
}

template <int... i>
struct Numbers {};

// Runs visit(out, out_step, count, rows...) over all innermost rows of a call's first output and inputs.
template <class Out, class... Xs, class Visit, int... i>
[[gnu::always_inline]] inline void for_each_row(const Call& call, double nanoseconds, Numbers<i...>, Visit&& visit) {
  const View* const operands[] = {&call.out[0], &call.in[i]...};
  const Nest<sizeof...(Xs) + 1> nest = make_nest(operands);
  const int inner = nest.rank - 1;
  parallel_for(nest.size, nanoseconds, [&](int64_t begin, int64_t end, int) {
    for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
      visit(call.out[0].as<Out>() + offset[0], nest.stride[0][inner], count,
            Row<Xs>(call.in[i].as<Xs>() + offset[i + 1], nest.stride[i + 1][inner])...);
    });
  });
}

template <class Op, class Out, class... Xs, int... i>
Status run_map_of(const Call& call, Numbers<i...> numbers) {
  for_each_row<Out, Xs...>(
      call, Op::kNanoseconds, numbers, [](Out* out, int64_t out_step, int64_t count, Row<Xs>&&... rows) {
        in_blocks(
            out, out_step, count, [](Out* o, int64_t size, const Xs*... x) { map_block<Op>(o, size, x...); }, rows...);
      });
  return Status::ok;
}

template <class Op, class X, class Out = X>
Status run_unary(const Call& call) {
  return run_map_of<Op, Out, X>(call, Numbers<0>{});
}

template <class Op, class X, class Out = X>
Status run_binary(const Call& call) {
  return run_map_of<Op, Out, X, X>(call, Numbers<0, 1>{});
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
