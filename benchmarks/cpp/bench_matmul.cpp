// Times the matrix products at the sizes that training small networks and large square products ask for.
//
//   bench_matmul [--threads=N] [--parallel_threshold=NANOSECONDS] [--reference] [--benchmark_...]
//
// A name reads <kernel>/<dtype>/<m>x<k>x<n>[/A][/B]: (m, k) times (k, n), A and B where an operand lies with its
// columns contiguous in memory, as a transposed one does and as linear's (out, in) weight does.
#include "bench_common.hpp"

namespace minigrad::bench {
namespace {

struct ProductSize {
  const char* kernel;
  int64_t m, k, n;
  bool a_columns = false, b_columns = false;
};

constexpr ProductSize kSizes[] = {
    // A step of a 64-64-10 network on 32 rows: forward, then the gradients of inputs and weights.
    {"linear", 32, 64, 64, false, true},
    {"linear", 32, 64, 10, false, true},
    {"matmul", 32, 10, 64},
    {"matmul", 10, 32, 64, true},
    {"matmul", 32, 64, 64},
    {"matmul", 64, 32, 64, true},
    // The same for wider layers.
    {"linear", 128, 784, 256, false, true},
    {"matmul", 256, 128, 784, true},
    {"matmul", 128, 256, 784},
    {"linear", 512, 784, 1024, false, true},
    {"matmul", 1024, 512, 784, true},
    {"matmul", 1024, 4096, 1000},
    // Thin ones.
    {"linear", 1, 64, 64, false, true},
    {"matmul", 1, 1024, 1024},
    {"linear", 1, 1024, 1024, false, true},
    {"matmul", 1024, 1024, 1},
    {"matmul", 1024, 1024, 1, true},
    {"matmul", 1000, 64, 4},
    {"matmul", 2, 2, 2},
    {"matmul", 8, 8, 8},
    {"matmul", 100, 16, 16},
    // Square ones.
    {"matmul", 256, 256, 256},
    {"matmul", 512, 512, 512},
    {"matmul", 1000, 1000, 1000},
    {"matmul", 1024, 1024, 1024},
    {"matmul", 1024, 1024, 1024, true, false},
    {"matmul", 1024, 1024, 1024, false, true},
    {"matmul", 1024, 1024, 1024, true, true},
    {"matmul", 2048, 2048, 2048},
};

const Kernel* find_kernel(const std::string& name) {
  for (int i = 0; kernel_at(i) != nullptr; ++i) {
    if (name == kernel_at(i)->name) return kernel_at(i);
  }
  return nullptr;
}

View exchanged(View view) {
  std::swap(view.shape[0], view.shape[1]);
  std::swap(view.stride[0], view.stride[1]);
  return view;
}

// A matrix of the shape given; its columns are contiguous where `columns` says so.
class Matrix {
 public:
  Matrix(DType dtype, int64_t rows, int64_t width, bool columns)
      : array_(dtype, columns ? std::vector<int64_t>{width, rows} : std::vector<int64_t>{rows, width}),
        view_(columns ? exchanged(array_.view) : array_.view) {
    fill(array_, -1, 1, 2);
  }
  const View& view() const { return view_; }

 private:
  Array array_;
  View view_;
};

// A product's operands and the call.
class Product {
 public:
  Product(const Kernel& kernel, const ProductSize& size, DType dtype)
      : linear_(std::strcmp(size.kernel, "linear") == 0),
        a_(dtype, size.m, size.k, size.a_columns),
        b_(dtype, size.k, size.n, size.b_columns),
        bias_(dtype, {size.n}),
        call_(kernel, inputs(), {integer(1)}) {}
  Status run(RunFunction function) const { return call_.run(function); }
  int64_t bytes_read() const { return call_.bytes_read(); }
  int64_t bytes_written() const { return call_.bytes_written(); }

 private:
  std::vector<View> inputs() const {
    if (linear_) return {a_.view(), exchanged(b_.view()), bias_.view};
    return {a_.view(), b_.view()};
  }

  bool linear_;
  Matrix a_, b_;
  Array bias_;
  PreparedCall call_;
};

std::string name_of(const ProductSize& size, DType dtype) {
  std::string name = std::string(size.kernel) + "/" + kDTypeNames[static_cast<int>(dtype)] + "/";
  name += std::to_string(size.m) + "x" + std::to_string(size.k) + "x" + std::to_string(size.n);
  return name + (size.a_columns ? "/A" : "") + (size.b_columns ? "/B" : "");
}

void time_product(benchmark::State& state, const ProductSize& size, DType dtype, bool reference) {
  const Kernel* const kernel = find_kernel(size.kernel);
  const RunFunction run = reference ? find_reference(*kernel)[dtype] : find_run(*kernel, dtype, run_state().isa);
  const Product product(*kernel, size, dtype);
  const double operations =
      2.0 * static_cast<double>(size.m) * static_cast<double>(size.k) * static_cast<double>(size.n);
  const Work work = {name_of(size, dtype), static_cast<double>(product.bytes_read()),
                     static_cast<double>(product.bytes_written()), operations, dtype};
  measure(state, work, [&] { return product.run(run); });
}

// A naive product takes a second for every 10^9 multiplications.
constexpr int64_t kMostForReference = 100'000'000;

void register_products() {
  for (const bool reference : {false, true}) {
    if (reference && !run_state().reference) return;
    for (const DType dtype : {DType::float32, DType::float64}) {
      for (const ProductSize& size : kSizes) {
        if (reference && size.m * size.k * size.n > kMostForReference) continue;
        const std::string name = name_of(size, dtype) + (reference ? "/reference" : "");
        const auto body = [&size, dtype, reference](benchmark::State& state) {
          time_product(state, size, dtype, reference);
        };
        benchmark::RegisterBenchmark(name.c_str(), body)->UseManualTime();
      }
    }
  }
}

}  // namespace
}  // namespace minigrad::bench

int main(int argc, char** argv) {
  if (!minigrad::bench::begin_run(argc, argv)) return 2;
  minigrad::bench::register_products();
  return minigrad::bench::end_run();
}
