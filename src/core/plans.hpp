// What plans share: checks and shape arithmetic. Every message opens with the operation and quotes the shapes.
#pragma once

#include <string>

#include "core/kernel.hpp"

namespace minigrad {

// "(3, 4)", as Python writes a tuple.
std::string shape_text(const View& view);

// Throws Error(kind, "<operation>: <message>").
[[noreturn]] void fail(const Plan& plan, ErrorKind kind, const std::string& message);

// `dim` counted from the end where negative. Throws an IndexError: "sum: dim 3 out of range for shape (2, 4)".
int normalise_dim(const Plan& plan, const View& view, int64_t dim);

// Writes the shape that `views` broadcast to into out. Throws: "add: shapes (3,) and (4,) do not broadcast".
void broadcast_shape(const Plan& plan, const View* const* views, int count, View& out);

// Writes the shape that an attribute names into out.
void shape_attribute(const Plan& plan, const Attribute& shape, View& out);

// `dim` as it is, which counts from the front. Throws an IndexError where there is none among so many.
int checked_dim(const Plan& plan, int64_t dim, int rank);

// out gets x's shape and the dtype given.
void copy_shape(const View& x, DType dtype, View& out);

}  // namespace minigrad
