#include <countem/centre.hpp>

#include <algorithm>
#include <cmath>
#include <exception>
#include <vector>

#include <countem/bright_disk.hpp>
#include <countem/error.hpp>

namespace countem {

namespace {

constexpr std::uint64_t frames_for_the_centre = 64;

}  // namespace

std::optional<detector_point> parse_centre(const std::string& text) {
  if (text == "auto") return std::nullopt;
  try {
    std::size_t row_end = 0;
    std::size_t column_end = 0;
    const double row = std::stod(text, &row_end);
    if (row_end < text.size() && text[row_end] == ',') {
      const double column = std::stod(text.substr(row_end + 1), &column_end);
      const bool ends = row_end + 1 + column_end == text.size();
      if (ends && std::isfinite(row) && std::isfinite(column)) return detector_point{row, column};
    }
  } catch (const std::exception&) {  // not a number
  }
  throw invalid_argument("the centre '" + text + "' is neither 'auto' nor of the form ROW,COLUMN, as 287.5,290");
}

detector_point sampled_centre(const frame_source& source, const counting_setup& setup) {
  const frame_shape grid = event_grid(setup);
  const std::uint64_t total = source.info().scan.frames();
  const std::uint64_t sampled = std::min(total, frames_for_the_centre);
  const auto counting = cpu::make_counter(setup);
  const auto reducer = cpu::make_reducer(1);
  std::vector<std::uint64_t> sum(grid.pixels());
  frame_batch raw;
  event_batch events;
  for (std::uint64_t i = 0; i < sampled; ++i) {
    source.read(i * total / sampled, 1, raw);
    counting->count(raw.frames, events);
    reducer->load(view_of(events, grid));
    reducer->add_sum(sum);
  }
  return find_bright_disk(sum, grid).centre;
}

}  // namespace countem
