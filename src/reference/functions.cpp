#include "reference/functions.hpp"

#include <algorithm>
#include <cmath>

#include "reference/map.hpp"

namespace minigrad::reference {
namespace {

double log_of_sum(double x, double y) {
  if (x == y) return x + std::log(2.0);
  return std::max(x, y) + std::log1p(std::exp(-std::fabs(x - y)));
}

}  // namespace

const RunsByDType tan = float1<[](double x) { return std::tan(x); }>();
const RunsByDType asin = float1<[](double x) { return std::asin(x); }>();
const RunsByDType acos = float1<[](double x) { return std::acos(x); }>();
const RunsByDType atan = float1<[](double x) { return std::atan(x); }>();
const RunsByDType sinh = float1<[](double x) { return std::sinh(x); }>();
const RunsByDType cosh = float1<[](double x) { return std::cosh(x); }>();
const RunsByDType asinh = float1<[](double x) { return std::asinh(x); }>();
const RunsByDType acosh = float1<[](double x) { return std::acosh(x); }>();
const RunsByDType atanh = float1<[](double x) { return std::atanh(x); }>();
const RunsByDType exp2 = float1<[](double x) { return std::exp2(x); }>();
const RunsByDType expm1 = float1<[](double x) { return std::expm1(x); }>();
const RunsByDType log1p = float1<[](double x) { return std::log1p(x); }>();
const RunsByDType log2 = float1<[](double x) { return std::log2(x); }>();
const RunsByDType log10 = float1<[](double x) { return std::log10(x); }>();
const RunsByDType rsqrt = float1<[](double x) { return 1 / std::sqrt(x); }>();
const RunsByDType erf = float1<[](double x) { return std::erf(x); }>();

const RunsByDType atan2 = float2<[](double x, double y) { return std::atan2(x, y); }>();
const RunsByDType hypot = float2<[](double x, double y) { return std::hypot(x, y); }>();
const RunsByDType logaddexp = float2<[](double x, double y) { return x != x ? x : (y != y ? y : log_of_sum(x, y)); }>();
const RunsByDType xlogy = float2<[](double x, double y) { return x == 0 && y == y ? 0 : x * std::log(y); }>();
const RunsByDType difference = float2<[](double x, double y) { return x == y ? 0 : x - y; }>();

}  // namespace minigrad::reference
