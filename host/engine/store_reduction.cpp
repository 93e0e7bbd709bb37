#include <countem/store_reduction.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include <countem/error.hpp>

namespace countem {

namespace {

/// Frames read at a time: a few megabytes of events.
constexpr std::uint64_t frames_at_a_time = 2048;

void require_inside(const scan_window& window, const scan_shape& scan) {
  if (window.height == 0 || window.width == 0 || window.row > scan.height || window.height > scan.height - window.row ||
      window.column > scan.width || window.width > scan.width - window.column) {
    throw invalid_argument("rows " + std::to_string(window.row) + " to " + std::to_string(window.row + window.height) +
                           ", columns " + std::to_string(window.column) + " to " +
                           std::to_string(window.column + window.width) + " are no part of a scan of " +
                           std::to_string(scan.height) + " x " + std::to_string(scan.width) + " positions (height x width)");
  }
}

/// A bound before or after the colon; `otherwise` where none is given.
std::uint32_t parse_bound(std::string_view text, std::uint32_t otherwise, std::string_view whole_text) {
  if (text.empty()) return otherwise;
  std::uint32_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size())
    throw invalid_argument("'" + std::string(whole_text) + "' is not of the form ROW:ROW,COLUMN:COLUMN, as 10:50,0:32");
  return value;
}

std::pair<std::uint32_t, std::uint32_t> parse_range(std::string_view text, std::uint32_t length, std::string_view whole_text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos)
    throw invalid_argument("'" + std::string(whole_text) + "' is not of the form ROW:ROW,COLUMN:COLUMN, as 10:50,0:32");
  const std::uint32_t first = parse_bound(text.substr(0, colon), 0, whole_text);
  const std::uint32_t end = parse_bound(text.substr(colon + 1), length, whole_text);
  if (first >= end || end > length) {
    throw invalid_argument("'" + std::string(whole_text) + "': " + std::string(text) + " is empty or reaches beyond " +
                           std::to_string(length));
  }
  return {first, end};
}

/// Reads frames [first, first + count) of the store and shows them as frames from `shown_as` on.
void visit_frames(const event_store& store, std::uint64_t first, std::uint64_t count, std::uint64_t shown_as,
                  const reading_options& options, event_batch& events, const std::function<void(const event_batch&)>& visit) {
  for (std::uint64_t done = 0; done < count;) {
    if (options.stop != nullptr && options.stop->load(std::memory_order_relaxed))
      throw interrupted("interrupted; nothing was written");
    const std::uint64_t next = std::min(frames_at_a_time, count - done);
    store.read(first + done, static_cast<std::size_t>(next), events, options.threads);
    events.first_frame = shown_as + done;
    visit(events);
    done += next;
    if (options.progress) options.progress(shown_as + done);
  }
}

/// An event and what it carries.
struct valued_event {
  std::uint32_t index;
  std::uint32_t value;
  friend auto operator<=>(const valued_event&, const valued_event&) = default;
};

/// Where pixels of the store's grid go in the copy's.
class pixel_mapping {
 public:
  pixel_mapping(const copy_plan& plan, std::uint32_t from_width)
      : plan_(plan), from_width_(from_width), to_width_(binned(plan.detector.shape, plan.bin).width) {}

  /// Appends the events of one frame that the copy keeps, not yet in order.
  void append(std::span<const std::uint32_t> indices, std::span<const std::uint32_t> values,
              std::vector<valued_event>& out) const {
    const detector_window& window = plan_.detector;
    for (std::size_t i = 0; i < indices.size(); ++i) {
      const std::uint32_t row = indices[i] / from_width_;
      const std::uint32_t column = indices[i] % from_width_;
      if (row < window.row || row - window.row >= window.shape.height || column < window.column ||
          column - window.column >= window.shape.width)
        continue;
      const std::uint32_t index = (row - window.row) / plan_.bin * to_width_ + (column - window.column) / plan_.bin;
      out.push_back({index, values.empty() ? 0 : values[i]});
    }
  }

 private:
  const copy_plan& plan_;
  std::uint32_t from_width_;
  std::uint32_t to_width_;
};

/// Frames of one row of positions in the copy, gathered from the rows of the store that go into it.
class merged_row {
 public:
  merged_row(const scan_shape& to, std::uint32_t scan_bin) : to_(to), scan_bin_(scan_bin), frames_(frames()) {}

