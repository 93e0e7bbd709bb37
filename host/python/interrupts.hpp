#pragma once

#include <nanobind/nanobind.h>

namespace countem::python {

/// Lets Ctrl-C and other signals act: call it now and then in work that has released the GIL.
/// @throws nanobind::python_error with what a signal's handler raised, as KeyboardInterrupt
inline void check_signals() {
  const nanobind::gil_scoped_acquire held;
  if (PyErr_CheckSignals() != 0) throw nanobind::python_error();
}

}  // namespace countem::python
