// Naive indexing.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType gather, scatter_add, index_rows, index_rows_add, unslice;

}  // namespace minigrad::reference