  void add(const event_batch& row, const pixel_mapping& mapping) {
    for (std::size_t i = 0; i < row.frames(); ++i) {
      const std::uint64_t in_row = row.first_frame + i;
      const std::uint64_t position = in_row / to_.frames_per_position / scan_bin_;
      frame& into = frames_[position * to_.frames_per_position + in_row % to_.frames_per_position];
      const auto values = row.values.empty() ? std::span<const std::uint32_t>()
                                             : std::span(row.values).subspan(row.indptr[i], row.indptr[i + 1] - row.indptr[i]);
      mapping.append(row.events(i), values, into.events);
      into.xrays += row.xrays[i];
      const auto present = static_cast<std::uint8_t>(row.status[i] & status_sectors);
      into.arrived |= present;
      into.whole &= present;
      into.flags |= static_cast<std::uint8_t>(row.status[i] & ~status_sectors);
    }
  }

  /// Moves the row into a batch and begins the next one.
  void take(event_batch& out, std::uint64_t first_frame, bool with_values) {
    out.clear();
    out.first_frame = first_frame;
    for (frame& one : frames_) {
      std::ranges::sort(one.events);
      for (const valued_event& event : one.events) {
        out.indices.push_back(event.index);
        if (with_values) out.values.push_back(event.value);
      }
      out.indptr.push_back(out.indices.size());
      out.xrays.push_back(one.xrays);
      // A merged frame that lacks some of what should have gone into it is cut short.
      const std::uint8_t cut_short = one.whole != one.arrived ? status_truncated : 0;
      out.status.push_back(static_cast<std::uint8_t>(one.arrived | one.flags | cut_short));
      one = {};
    }
  }

 private:
  struct frame {
    std::vector<valued_event> events;
    std::uint32_t xrays = 0;
    std::uint8_t arrived = 0;
    std::uint8_t whole = status_sectors;
    std::uint8_t flags = 0;
  };

  [[nodiscard]] std::size_t frames() const { return std::size_t{to_.width} * to_.frames_per_position; }

  scan_shape to_;
  std::uint32_t scan_bin_;
  std::vector<frame> frames_;
};

template <class T>
std::vector<T> cropped(const std::vector<T>& image, std::uint32_t width, const detector_window& window) {
  if (image.empty()) return {};
  std::vector<T> kept;
  kept.reserve(window.shape.pixels());
  for (std::uint32_t row = 0; row < window.shape.height; ++row) {
    const auto start = image.begin() + (static_cast<std::ptrdiff_t>(window.row + row) * width + window.column);
    kept.insert(kept.end(), start, start + window.shape.width);
  }
  return kept;
}

calibration copied_calibration(const store_description& from, const copy_plan& plan) {
  calibration kept = from.calibrated;
  const bool same_grid = from.calibrated.shape == from.shape;
  if (plan.bin == 1 && same_grid) {
    const std::uint32_t width = from.shape.width;
    kept.shape = plan.detector.shape;
    kept.dark16 = cropped(kept.dark16, width, plan.detector);
    kept.gain = cropped(kept.gain, width, plan.detector);
    kept.mask = cropped(kept.mask, width, plan.detector);
    kept.pixel_background16 = cropped(kept.pixel_background16, width, plan.detector);
    kept.dark_sigma_adu = cropped(kept.dark_sigma_adu, width, plan.detector);
  } else {
    kept.dark16.clear();
    kept.gain.clear();
    kept.mask.clear();
    kept.pixel_background16.clear();
    kept.dark_sigma_adu.clear();
  }
  return kept;
}

constexpr std::uint32_t divide_up(std::uint32_t a, std::uint32_t b) {
  return a / b + (a % b != 0 ? 1 : 0);
}

/// Least squares: solves the 3 x 3 normal equations by elimination with pivoting; what the points do not determine stays 0.
std::array<double, 3> solve(std::array<std::array<double, 4>, 3> equations) {
  std::array<double, 3> solution{};
  std::array<bool, 3> used{};
  for (std::size_t column = 0; column < 3; ++column) {
    std::size_t pivot = 3;
    for (std::size_t row = 0; row < 3; ++row) {
      if (!used[row] && (pivot == 3 || std::abs(equations[row][column]) > std::abs(equations[pivot][column]))) pivot = row;
    }
    if (std::abs(equations[pivot][column]) < 1e-9) continue;
    used[pivot] = true;
    std::swap(equations[pivot], equations[column]);
    std::swap(used[pivot], used[column]);
    for (std::size_t row = 0; row < 3; ++row) {
      if (row == column) continue;
      const double factor = equations[row][column] / equations[column][column];
      for (std::size_t i = column; i < 4; ++i) equations[row][i] -= factor * equations[column][i];
    }
  }
  for (std::size_t i = 0; i < 3; ++i) {
    if (used[i]) solution[i] = equations[i][3] / equations[i][i];
  }
  return solution;
}

