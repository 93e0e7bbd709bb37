#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <countem/build_facts.hpp>

#include "host/python/bindings.hpp"

NB_MODULE(_countem, m) {
  namespace nb = nanobind;
  using countem::build_facts;

  nb::set_leak_warnings(false);  // objects that live until Python ends, as in notebooks, are no leak
  countem::python::bind_errors();
  nb::class_<build_facts>(m, "BuildFacts")
      .def_ro("version", &build_facts::version)
      .def_ro("commit", &build_facts::commit)
      .def_ro("compiler", &build_facts::compiler)
      .def_ro("backends", &build_facts::backends)
      .def_ro("simd_target", &build_facts::simd_target)
      .def_ro("hdf5_version", &build_facts::hdf5_version)
      .def_ro("tbb_version", &build_facts::tbb_version);
  m.def("describe_build", &countem::describe_build);
  auto store = countem::python::bind_store(m);
  countem::python::bind_views(store);
  countem::python::bind_reductions(m, store);
  countem::python::bind_tools(m, store);
  countem::python::bind_frames(m);
  countem::python::bind_calibration(m);
  countem::python::bind_counting(m);
  countem::python::bind_previews(m);
  countem::python::bind_parts(m);
  countem::python::bind_lookups(m, store);
}
