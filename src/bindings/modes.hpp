// Whether a thread records a graph, and whether it is in inference mode.
#pragma once

#include "bindings/array.hpp"

namespace minigrad {

inline thread_local bool t_grad_enabled = true;

// Whether this thread records a graph.
static inline bool is_recording() { return t_grad_enabled && !t_inference; }

// Whether an array was made in inference mode, which this thread is not in: then it must not be changed, nor saved.
static inline bool is_out_of_inference(PyObject* array) {
  return g_inference_arrays > 0 && !t_inference && is_inference_array(array);
}

// Raises, in the name of an operation, for an array that must not be saved for a backward pass; always false.
bool refuse_to_save(PyObject* name, PyObject* array);

// Sets whether this thread records, as long as it lives.
class GradMode {
 public:
  explicit GradMode(bool enabled) : before_(t_grad_enabled) { t_grad_enabled = enabled; }
  ~GradMode() { t_grad_enabled = before_; }
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;

 private:
  bool before_;
};

// The thread is not in inference mode, as long as it lives.
class OutsideInference {
 public:
  OutsideInference() : before_(t_inference) { t_inference = false; }
  ~OutsideInference() { t_inference = before_; }
  OutsideInference(const OutsideInference&) = delete;
  OutsideInference& operator=(const OutsideInference&) = delete;

 private:
  bool before_;
};

// The base of contexts that set modes, and of those that change anything else: `minigrad._core.ModeBase`.
PyObject* make_mode_type();

// Adds the functions to the module; false with an exception set.
bool add_mode_functions(PyObject* module);

}  // namespace minigrad
