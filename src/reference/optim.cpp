#include "reference/optim.hpp"

#include <cmath>

#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

// Calls update(elements) for every element of every parameter: its value in each of `lists` lists of arrays, in double,
// rounded and written back afterwards, but for list 1, the gradients.
template <class T, class Update>
void for_elements(const Call& call, int lists, int parameters, Update&& update) {
  for (int i = 0; i < parameters; ++i) {
    const View& param = call.in[i];
    for_each(param, [&](const Position& p) {
      double value[4];
      for (int l = 0; l < lists; ++l) value[l] = element<T>(call.in[l * parameters + i], p, param.rank);
      update(value);
      for (int l = 0; l < lists; ++l) {
        if (l != 1) element<T>(call.in[l * parameters + i], p, param.rank) = static_cast<T>(value[l]);
      }
    });
  }
}

template <class T>
Status adam_of(const Call& call) {
  const int parameters = (call.in_count - 6) / 4;
  double s[6];
  for (int i = 0; i < 6; ++i) s[i] = *call.in[4 * parameters + i].as<double>();
  const double lr = s[0], beta1 = s[1], beta2 = s[2], eps = s[3], decay = s[4], step = s[5];
  const bool decoupled = call.attributes[0].flag(), maximize = call.attributes[1].flag();
  for_elements<T>(call, 4, parameters, [&](double* x) {
    double g = maximize ? -x[1] : x[1];
    if (decoupled) {
      x[0] *= 1 - lr * decay;
    } else if (decay != 0) {
      g += decay * x[0];
    }
    x[2] = beta1 * x[2] + (1 - beta1) * g;
    x[3] = beta2 * x[3] + (1 - beta2) * g * g;
    const double root = std::sqrt(x[3] / (1 - std::pow(beta2, step)));
    x[0] -= lr * (x[2] / (1 - std::pow(beta1, step))) / (root + eps);
  });
  return Status::ok;
}

template <class T>
Status sgd_of(const Call& call) {
  const int parameters = (call.in_count - 5) / 3;
  double s[5];
  for (int i = 0; i < 5; ++i) s[i] = *call.in[3 * parameters + i].as<double>();
  const double lr = s[0], momentum = s[1], dampening = s[2], decay = s[3], first = s[4];
  const bool nesterov = call.attributes[0].flag(), maximize = call.attributes[1].flag();
  for_elements<T>(call, 3, parameters, [&](double* x) {
    double g = maximize ? -x[1] : x[1];
    if (decay != 0) g += decay * x[0];
    x[2] = first != 0 ? g : momentum * x[2] + (1 - dampening) * g;
    x[0] -= lr * (nesterov ? g + momentum * x[2] : x[2]);
  });
  return Status::ok;
}

template <class T>
Status sgd_plain_of(const Call& call) {
  const int parameters = (call.in_count - 2) / 2;
  const double lr = *call.in[2 * parameters].as<double>();
  const double decay = *call.in[2 * parameters + 1].as<double>();
  for_elements<T>(call, 2, parameters, [&](double* x) {
    double g = call.attributes[0].flag() ? -x[1] : x[1];
    if (decay != 0) g += decay * x[0];
    x[0] -= lr * g;
  });
  return Status::ok;
}

}  // namespace

const RunsByDType adam = floats(adam_of<float>, adam_of<double>);
const RunsByDType sgd = floats(sgd_of<float>, sgd_of<double>);
const RunsByDType sgd_plain = floats(sgd_plain_of<float>, sgd_plain_of<double>);

}  // namespace minigrad::reference
