// Naive sorting and searching.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType sort, topk, kthvalue, median, mode, cummax, cummin;
extern const RunsByDType nonzero_count, nonzero, searchsorted, sort_rows, run_count, run_numbers, runs, bincount;

}  // namespace minigrad::reference
