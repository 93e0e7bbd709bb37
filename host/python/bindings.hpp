#pragma once

#include <nanobind/nanobind.h>

// One function an area of the module countem._countem, which is private: the public names are Python, in host/python/countem.
namespace countem::python {

/// Exceptions of the library as Python's own; before all others.
void bind_errors();
/// Event stores: reading.
void bind_store(nanobind::module_& m);

}  // namespace countem::python
