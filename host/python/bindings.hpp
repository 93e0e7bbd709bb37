#pragma once

#include <nanobind/nanobind.h>

#include "host/python/shared_store.hpp"

// One function an area of the module countem._countem, which is private: the public names are Python, in host/python/countem.
namespace countem::python {

/// Exceptions of the library as Python's own; before all others.
void bind_errors();

/// Event stores: reading. @returns the class, for what others add to it
nanobind::class_<shared_store> bind_store(nanobind::module_& m);
/// Parts of stores: dense numbers, events, copies.
void bind_views(nanobind::class_<shared_store>& store);
/// Reductions of stores.
void bind_reductions(nanobind::module_& m, nanobind::class_<shared_store>& store);

/// Tilt-corrected bright field, conversion, checks and rescue.
void bind_tools(nanobind::module_& m, nanobind::class_<shared_store>& store);

}  // namespace countem::python
