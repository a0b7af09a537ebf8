// Times every kernel of the table.
//
//   bench_kernels [--threads=N] [--size=ROWSxCOLUMNS] [--parallel_threshold=NANOSECONDS] [--reference]
//   [--benchmark_...]
//
// A kernel needs a row or more below, which says how its operands are made. A kernel without a row, a row without a
// kernel and a call that fails are each told on the standard error, and the exit code is 1.
#include <deque>
#include <limits>

#include "bench_common.hpp"

namespace minigrad::bench {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Rows: operands and attributes for a matrix of any size.

// Sizes and integer attributes that are known only when the size and the dtype are chosen.
constexpr int64_t kSymbols = std::numeric_limits<int64_t>::min();
constexpr int64_t kRows = kSymbols + 1;     // R
constexpr int64_t kColumns = kSymbols + 2;  // C
constexpr int64_t kCount = kSymbols + 3;    // R C
constexpr int64_t kDType = kSymbols + 4;    // the code of the dtype that is timed

constexpr Size kReferenceSize = {128, 256};

int64_t resolve(int64_t value, Size size, DType dtype) {
  switch (value) {
    case kRows:
      return size.rows;
    case kColumns:
      return size.columns;
    case kCount:
      return size.rows * size.columns;
    case kDType:
      return static_cast<int64_t>(dtype);
    default:
      return value;
  }
}

using Dims = std::vector<int64_t>;

Dims resolve(const Dims& values, Size size, DType dtype) {
  Dims out;
  for (const int64_t value : values) out.push_back(resolve(value, size, dtype));
  return out;
}

// An input. Its dtype follows from the kernel's `types`; its values lie between low and high, or below bound.
struct Operand {
  std::vector<Dims> shapes = {{kRows, kColumns}};  // more than one only for an input that is a sequence of arrays
  int64_t bound = 2;
  double low = 0.5, high = 1.5;
  bool transposed = false;  // lies with its last two dimensions exchanged in memory
  bool absent = false;      // a sequence that is left out
};

Operand shaped(const Dims& shape) { return {.shapes = {shape}}; }
Operand indices(const Dims& shape, int64_t bound) { return {.shapes = {shape}, .bound = bound}; }
Operand number(double value) { return {.shapes = {{}}, .low = value, .high = value}; }
Operand transposed(const Dims& shape) { return {.shapes = {shape}, .transposed = true}; }
Operand between(double low, double high) { return {.low = low, .high = high}; }

// An attribute: whole numbers, or a real one.
struct Value {
  Dims integers;
  double real = 0;
};

Value whole(int64_t value) { return {.integers = {value}}; }
Value dims(const Dims& values) { return {.integers = values}; }
Value fraction(double value) { return {.integers = {}, .real = value}; }
const Value kYes = whole(1), kNo = whole(0);

struct Row {
  const char* kernel;
  const char* variant;  // tells rows of one kernel apart
  std::vector<Operand> inputs;
  std::vector<Value> attributes = {};
  int64_t inner = 0;  // for products: how many multiply-adds an output takes
};

const Operand kMatrix = {};
const Operand kColumnVector = shaped({kRows, 1}), kRowVector = shaped({1, kColumns}), kScalar = shaped({});

// What a kernel is timed on that has no row of its own: one or two matrices, where it takes no more.
Row usual_row(const Kernel& kernel) {
  const std::string types = kernel.attributes[0].kind == AttributeKind::none ? kernel.types : "";
  if (types == "T") return {kernel.name, "", {between(-2, 2)}};
  if (types == "TT") return {kernel.name, "", {kMatrix, kMatrix}};
  return {};
}

std::vector<Row> elementwise_rows() {
  std::vector<Row> rows;
  for (const char* name : {"log", "sqrt", "bitwise_not"}) rows.push_back({name, "", {kMatrix}});
  rows.push_back({"copy", "", {between(-2, 2)}});
  rows.push_back({"copy", "transposed", {transposed({kRows, kColumns})}});
  rows.push_back({"add", "", {kMatrix, kMatrix}});
  rows.push_back({"add", "row", {kMatrix, kRowVector}});
  rows.push_back({"add", "column", {kMatrix, kColumnVector}});
  rows.push_back({"add", "scalar", {kMatrix, kScalar}});
  rows.push_back({"add", "transposed", {kMatrix, transposed({kRows, kColumns})}});
  for (const char* name : {"where", "clamp", "lerp", "prelu", "safe_product", "safe_quotient"}) {
    rows.push_back({name, "", {kMatrix, kMatrix, kMatrix}});
    rows.push_back({name, "scalars", {kMatrix, kScalar, kScalar}});
  }
  for (const char* name : {"addcmul", "addcdiv"}) rows.push_back({name, "", {kMatrix, kMatrix, kMatrix, kScalar}});
  rows.push_back({"nan_to_num", "", {kMatrix, kScalar, kScalar, kScalar}});
  rows.push_back({"clamp_grad", "scalars", {kMatrix, kMatrix, kScalar, kScalar}, {whole(0)}});
  rows.push_back({"cast", "", {kMatrix}, {whole(static_cast<int64_t>(DType::float32))}});
  return rows;
}

std::vector<Row> function_rows() {
  std::vector<Row> rows;
  for (const char* name :
       {"tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "atanh", "exp2", "expm1", "erf", "erfc", "erfinv"}) {
    rows.push_back({name, "", {between(-0.99, 0.99)}});
  }
  for (const char* name : {"log1p", "log2", "log10", "rsqrt"}) rows.push_back({name, "", {kMatrix}});
  rows.push_back({"acosh", "", {between(1, 3)}});
  return rows;
}

std::vector<Row> activation_rows() {
  const Operand x = between(-2, 2);
  const std::vector<Value> softplus = {fraction(1), fraction(20)}, elu = {fraction(1), fraction(1), fraction(1)};
  const std::vector<Value> line = {fraction(-1), fraction(1), fraction(0), fraction(1), fraction(0), fraction(0)};
  std::vector<Row> rows = {
      {"softplus", "", {x}, softplus}, {"softplus_grad", "", {kMatrix, x}, softplus},
      {"elu", "", {x}, elu},           {"elu_grad", "", {kMatrix, x}, elu},
      {"broken_line", "", {x}, line},  {"broken_line_grad", "", {kMatrix, x}, line},
  };
  rows.push_back({"gate_slope", "", {kMatrix, kMatrix, x}});
  rows.push_back({"glu", "", {shaped({kRows, 2, kColumns})}, {whole(1)}});
  rows.push_back({"glu_grad", "", {shaped({kRows, 1, kColumns}), shaped({kRows, 2, kColumns})}, {whole(1)}});
  rows.push_back({"cut", "", {kMatrix, x}, {fraction(-1), fraction(1), fraction(0)}});
  for (const char* name : {"silu", "gelu", "gelu_tanh", "mish", "hardswish", "softsign"})
    rows.push_back({name, "", {x}});
  for (const char* name :
       {"silu_grad", "gelu_grad", "gelu_tanh_grad", "mish_grad", "hardswish_grad", "softsign_grad"}) {
    rows.push_back({name, "", {kMatrix, x}});
  }
  return rows;
}

std::vector<Row> matmul_rows() {
  const Operand square = shaped({kColumns, kColumns});
  return {
      {"matmul", "", {kMatrix, square}, {}, kColumns},
      {"matmul", "transposed", {kMatrix, transposed({kColumns, kColumns})}, {}, kColumns},
      {"matmul", "vector", {kMatrix, shaped({kColumns, 1})}, {}, kColumns},
      {"linear", "relu", {kMatrix, square, shaped({kColumns})}, {whole(1)}, kColumns},
      {"singular_values", "square", {shaped({64, 64})}},
      {"cdist", "", {kMatrix, kMatrix}, {fraction(2)}, kColumns},
      {"cdist_pull", "", {shaped({kRows, kRows}), kMatrix, kMatrix}, {fraction(2)}, kColumns},
      {"cdist_push", "", {kMatrix, kMatrix, kMatrix}, {fraction(2)}, kColumns},
      {"singular_values", "batch", {shaped({kRows, 8, 4})}},
  };
}

std::vector<Row> reduction_rows() {
  std::vector<Row> rows;
  for (const char* name : {"sum", "mean", "prod", "max", "min"}) {
    const Operand x = between(0.99, 1.01);  // a product of all elements stays a normal number
    rows.push_back({name, "all", {x}, {dims({0, 1}), kNo}});
    rows.push_back({name, "rows", {x}, {dims({1}), kNo}});
    rows.push_back({name, "columns", {x}, {dims({0}), kNo}});
  }
  for (const char* name : {"argmax", "argmin", "max_with_index", "min_with_index"}) {
    rows.push_back({name, "rows", {kMatrix}, {dims({1}), kNo}});
    rows.push_back({name, "columns", {kMatrix}, {dims({0}), kNo}});
  }
  for (const char* name : {"logsumexp", "nansum", "any", "all", "count_nonzero"}) {
    rows.push_back({name, "rows", {kMatrix}, {dims({1}), kNo}});
    rows.push_back({name, "columns", {kMatrix}, {dims({0}), kNo}});
  }
  for (const int64_t dim : {1, 0}) {
    const char* variant = dim == 1 ? "rows" : "columns";
    const Operand& kept = dim == 1 ? kColumnVector : kRowVector;
    rows.push_back({"var_mean", variant, {kMatrix}, {dims({dim}), kNo, fraction(1)}});
    rows.push_back({"norm", variant, {kMatrix}, {dims({dim}), kNo, fraction(2)}});
    rows.push_back({"deviation", variant, {kept, kMatrix, kept}});
    rows.push_back({"exp_difference", variant, {kept, kMatrix, kept}});
    rows.push_back({"share_ties", variant, {kept, kMatrix, kept}, {dims({dim})}});
    rows.push_back({"product_of_others", variant, {kept, between(0.99, 1.01)}, {whole(dim)}});
  }
  for (const auto& [variant, shape] : {std::pair("row", dims({1, kColumns})), std::pair("column", dims({kRows, 1}))}) {
    rows.push_back({"sum_to", variant, {kMatrix}, {shape}});
    rows.push_back({"product_sum_to", variant, {kMatrix, kMatrix}, {shape}});
  }
  return rows;
}

std::vector<Row> loss_rows() {
  const Operand labels = indices({kRows}, kColumns);
  const std::vector<Value> options = {whole(-100), fraction(0.1), whole(1)};
  std::vector<Row> rows = {
      {"cross_entropy", "", {kMatrix, labels}, options},
      {"cross_entropy_grad", "", {kScalar, kMatrix, labels}, options},
      {"nll_loss", "", {kMatrix, kScalar, labels}, {whole(-100), whole(1)}},
      {"nll_loss_grad", "", {kScalar, kScalar, labels}, {whole(-100), whole(1), dims({kRows, kColumns})}},
  };
  for (const char* name : {"mse_loss", "l1_loss", "binary_cross_entropy_with_logits"}) {
    rows.push_back({name, "", {kMatrix, kMatrix}, {whole(1)}});
    rows.push_back({name, "each", {kMatrix, kMatrix}, {whole(0)}});
  }
  rows.push_back({"binary_cross_entropy", "", {between(0.1, 0.9), between(0, 1)}, {whole(1)}});
  for (const char* name : {"smooth_l1_loss", "huber_loss"}) {
    rows.push_back({name, "", {kMatrix, kMatrix}, {whole(1), fraction(0.5)}});
  }
  for (const char* name : {"mse_loss_grad", "l1_loss_grad", "binary_cross_entropy_grad",
                           "binary_cross_entropy_target_grad", "binary_cross_entropy_with_logits_grad"}) {
    rows.push_back({name, "", {kScalar, between(0.1, 0.9), kMatrix}, {whole(1)}});
  }
  for (const char* name : {"smooth_l1_loss_grad", "huber_loss_grad"}) {
    rows.push_back({name, "", {kScalar, kMatrix, kMatrix}, {whole(1), fraction(0.5)}});
  }
  for (const int64_t dim : {1, 0}) {
    const char* variant = dim == 1 ? "rows" : "columns";
    for (const char* name : {"softmax", "log_softmax"}) rows.push_back({name, variant, {kMatrix}, {whole(dim)}});
    for (const char* name : {"softmax_grad", "log_softmax_grad"}) {
      rows.push_back({name, variant, {kMatrix, kMatrix}, {whole(dim)}});
    }
  }
  return rows;
}

std::vector<Row> normalisation_rows() {
  const Operand vector = shaped({kColumns});
  std::vector<Row> rows;
  for (const int64_t groups : {1, 0}) {
    const char* variant = groups == 1 ? "rows" : "columns";
    const std::vector<Value> settings = {fraction(1e-5), whole(groups), kYes};
    rows.push_back({"standardize", variant, {kMatrix, vector, vector}, settings});
    const Operand moment = shaped({groups == 1 ? kRows : kColumns});
    rows.push_back({"standardize_given", variant, {kMatrix, vector, vector, moment, moment}, settings});
    for (const char* name : {"standardize_grad", "standardize_grads"}) {
      rows.push_back({name, variant, {kMatrix, kMatrix, vector, moment, moment}, settings});
    }
    rows.push_back({"standardize_sums", variant, {kMatrix, kMatrix, moment, moment}, settings});
  }
  return rows;
}

std::vector<Row> scan_rows() {
  std::vector<Row> rows;
  for (const int64_t dim : {1, 0}) {
    const char* variant = dim == 1 ? "rows" : "columns";
    rows.push_back({"cumsum", variant, {kMatrix}, {whole(dim), kNo}});
    rows.push_back({"cumprod", variant, {between(0.99, 1.01)}, {whole(dim), kNo, kNo}});
    rows.push_back({"logcumsumexp", variant, {kMatrix}, {whole(dim), kNo}});
    rows.push_back({"linear_recurrence", variant, {between(0.5, 0.9), kMatrix}, {whole(dim), kNo}});
    rows.push_back({"shift", variant, {kMatrix}, {whole(dim), whole(1)}});
  }
  return rows;
}

std::vector<Row> order_rows() {
  const Operand labels = indices({kRows, kColumns}, 100), runs = indices({kRows, 1}, 1);
  std::vector<Row> rows = {
      {"topk", "8", {kMatrix}, {whole(8), whole(1), whole(1), whole(1)}},
      {"topk", "all", {kMatrix}, {whole(kColumns), whole(1), whole(1), whole(1)}},
      {"kthvalue", "", {kMatrix}, {whole(5), whole(1)}},
      {"median", "", {kMatrix}, {whole(1), kNo}},
      {"mode", "", {labels}, {whole(1)}},
      {"nonzero", "", {kMatrix}, {whole(kCount)}},
      {"searchsorted", "", {labels, labels}, {kNo}},
      {"sort_rows", "", {labels}},
      {"run_numbers", "", {labels}},
      {"run_count", "", {labels}},
      {"runs", "", {runs}, {whole(1), kNo, kYes}},
      {"bincount", "", {indices({kCount}, 1000)}, {whole(1000)}},
  };
  for (const int64_t dim : {1, 0}) {
    const char* variant = dim == 1 ? "rows" : "columns";
    rows.push_back({"sort", variant, {kMatrix}, {whole(dim), kNo}});
    rows.push_back({"cummax", variant, {kMatrix}, {whole(dim)}});
    rows.push_back({"cummin", variant, {kMatrix}, {whole(dim)}});
  }
  return rows;
}

std::vector<Row> index_rows() {
  const Operand columns = indices({kRows, kColumns}, kColumns), row_numbers = indices({kRows}, kRows);
  return {
      {"gather", "", {kMatrix, columns}, {whole(1)}},
      {"scatter_add", "", {kMatrix, columns}, {dims({kRows, kColumns}), whole(1)}},
      {"index_rows", "", {kMatrix, row_numbers}},
      {"index_rows_add", "", {kMatrix, row_numbers}, {whole(kRows)}},
      {"add_rows", "", {kMatrix, row_numbers, row_numbers, kScalar}, {whole(kRows)}},
      {"border", "mirrored", {kMatrix}, {dims({3, 5, 2, 2}), whole(1)}},
      {"unslice", "", {kMatrix}, {dims({kRows, kColumns}), dims({0, 0}), dims({1, 1})}},
      {"scatter", "set", {kMatrix, kMatrix, columns}, {whole(1), whole(0)}},
      {"scatter", "sum along columns", {kMatrix, kMatrix, indices({kRows, kColumns}, kRows)}, {whole(0), whole(1)}},
      {"gather_last", "", {kMatrix, columns}, {whole(1)}},
      {"scatter_others", "", {kMatrix, kMatrix, columns}, {whole(1)}},
      {"scatter_shares", "", {kMatrix, kMatrix, kMatrix, columns, kMatrix}, {whole(1)}},
      {"linear_index", "", {columns}, {dims({kColumns})}},
      {"occurrence", "", {columns}, {whole(1), whole(kColumns), kNo}},
  };
}

std::vector<Row> shape_rows() {
  const Operand halves = {.shapes = {{kRows, kColumns}, {kRows, kColumns}}};
  return {
      {"cat", "rows", {halves}, {whole(0), kNo}},
      {"cat", "columns", {halves}, {whole(1), kNo}},
      {"cat", "stacked", {halves}, {whole(0), kYes}},
      {"triangle", "", {kMatrix}, {whole(0), kNo}},
      {"unstride", "", {shaped({kColumns})}, {dims({kColumns, kColumns}), whole(0), dims({1})}},
      {"fold", "", {kMatrix}, {whole(0), whole(1 << 20), whole(1)}},
  };
}

std::vector<Row> random_rows() {
  const Operand key = indices({}, 1000), offset = indices({}, 1000);
  const Value shape = dims({kRows, kColumns});
  return {
      {"uniform", "", {key, offset}, {shape, whole(kDType)}},
      {"normal", "", {key, offset}, {shape, whole(kDType)}},
      {"randint", "", {key, offset}, {whole(0), whole(1000), shape}},
      {"permutation", "", {key, offset}, {whole(kCount)}},
      {"full", "", {number(0.5)}, {shape, whole(kDType)}},
      {"triangle_indices", "", {}, {whole(kRows), whole(kColumns), whole(0), kYes}},
      {"ramp", "", {number(0), number(1), number(1.0 / (kCount - 1))}, {shape, whole(kDType), whole(kCount / 2)}},
  };
}

// Steps over the parameters of a small network.
std::vector<Row> optimiser_rows() {
  const Operand network = {.shapes = {{kRows, kColumns}, {kColumns}, {kColumns, 10}, {10}}};
  const Operand steps = {.shapes = {{}, {}, {}, {}}, .low = 10, .high = 10};
  Operand none = network;
  none.absent = true;
  const Operand lr = number(1e-3), decay = number(1e-4), zero = number(0), most = number(0.9), eps = number(1e-8);
  return {
      {"sgd", "", {network, network, none, lr, zero, zero, decay}, {kNo, kNo}},
      {"sgd", "momentum", {network, network, network, lr, most, zero, decay}, {kNo, kYes}},
      {"adam", "", {network, network, network, network, none, steps, lr, most, most, eps, decay}, {kNo, kNo}},
      {"adam", "amsgrad", {network, network, network, network, network, steps, lr, most, most, eps, decay}, {kNo, kNo}},
      {"nadam", "", {network, network, network, network, steps, steps, lr, most, most, eps, decay, decay}, {kNo, kNo}},
      {"radam", "", {network, network, network, network, steps, lr, most, most, eps, decay}, {kNo, kNo}},
      {"adamax", "", {network, network, network, network, steps, lr, most, most, eps, decay}, {kNo}},
      {"adagrad", "", {network, network, network, steps, lr, zero, eps, decay}, {kNo}},
      {"adadelta", "", {network, network, network, network, steps, lr, most, eps, decay}, {kNo}},
      {"rmsprop", "", {network, network, network, none, none, steps, lr, most, eps, decay, zero}, {kNo}},
      {"rmsprop", "centered", {network, network, network, network, none, steps, lr, most, eps, decay, zero}, {kNo}},
      {"rmsprop", "momentum", {network, network, network, none, network, steps, lr, most, eps, decay, most}, {kNo}},
      {"rmsprop", "both", {network, network, network, network, network, steps, lr, most, eps, decay, most}, {kNo}},
      {"rprop",
       "",
       {network, network, network, network, steps, number(0.5), number(1.2), number(1e-6), number(50)},
       {kNo}},
  };
}

std::vector<Row> all_rows() {
  std::vector<Row> rows;
  for (const auto& family :
       {elementwise_rows(), function_rows(), activation_rows(), matmul_rows(), reduction_rows(), loss_rows(),
        normalisation_rows(), scan_rows(), order_rows(), index_rows(), shape_rows(), random_rows(), optimiser_rows()}) {
    rows.insert(rows.end(), family.begin(), family.end());
  }
  return rows;
}

// ---------------------------------------------------------------------------------------------------------------------
// Calls made from rows.

// What a row's call reads, and the call.
class RowCall {
 public:
  RowCall(const Row& row, const Kernel& kernel, Size size, DType dtype) {
    std::vector<View> views;
    for (size_t i = 0; i < row.inputs.size(); ++i) {
      const Operand& operand = row.inputs[i];
      for (const Dims& shape : operand.shapes) {
        if (operand.absent) {
          views.push_back(View{});
          continue;
        }
        views.push_back(make(operand, resolve(shape, size, dtype), resolve(operand.bound, size, dtype),
                             dtype_of(kernel.types[i], dtype)));
        if (kernel.mutates >> i & 1) written_in_place_ += arrays_.back().bytes();
      }
    }
    std::vector<Attribute> attributes;
    for (size_t i = 0; i < row.attributes.size(); ++i) {
      const bool is_real = kernel.attributes[i].kind == AttributeKind::real;
      const Value& value = row.attributes[i];
      attributes.push_back(is_real ? real(value.real) : integers(resolve(value.integers, size, dtype)));
    }
    call_ = std::make_unique<PreparedCall>(kernel, std::move(views), std::move(attributes));
  }

  const PreparedCall& call() const { return *call_; }
  double bytes_read() const { return static_cast<double>(call_->bytes_read()); }
  double bytes_written() const { return static_cast<double>(call_->bytes_written() + written_in_place_); }

 private:
  static DType dtype_of(char type, DType shared) {
    switch (type) {
      case 'i':
        return DType::int64;
      case 'b':
        return DType::boolean;
      case 'd':
      case 'D':
        return DType::float64;
      default:
        return shared;
    }
  }

  View make(const Operand& operand, Dims shape, int64_t bound, DType dtype) {
    if (operand.transposed) std::swap(shape.end()[-1], shape.end()[-2]);
    Array& array = arrays_.emplace_back(dtype, shape);
    fill(array, operand.low, operand.high, bound);
    View view = array.view;
    if (operand.transposed) {
      std::swap(view.shape[view.rank - 1], view.shape[view.rank - 2]);
      std::swap(view.stride[view.rank - 1], view.stride[view.rank - 2]);
    }
    return view;
  }

  int64_t written_in_place_ = 0;
  std::deque<Array> arrays_;
  std::unique_ptr<PreparedCall> call_;
};

// ---------------------------------------------------------------------------------------------------------------------
// Registration.

const char* dtype_name(DType dtype) { return kDTypeNames[static_cast<int>(dtype)]; }

template <class List>
int count_until_null(const List& list) {
  int count = 0;
  while (list[count] != nullptr) ++count;
  return count;
}

// Why a row cannot belong to its kernel; empty if it can.
std::string mismatch(const Row& row, const Kernel& kernel) {
  int attributes = 0;
  while (kernel.attributes[attributes].kind != AttributeKind::none) ++attributes;
  const int inputs = count_until_null(kernel.inputs);
  if (static_cast<int>(row.inputs.size()) == inputs && static_cast<int>(row.attributes.size()) == attributes) return "";
  return "takes " + std::to_string(inputs) + " inputs and " + std::to_string(attributes) + " attributes, its row has " +
         std::to_string(row.inputs.size()) + " and " + std::to_string(row.attributes.size());
}

void time_row(benchmark::State& state, const Row& row, const Kernel& kernel, RunFunction run, Size size, DType dtype,
              const std::string& name) {
  try {
    const RowCall row_call(row, kernel, size, dtype);
    const PreparedCall& call = row_call.call();
    const double operations =
        2.0 * static_cast<double>(resolve(row.inner, size, dtype) * (row.inner == 0 ? 0 : call.output(0).size()));
    measure(state, {name, row_call.bytes_read(), row_call.bytes_written(), operations, dtype},
            [&] { return call.run(run); });
  } catch (const std::exception& error) {
    report_failure(name + ": " + error.what());
    state.SkipWithError(error.what());
  }
}

void add_benchmark(const Row& row, const Kernel& kernel, RunFunction run, Size size, DType dtype,
                   const std::string& prefix) {
  const std::string variant = *row.variant == '\0' ? "" : std::string("/") + row.variant;
  const std::string name = prefix + kernel.name + variant + "/" + dtype_name(dtype) + "/" + std::to_string(size.rows) +
                           "x" + std::to_string(size.columns);
  benchmark::RegisterBenchmark(name.c_str(), [row, &kernel, run, size, dtype, name](benchmark::State& state) {
    time_row(state, row, kernel, run, size, dtype, name);
  })->UseManualTime();
}

// The dtypes that a kernel is timed in: both floating-point ones, or else the first that it takes.
std::vector<DType> timed_dtypes(const Kernel& kernel) {
  std::vector<DType> dtypes;
  for (const DType dtype : {DType::float32, DType::float64}) {
    if (find_run(kernel, dtype, run_state().isa) != nullptr) dtypes.push_back(dtype);
  }
  for (int i = kDTypeCount - 1; dtypes.empty() && i >= 0; --i) {
    if (find_run(kernel, static_cast<DType>(i), run_state().isa) != nullptr) dtypes.push_back(static_cast<DType>(i));
  }
  return dtypes;
}

void add_row(const Row& row, const Kernel& kernel) {
  if (const std::string text = mismatch(row, kernel); !text.empty()) {
    return report_failure(std::string(kernel.name) + ": " + text);
  }
  for (const DType dtype : timed_dtypes(kernel)) {
    for (const Size size : run_state().sizes) {
      add_benchmark(row, kernel, find_run(kernel, dtype, run_state().isa), size, dtype, "");
    }
    const RunFunction reference = find_reference(kernel)[dtype];
    if (run_state().reference && reference != nullptr) {
      add_benchmark(row, kernel, reference, kReferenceSize, dtype, "reference/");
    }
  }
}

void add_kernel(const Kernel& kernel, const std::vector<Row>& rows) {
  if (timed_dtypes(kernel).empty()) report_failure(std::string(kernel.name) + ": the kernel runs for no dtype");
  bool found = false;
  for (const Row& row : rows) {
    if (std::strcmp(row.kernel, kernel.name) != 0) continue;
    found = true;
    add_row(row, kernel);
  }
  if (found) return;
  const Row usual = usual_row(kernel);
  if (usual.kernel == nullptr) return report_failure(std::string(kernel.name) + ": the kernel has no row");
  add_row(usual, kernel);
}

void check_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    bool found = false;
    for (int n = 0; const Kernel* kernel = kernel_at(n); ++n) found |= std::strcmp(kernel->name, row.kernel) == 0;
    if (!found) report_failure(std::string(row.kernel) + ": the row has no kernel");
  }
}

void add_all() {
  const std::vector<Row> rows = all_rows();
  check_rows(rows);
  for (int n = 0; const Kernel* kernel = kernel_at(n); ++n) add_kernel(*kernel, rows);
}

}  // namespace
}  // namespace minigrad::bench

int main(int argc, char** argv) {
  if (!minigrad::bench::begin_run(argc, argv)) return 2;
  minigrad::bench::add_all();
  return minigrad::bench::end_run();
}
