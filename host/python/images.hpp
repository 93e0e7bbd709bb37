#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <countem/saved_image.hpp>

#include "host/python/arrays.hpp"

// Images for countem/_image.py. The GIL must be held.
namespace countem::python {

namespace detail {

inline nanobind::object value_of(const decltype(image_attribute::value)& value) {
  return std::visit([](const auto& held) { return nanobind::cast(held); }, value);
}

/// Name, numbers, extent, units, meaning, attributes; (first, step) of rows and columns, and their unit.
inline nanobind::tuple to_tuple(saved_image&& image) {
  nanobind::dict attributes;
  for (const image_attribute& one : image.attributes) attributes[one.name.c_str()] = value_of(one.value);
  nanobind::object numbers = std::visit([](auto& values) { return nanobind::cast(to_numpy(std::move(values))); }, image.values);
  const image_axes& axes = image.axes;
  return nanobind::make_tuple(image.name, numbers, image.extent, image.units, image.meaning, attributes,
                              std::make_tuple(axes.row.first, axes.row.step, axes.column.first, axes.column.step, axes.units));
}

}  // namespace detail

/// One tuple an image. Their numbers are not copied.
[[nodiscard]] inline nanobind::list to_list(std::vector<saved_image>&& images) {
  nanobind::list list;
  for (saved_image& image : images) list.append(detail::to_tuple(std::move(image)));
  return list;
}

}  // namespace countem::python