std::string in_rings(double step) {
  return " in each ring around the centre, " + std::to_string(step) + " pixels wide";
}

void subtract_plane(std::vector<double>& map, const scan_shape& scan) {
  const scan_plane plane = fit_plane(map, scan);
  for (std::size_t position = 0; position < map.size(); ++position) map[position] -= plane.at(scan, position);
}

}  // namespace

index_ranges parse_ranges(std::string_view text, std::uint32_t height, std::uint32_t width) {
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos)
    throw invalid_argument("'" + std::string(text) + "' is not of the form ROW:ROW,COLUMN:COLUMN, as 10:50,0:32");
  const auto [row, row_end] = parse_range(text.substr(0, comma), height, text);
  const auto [column, column_end] = parse_range(text.substr(comma + 1), width, text);
  return {row, row_end, column, column_end};
}

void for_batches(const event_store& store, const scan_window& window, const reading_options& options,
                 const std::function<void(const event_batch&)>& visit) {
  const scan_shape& scan = store.description().scan;
  require_inside(window, scan);
  event_batch events;
  const std::uint64_t repeats = scan.frames_per_position;
  if (window.width == scan.width) {  // whole rows follow one another
    const std::uint64_t row_frames = std::uint64_t{scan.width} * repeats;
    visit_frames(store, window.row * row_frames, window.height * row_frames, 0, options, events, visit);
    return;
  }
  const std::uint64_t row_frames = std::uint64_t{window.width} * repeats;
  for (std::uint32_t row = 0; row < window.height; ++row) {
    const std::uint64_t first = (std::uint64_t{window.row + row} * scan.width + window.column) * repeats;
    visit_frames(store, first, row_frames, row * row_frames, options, events, visit);
  }
}

store_description describe_copy(const store_description& from, const copy_plan& plan) {
  require_inside(plan.scan, from.scan);
  const detector_window& window = plan.detector;
  if (window.shape.pixels() == 0 || std::uint64_t{window.row} + window.shape.height > from.shape.height ||
      std::uint64_t{window.column} + window.shape.width > from.shape.width) {
    throw invalid_argument("the detector window keeps nothing, or reaches beyond frames of " +
                           std::to_string(from.shape.height) + " x " + std::to_string(from.shape.width) + " pixels");
  }
  if (plan.bin == 0 || plan.scan_bin == 0) throw invalid_argument("a bin factor is at least 1");
  store_description copy = from;
  copy.shape = binned(window.shape, plan.bin);
  copy.scan = {divide_up(plan.scan.height, plan.scan_bin), divide_up(plan.scan.width, plan.scan_bin),
               from.scan.frames_per_position};
  copy.calibrated = copied_calibration(from, plan);
  return copy;
}

void copy_frames(const event_store& from, const copy_plan& plan, event_sink& to, const reading_options& options) {
  const store_description& described = from.description();
  const scan_shape scan = describe_copy(described, plan).scan;
  const pixel_mapping mapping(plan, described.shape.width);
  const bool with_values = described.options.values != event_value::none;
  const std::uint64_t read_per_row = std::uint64_t{plan.scan.width} * scan.frames_per_position;
  const std::uint64_t made_per_row = std::uint64_t{scan.width} * scan.frames_per_position;
  merged_row row(scan, plan.scan_bin);
  event_batch made;
  for (std::uint32_t number = 0; number < scan.height; ++number) {
    const std::uint32_t first_row = number * plan.scan_bin;
    const std::uint32_t rows = std::min(plan.scan_bin, plan.scan.height - first_row);
    for (std::uint32_t r = first_row; r < first_row + rows; ++r) {
      reading_options of_row = options;
      if (options.progress) of_row.progress = [&](std::uint64_t done) { options.progress(r * read_per_row + done); };
      for_batches(from, {plan.scan.row + r, plan.scan.column, 1, plan.scan.width}, of_row,
                  [&](const event_batch& events) { row.add(events, mapping); });
    }
    row.take(made, number * made_per_row, with_values);
    to.observe(made);
    to.write(*to.encode(made));
  }
}

deflection deflections(const reduction_result& result) {
  deflection maps;
  for (const event_moments& moments : result.moments) {
    const detector_point centre = centre_of_mass(moments);
    maps.row.push_back(centre.row);
    maps.column.push_back(centre.column);
  }
  return maps;
}

