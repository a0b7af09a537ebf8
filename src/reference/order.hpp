// Naive sorting and searching.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType sort, topk, kthvalue, median, mode, cummax, cummin;
extern const RunsByDType nonzero_count, nonzero, searchsorted, sort_rows, run_numbers, run_starts, bincount;

}  // namespace minigrad::reference
