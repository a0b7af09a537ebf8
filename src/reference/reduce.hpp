// Naive reductions.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType sum, mean, prod, max, min, sum_to;
extern const RunsByDType argmax, argmin, max_with_index, min_with_index;
extern const RunsByDType var_mean, logsumexp, norm, nansum, deviation, exp_difference, share_ties, product_of_others;
extern const RunsByDType any, all, count_nonzero;

}  // namespace minigrad::reference
