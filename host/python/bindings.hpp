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
/// Raw frames: opening, reading one.
void bind_frames(nanobind::module_& m);
/// Calibrations: making, changing, files.
void bind_calibration(nanobind::module_& m);
/// Counting into a file or into memory.
void bind_counting(nanobind::module_& m);
/// Some frames counted with several calibrations.
void bind_previews(nanobind::module_& m);
/// Stores of parts of a scan: merging, those still being written; and what the library noticed about the machine.
void bind_parts(nanobind::module_& m);

/// Tilt-corrected bright field, conversion, checks and rescue.
void bind_tools(nanobind::module_& m, nanobind::class_<shared_store>& store);
/// Masks of detectors, and electrons sorted by pixel: what a viewer asks for.
void bind_lookups(nanobind::module_& m, nanobind::class_<shared_store>& store);

}  // namespace countem::python
