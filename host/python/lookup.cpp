// What a viewer asks for while a detector is dragged: masks of detectors, and the electrons of pixels that changed.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <countem/reduction_plan.hpp>
#include <countem/store_copy.hpp>

#include "host/engine/picture.hpp"
#include "host/python/arrays.hpp"
#include "host/python/bindings.hpp"
#include "host/python/events_by_pixel.hpp"
#include "host/python/shared_store.hpp"
#include "host/python/views.hpp"

namespace countem::python {

namespace {

namespace nb = nanobind;

template <class T>
using flat_array = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <class T>
std::span<const T> span_of(const flat_array<T>& array) {
  return {array.data(), array.size()};
}

/// One byte per pixel of the part: the same pixels as a reduction with that detector counts.
std::vector<std::uint8_t> mask_of(const shared_store& self, const part_numbers& numbers, const std::string& text,
                                  std::pair<double, double> centre) {
  const result_axes made = axes_of_copy(self.get().description(), plan_of(numbers));
  reduction_plan plan = empty_plan();
  plan.centre = detector_point{centre.first, centre.second};
  plan.detectors.push_back(parse_detector(text));
  const reduction_plan cells = in_cells(std::move(plan), made.geometry);
  return std::move(make_masks(cells.detectors, made.grid, *cells.centre).groups.front());  // of one detector: 0 or 1
}

/// Red, green, blue of 256 places.
nb::bytes colour_table(const std::string& name) {
  std::array<std::uint8_t, 768> table{};
  for (std::size_t i = 0; i < 256; ++i) {
    const rgb colour = colour_of(colour_map_from(name), static_cast<double>(i) / 255);
    std::copy(colour.begin(), colour.end(), table.begin() + static_cast<std::ptrdiff_t>(3 * i));
  }
  return nb::bytes(table.data(), table.size());
}

}  // namespace

void bind_lookups(nb::module_& m, nb::class_<shared_store>& store) {
  store.def("detector_mask", [](const shared_store& self, const part_numbers& part, const std::string& text,
                                std::pair<double, double> centre) { return to_numpy(mask_of(self, part, text, centre)); });
  m.def("colour_table", &colour_table);
  nb::class_<events_by_pixel>(m, "EventsByPixel")
      .def(
          "__init__",
          [](events_by_pixel* self, std::pair<std::uint32_t, std::uint32_t> shape, std::uint32_t frames_per_position,
             const flat_array<std::uint64_t>& indptr, const flat_array<std::uint32_t>& indices, unsigned threads) {
            const nb::gil_scoped_release released;
            new (self)
                events_by_pixel({shape.first, shape.second}, frames_per_position, span_of(indptr), span_of(indices), threads);
          },
          nb::arg("shape"), nb::arg("frames_per_position"), nb::arg("indptr"), nb::arg("indices"), nb::arg("threads"))
      .def("changed",
           [](const events_by_pixel& self, const flat_array<std::uint32_t>& image, const flat_array<std::uint8_t>& before,
              const flat_array<std::uint8_t>& now) {
             std::vector<std::uint32_t> changed(image.data(), image.data() + image.size());
             {
               const nb::gil_scoped_release released;
               self.change(span_of(before), span_of(now), changed);
             }
             return to_numpy(std::move(changed));
           })
      .def_prop_ro("positions", &events_by_pixel::positions)
      .def_prop_ro("bytes", &events_by_pixel::bytes);
}

}  // namespace countem::python
