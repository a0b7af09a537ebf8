// Naive indexing.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType gather, index_rows, index_rows_add, add_rows, unslice;
extern const RunsByDType scatter, scatter_add, gather_last, scatter_others, scatter_shares, linear_index, occurrence;

}  // namespace minigrad::reference