scan_plane fit_plane(const std::vector<double>& map, const scan_shape& scan) {
  const double middle_row = (scan.height - 1) / 2.0;
  const double middle_column = (scan.width - 1) / 2.0;
  std::array<std::array<double, 4>, 3> equations{};
  std::size_t points = 0;
  for (std::size_t position = 0; position < map.size(); ++position) {
    if (!std::isfinite(map[position])) continue;
    ++points;
    const std::array<double, 3> term{1, static_cast<double>(position / scan.width) - middle_row,
                                     static_cast<double>(position % scan.width) - middle_column};
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 3; ++j) equations[i][j] += term[i] * term[j];
      equations[i][3] += term[i] * map[position];
    }
  }
  if (points < 3) return {points == 0 ? 0 : equations[0][3] / static_cast<double>(points), 0, 0};
  const std::array<double, 3> plane = solve(equations);
  return {plane[0], plane[1], plane[2]};
}

void subtract_plane(deflection& maps, const scan_shape& scan) {
  subtract_plane(maps.row, scan);
  subtract_plane(maps.column, scan);
}

namespace {

/// The maps, and what to say of them behind "row" or "column".
std::pair<deflection, std::string> deflections_from(deflection_origin origin, detector_point centre,
                                                    const reduction_result& result, const scan_shape& scan) {
  deflection maps = deflections(result);
  std::string what = " of the centre of mass";
  switch (origin) {
    case deflection_origin::corner: break;
    case deflection_origin::centre:
      for (double& row : maps.row) row -= centre.row;
      for (double& column : maps.column) column -= centre.column;
      what += " relative to the centre";
      break;
    case deflection_origin::descan:
      subtract_plane(maps, scan);
      what += ", the scan's descan plane subtracted";
      break;
  }
  return {std::move(maps), what + "; NaN without electrons"};
}

}  // namespace

std::vector<saved_image> images_of(const reduction_result& result, const reduction_plan& plan, frame_shape grid,
                                   const scan_shape& scan, deflection_origin origin) {
  const std::vector<std::uint64_t> detector{grid.height, grid.width};
  const std::vector<std::uint64_t> positions{scan.height, scan.width};
  std::vector<saved_image> images;
  images.push_back({"counts", positions, result.counts, "electrons", "electrons at each scan position"});
  if (plan.sum) images.push_back({"sum", detector, result.sum, "electrons", "all frames added up"});
  if (plan.maximum)
    images.push_back({"maximum", detector, result.maximum, "electrons", "most electrons that any one frame has in a pixel"});
  if (plan.centre_of_mass) {
    const detector_point centre = plan.centre.value_or(middle_of(grid));
    const auto [maps, what] = deflections_from(origin, centre, result, scan);
    images.push_back({"com_row", positions, maps.row, "pixels", "row" + what});
    images.push_back({"com_column", positions, maps.column, "pixels", "column" + what});
  }
  if (plan.radial) {
    std::vector<std::uint64_t> extent = positions;
    extent.push_back(result.rings);
    images.push_back({"radial", extent, result.radial, "electrons", "electrons" + in_rings(plan.radial_step)});
  }
  for (std::size_t d = 0; d < result.virtual_images.size(); ++d)
    images.push_back(
        {"virtual_" + std::to_string(d), positions, result.virtual_images[d], "electrons", plan.detectors[d].name});
  for (std::size_t w = 0; w < result.weighted_images.size(); ++w)
    images.push_back(
        {"weighted_" + std::to_string(w), positions, result.weighted_images[w], "electrons", plan.weights[w].name});
  return images;
}

std::vector<saved_image> radial_profile(std::span<const std::uint64_t> sum, const ring_map& rings) {
  std::vector<std::uint64_t> in_ring(rings.rings);
  for (std::size_t pixel = 0; pixel < sum.size(); ++pixel) {
    if (rings.ring[pixel] != ring_map::outside) in_ring[rings.ring[pixel]] += sum[pixel];
  }
  std::vector<double> mean(rings.rings);
  std::transform(in_ring.begin(), in_ring.end(), rings.pixels.begin(), mean.begin(),
                 [](std::uint64_t events, std::uint64_t pixels) {
                   return pixels == 0 ? std::numeric_limits<double>::quiet_NaN()
                                      : static_cast<double>(events) / static_cast<double>(pixels);
                 });
  const std::string where = in_rings(rings.step) + ", all frames added up";
  return {{"radial_sum", {rings.rings}, in_ring, "electrons", "electrons" + where},
          {"radial_mean", {rings.rings}, mean, "electrons / pixel", "electrons a pixel" + where}};
}

}  // namespace countem
