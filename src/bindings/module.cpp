// The extension module minigrad._core: it registers, and does nothing else.
#include <pybind11/pybind11.h>

#include <cstdlib>

#define MINIGRAD_IMPORTS_NUMPY
#include "bindings/arguments.hpp"
#include "bindings/commons.hpp"
#include "bindings/deflection.hpp"
#include "bindings/generator.hpp"
#include "bindings/in_place.hpp"
#include "bindings/items.hpp"
#include "bindings/kernel_type.hpp"
#include "bindings/layouts.hpp"
#include "bindings/lending.hpp"
#include "bindings/modes.hpp"
#include "bindings/node.hpp"
#include "bindings/objects.hpp"
#include "bindings/operation.hpp"
#include "bindings/parameters.hpp"
#include "bindings/promotion.hpp"
#include "bindings/sweep.hpp"
#include "bindings/unindex.hpp"
#include "bindings/views.hpp"
#include "core/parallel.hpp"
#include "core/quota.hpp"

namespace py = pybind11;

namespace minigrad {
namespace {

// The instruction set named, or an error that lists the names this machine can run.
Isa isa_named(const std::string& name) {
  std::string known;
  for (int i = 0; i < kIsaCount; ++i) {
    const Isa isa = static_cast<Isa>(i);
    if (!isa_supported(isa)) continue;
    if (name == kIsaNames[i]) return isa;
    known += (known.empty() ? "" : ", ") + std::string(kIsaNames[i]);
  }
  throw py::value_error("instruction set '" + name + "' is not among those that this machine can run: " + known);
}

// What MINIGRAD_ISA asks for, or the best that this machine can run.
Isa chosen_isa() {
  const char* const wanted = std::getenv("MINIGRAD_ISA");
  return wanted != nullptr && *wanted != '\0' ? isa_named(wanted) : best_isa();
}

py::dict kernels_of(Isa isa) {
  py::dict kernels;
  for (int n = 0; const Kernel* kernel = kernel_at(n); ++n) {
    PyObject* const object = new_kernel_object(*kernel, isa);
    if (object == nullptr) throw py::error_already_set();
    kernels[kernel->name] = py::reinterpret_steal<py::object>(object);
  }
  return kernels;
}

py::list isa_names(bool (*keep)(Isa)) {
  py::list names;
  for (int i = 0; i < kIsaCount; ++i) {
    if (keep(static_cast<Isa>(i))) names.append(kIsaNames[i]);
  }
  return names;
}

py::dict build_info(Isa isa) {
  py::dict info;
  info["compiler"] = MINIGRAD_COMPILER;
  info["isa"] = kIsaNames[static_cast<int>(isa)];
  info["isa_built"] = isa_names(isa_built);
  info["isa_supported"] = isa_names(isa_supported);
  info["promised_bits"] = isa_promised_bits(isa);
  return info;
}

py::dict memory_statistics() {
  const PoolStatistics statistics = pool_statistics();
  py::dict out;
  out["in_use"] = statistics.in_use;
  out["peak"] = statistics.peak;
  out["cached"] = statistics.cached;
  out["limit"] = statistics.limit;
  return out;
}

// NumPy's macro returns from the function it stands in.
bool import_numpy() {
  import_array1(false);
  return true;
}

// What the graph consists of, and what works on it; false with an exception set.
bool add_engine(PyObject* module) {
  return add_object_types(module) && add_type(module, "NodeBase", make_node_type()) &&
         add_type(module, "Operation", make_operation_type()) &&
         add_type(module, "GeneratorBase", make_generator_type()) && add_type(module, "ModeBase", make_mode_type()) &&
         add_type(module, "Deflection", make_deflection_type(false)) &&
         add_type(module, "MethodDeflection", make_deflection_type(true)) && add_mode_functions(module) &&
         add_view_functions(module) && add_lending_functions(module) && add_layout_functions(module) &&
         add_sweep_function(module) && add_parameter_functions(module) && add_in_place_functions(module) &&
         add_commons_functions(module) && add_item_functions(module) && add_promotion_functions(module) &&
         add_argument_functions(module) && add_unindex_function(module);
}

}  // namespace
}  // namespace minigrad

PYBIND11_MODULE(_core, m) {
  using namespace minigrad;
  if (!import_numpy()) throw py::error_already_set();
  m.doc() = "The compiled kernels of minigrad.";
  PyObject* const type = make_kernel_type();
  if (type == nullptr) throw py::error_already_set();
  if (!add_engine(m.ptr())) throw py::error_already_set();
  m.attr("Kernel") = py::reinterpret_borrow<py::object>(type);
  const Isa isa = chosen_isa();
  m.attr("kernels") = kernels_of(isa);
  m.attr("SHARED") = kShared;
  m.attr("build_info") = build_info(isa);
  m.def("kernels_for", [](const std::string& name) { return kernels_of(isa_named(name)); }, py::arg("isa"));
  m.def("cores_of_quota", &cores_of_quota, py::arg("root"));
  m.def("get_num_threads", &get_num_threads);
  m.def("set_num_threads", &set_num_threads, py::arg("threads"));
  m.def("get_parallel_threshold", &get_parallel_threshold);
  m.def("set_parallel_threshold", &set_parallel_threshold, py::arg("nanoseconds"));
  m.def("memory_statistics", &memory_statistics);
  m.def("empty_cache", &pool_empty_cache);
  m.def("reset_peak", &pool_reset_peak);
  m.def("set_cache_limit", &pool_set_limit, py::arg("bytes"));
}
