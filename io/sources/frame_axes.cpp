#include "io/sources/frame_axes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

#include <countem/error.hpp>

namespace countem::io {

namespace {

/// Names of the axes of frames in the usual order, by the number of axes.
std::vector<std::string_view> usual_names(std::size_t rank) {
  switch (rank) {
    case 2: return {"row", "column"};
    case 3: return {"frame", "row", "column"};
    case 4: return {"scan_row", "scan_column", "row", "column"};
    default: return {"scan_row", "scan_column", "repeat", "row", "column"};
  }
}

template <class Element>
void copy_along(std::span<const copied_axis> axes, const Element* from, Element* to) {
  const copied_axis& axis = axes.front();
  if (axes.size() > 1) {
    for (std::uint64_t at = 0; at < axis.length; ++at)
      copy_along(axes.subspan(1), from + at * axis.from_step, to + at * axis.to_step);
    return;
  }
  for (std::uint64_t at = 0; at < axis.length; ++at, from += axis.from_step, to += axis.to_step) *to = *from;
}

template <class Element>
void copy_as(std::span<const copied_axis> axes, const std::byte* from, std::byte* to) {
  copy_along(axes, reinterpret_cast<const Element*>(from), reinterpret_cast<Element*>(to));
}

/// "a", "b" of "a,b".
std::vector<std::string> parts_of(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find(separator, from), text.size());
    parts.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return parts;
}

}  // namespace

bool frame_axes::are_usual() const {
  const std::vector<std::size_t> order = usual();
  return std::is_sorted(order.begin(), order.end());
}

std::vector<std::size_t> frame_axes::usual() const {
  std::vector<std::size_t> order = scan;
  order.insert(order.end(), {row, column});
  return order;
}

std::string frame_axes::names() const {
  const std::vector<std::size_t> order = usual();
  const std::vector<std::string_view> usual = usual_names(order.size());
  std::vector<std::string_view> names(order.size());
  for (std::size_t number = 0; number < order.size(); ++number) names[order[number]] = usual[number];
  return fmt::format("{}", fmt::join(names, ", "));
}

frame_axes placed_axes(const std::vector<std::size_t>& usual_place, std::string writer) {
  const std::size_t rank = usual_place.size();
  std::vector<std::size_t> axis(rank);
  for (std::size_t number = 0; number < rank; ++number) axis[usual_place[number]] = number;
  frame_axes axes;
  axes.scan.assign(axis.begin(), axis.end() - 2);
  axes.row = axis[rank - 2];
  axes.column = axis[rank - 1];
  axes.writer = std::move(writer);
  return axes;
}

frame_axes usual_axes(std::size_t rank) {
  std::vector<std::size_t> same(rank);
  std::iota(same.begin(), same.end(), 0U);
  return placed_axes(same);
}

frame_axes reversed_axes(frame_axes axes) {
  const std::size_t last = axes.scan.size() + 1;
  for (std::size_t& axis : axes.scan) axis = last - axis;
  axes.row = last - axes.row;
  axes.column = last - axes.column;
  return axes;
}

frame_axes image_first_axes(std::size_t rank, std::string writer) {
  std::vector<std::size_t> place{rank - 2, rank - 1};
  for (std::size_t axis = 0; axis + 2 < rank; ++axis) place.push_back(axis);
  return placed_axes(place, std::move(writer));
}

frame_axes axes_from(const std::string& names, std::size_t rank, const std::string& what) {
  const std::vector<std::string> orders = parts_of(names, ';');
  const auto fitting = std::ranges::find_if(orders, [&](const auto& order) { return parts_of(order, ',').size() == rank; });
  const std::string& wanted = fitting == orders.end() ? orders.front() : *fitting;
  const auto usual = usual_names(rank);
  std::vector<std::size_t> place;
  for (const std::string& name : parts_of(wanted, ','))
    place.push_back(static_cast<std::size_t>(std::find(usual.begin(), usual.end(), name) - usual.begin()));
  std::vector<std::size_t> sorted = place;
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::size_t> all(rank);
  std::iota(all.begin(), all.end(), 0U);
  if (sorted == all) return placed_axes(place);
  throw invalid_argument(fmt::format("{}: has {} axes, and '{}' does not name {} once each, in their order", what, rank, wanted,
                                     fmt::join(usual, ",")));
}

std::string axes_of_darks(const std::string& names) {
  const std::vector<std::string> given = parts_of(names, ',');
  const auto is_of_frames = [](const std::string& name) { return name != "row" && name != "column"; };
  const auto first = std::ranges::find_if(given, is_of_frames);
  const auto behind = std::find_if_not(first, given.end(), is_of_frames);
  const bool are_neighbours = first != given.end() && std::none_of(behind, given.end(), is_of_frames);
  std::string orders = names;
  for (std::size_t rank = 2; rank <= 5; ++rank) {
    if (rank == given.size() || (rank > 2 && !are_neighbours)) continue;
    std::vector<std::string> order;
    for (auto name = given.begin(); name != given.end(); ++name) {
      if (!is_of_frames(*name)) order.push_back(*name);
      if (name != first) continue;
      const std::vector<std::string_view> usual = usual_names(rank);
      order.insert(order.end(), usual.begin(), usual.end() - 2);
    }
    orders += fmt::format(";{}", fmt::join(order, ","));
  }
  return orders;
}

void copy_elements(std::span<const copied_axis> axes, std::size_t element_bytes, const std::byte* from, std::byte* to) {
  switch (element_bytes) {
    case 1: return copy_as<std::uint8_t>(axes, from, to);
    case 2: return copy_as<std::uint16_t>(axes, from, to);
    case 4: return copy_as<std::uint32_t>(axes, from, to);
    default: return copy_as<std::uint64_t>(axes, from, to);
  }
}

}  // namespace countem::io
