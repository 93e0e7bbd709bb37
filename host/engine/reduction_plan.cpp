// The grammar of what can be computed from a scan. Everything that names reductions (options, lists) is written in these items.
#include <countem/reduction_plan.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>

#include <countem/calibrate.hpp>
#include <countem/detector_image.hpp>
#include <countem/error.hpp>
#include <countem/scan_window.hpp>

#include "host/engine/common_centre.hpp"
#include "host/engine/deflection_items.hpp"

namespace countem {

namespace {

void refuse(std::string_view item, const std::string& why) {
  throw invalid_argument("reduction '" + std::string(item) + "' " + why);
}

/// An item in its two parts, "NAME" or "NAME:REST".
struct named_item {
  std::string_view whole;
  std::string_view name;
  std::string_view rest;
};

void take_nothing(const named_item& item) {
  if (!item.rest.empty()) refuse(item.whole, "takes nothing behind '" + std::string(item.name) + "'");
}

void require_rest(const named_item& item, const char* what) {
  if (item.rest.empty()) refuse(item.whole, std::string("lacks ") + what);
}

void add_deflections(reduction_plan& plan, const named_item& item) {
  plan.centre_of_mass = true;
  if (item.rest.empty()) return;
  const std::optional<deflection_origin> origin = find_choice<deflection_origin>(item.rest);
  if (!origin) refuse(item.whole, "has an unknown origin: it is " + listed_words<deflection_origin>());
  if (plan.origin != deflection_origin::corner && plan.origin != *origin) {
    refuse(item.whole, "contradicts com:" + std::string(word_of(plan.origin)) + ": centres of mass have one origin");
  }
  plan.origin = *origin;
}

/// "radial" and "radial-profile": both have rings of one width.
void add_rings(reduction_plan& plan, const named_item& item, bool& wanted) {
  detector_length step{plan.radial_step, plan.radial_step_in_mrad};
  if (!item.rest.empty()) {
    try {
      step = parse_length(item.rest, item.whole);
    } catch (const invalid_argument&) {
      refuse(item.whole, "has a width of rings that is not a number, as radial:2 and radial:0.5mrad have");
    }
    if ((plan.radial || plan.radial_profile) && step != detector_length{plan.radial_step, plan.radial_step_in_mrad}) {
      refuse(item.whole, "contradicts an earlier one: all rings have one width");
    }
  }
  plan.radial_step = step.value;
  plan.radial_step_in_mrad = step.in_mrad;
  wanted = true;
}

void add_mask(reduction_plan& plan, std::filesystem::path file) {
  virtual_detector& detector = plan.detectors.emplace_back();
  detector.name = file.filename().string();
  detector.mask_file = std::move(file);
}

/// "com-within:DETECTOR" or "com-within:FILE".
void add_aperture(reduction_plan& plan, const named_item& item) {
  require_rest(item, "a detector or a file, as com-within:disk:40");
  if (plan.com_within) refuse(item.whole, "contradicts an earlier one: centres of mass have one aperture");
  event_aperture& aperture = plan.com_within.emplace();
  const std::string_view kind = item.rest.substr(0, item.rest.find(':'));
  if (kind == "disk" || kind == "annulus" || kind == "wedge") {
    aperture.detector = parse_detector(item.rest);
  } else {
    aperture.detector.mask_file = std::filesystem::path(std::string(item.rest));
    aperture.detector.name = aperture.detector.mask_file.filename().string();
  }
}

/// One byte per pixel, 1 where the image is not 0.
std::vector<std::uint8_t> nonzero(const std::vector<float>& pixels) {
  std::vector<std::uint8_t> mask;
  mask.reserve(pixels.size());
  std::ranges::transform(pixels, std::back_inserter(mask), [](float pixel) { return static_cast<std::uint8_t>(pixel != 0); });
  return mask;
}

std::vector<float> read_mask(const std::filesystem::path& file, frame_shape grid, image_role role = image_role::mask) {
  return read_image(*open_detector_image(file, grid, role), "mask");
}

/// @throws format_error where a pixel has no weight; what is beyond f32 has none
std::vector<float> read_weights(const std::filesystem::path& file, frame_shape grid) {
  std::vector<float> weights = read_image(*open_detector_image(file, grid, image_role::weights), "weight image");
  const auto bad = std::ranges::find_if_not(weights, [](float weight) { return std::isfinite(weight); });
  if (bad == weights.end()) return weights;
  const auto pixel = static_cast<std::uint64_t>(bad - weights.begin());
  throw format_error(file.string() + ": the weight of row " + std::to_string(pixel / grid.width) + ", column " +
                     std::to_string(pixel % grid.width) +
                     " is no finite number of 32 bits: give pixels that are not to count the weight 0");
}

/// Pixels of one value beside 0 are a mask, of several they are weights.
void read_aperture(event_aperture& aperture, frame_shape grid) {
  const std::filesystem::path& file = aperture.detector.mask_file;
  std::vector<float> pixels = read_mask(file, grid, image_role::aperture);
  float most = 0;
  for (const float pixel : pixels) {
    if (!(pixel >= 0) || !std::isfinite(pixel))
      throw invalid_argument(file.string() + ": an aperture's pixels are weights of 0 or above, and one is " +
                             std::to_string(pixel));
    most = std::max(most, pixel);
  }
  if (most == 0) throw invalid_argument(file.string() + ": all pixels of the aperture are 0, so that no event would count");
  aperture.detector.mask = nonzero(pixels);
  if (std::ranges::any_of(pixels, [&](float pixel) { return pixel != 0 && pixel != most; }))
    aperture.weights = std::move(pixels);
}

/// Items between commas; what begins like a number belongs to the item before it.
std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> items;
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string_view item = list.substr(0, comma);
    const bool is_number = !item.empty() && std::string_view("0123456789.-+:").find(item.front()) != std::string_view::npos;
    if (is_number && !items.empty()) {
      items.back().append(1, ',').append(item);
    } else {
      items.emplace_back(item);
    }
    if (comma == std::string_view::npos) return items;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

bool reduction_plan::needs_centre() const {
  return std::ranges::any_of(detectors, is_around_common_centre) || radial || radial_profile || com_needs_centre();
}

bool reduction_plan::com_needs_centre() const {
  return centre_of_mass &&
         (origin == deflection_origin::centre || (com_within && is_around_common_centre(com_within->detector)));
}

bool reduction_plan::is_empty() const {
  return !(sum || maximum || centre_of_mass || radial || radial_profile || !detectors.empty() || !weights.empty());
}

reduction_plan empty_plan() {
  reduction_plan plan;
  plan.sum = false;
  return plan;
}

void add_item(reduction_plan& plan, std::string_view text) {
  const std::size_t colon = text.find(':');
  const named_item item{text, text.substr(0, colon), colon == std::string_view::npos ? "" : text.substr(colon + 1)};
  if (item.name == "sum") {
    take_nothing(item);
    plan.sum = true;
  } else if (item.name == "max") {
    take_nothing(item);
    plan.maximum = true;
  } else if (item.name == "com") {
    add_deflections(plan, item);
  } else if (item.name == "radial") {
    add_rings(plan, item, plan.radial);
  } else if (item.name == "radial-profile") {
    add_rings(plan, item, plan.radial_profile);
  } else if (item.name == "virtual") {
    require_rest(item, "a detector, as virtual:annulus:60,200");
    plan.detectors.push_back(parse_detector(item.rest));
  } else if (item.name == "mask") {
    require_rest(item, "a file");
    add_mask(plan, std::filesystem::path(std::string(item.rest)));
  } else if (item.name == "weights") {
    require_rest(item, "a file");
    std::filesystem::path file{std::string(item.rest)};
    plan.weights.push_back({file.filename().string(), {}, file});
  } else if (item.name == "exclude") {
    require_rest(item, "a file");
    plan.excluded_files.emplace_back(std::string(item.rest));
  } else if (item.name == "com-within") {
    add_aperture(plan, item);
  } else if (item.name == "second-moments") {
    take_nothing(item);
    plan.second_moments = true;
  } else if (item.name == "errors") {
    take_nothing(item);
    plan.errors = true;
  } else if (item.name == "skip-incomplete") {
    take_nothing(item);
    plan.incomplete = incomplete_frames::skip;
  } else if (item.name == "incomplete") {
    const std::optional<incomplete_frames> use = find_choice<incomplete_frames>(item.rest);
    if (!use) refuse(text, "has an unknown word: it is " + listed_words<incomplete_frames>());
    plan.incomplete = *use;
  } else if (!engine::take_deflection_item(plan, text, item.name, item.rest)) {
    refuse(text,
           "is none of sum, max, com, com:centre, com:descan, phase, radial, radial-profile, virtual:disk:R, "
           "virtual:annulus:R1,R2, virtual:wedge:R1,R2,FROM,TO, mask:FILE, weights:FILE, exclude:FILE, com-within:DETECTOR, "
           "com-within:FILE, second-moments, errors, incomplete:keep, incomplete:skip, incomplete:scale, " +
               std::string(engine::deflection_item_names));
  }
}

reduction_plan parse_plan(std::string_view items) {
  reduction_plan plan = empty_plan();
  for (const std::string& item : split(items)) add_item(plan, item);
  validate(plan);
  return plan;
}

void validate(const reduction_plan& plan) {
  engine::validate_deflections(plan);
  if (plan.origin != deflection_origin::corner && !plan.centre_of_mass) {
    throw invalid_argument("an origin of centres of mass is given, but no centres of mass are asked for");
  }
  if ((plan.com_within || plan.second_moments) && !plan.centre_of_mass) {
    throw invalid_argument("an aperture or second moments belong to centres of mass: ask for com too");
  }
  if (!(plan.radial_step > 0) || !std::isfinite(plan.radial_step)) {
    throw invalid_argument("rings need a width above 0, " + std::to_string(plan.radial_step) + " was given");
  }
}

void validate(const reduction_plan& plan, const scan_shape& scan) {
  if (!plan.deflections.descan_from.empty())
    static_cast<void>(parse_ranges(plan.deflections.descan_from, scan.height, scan.width));
}

void require_included(std::span<const std::uint8_t> excluded, const std::string& name) {
  if (excluded.empty() || std::ranges::find(excluded, 0) != excluded.end()) return;
  throw invalid_argument(name + " excludes every pixel, so that no event would count: 0 marks the pixels that are used");
}

std::vector<std::uint8_t> read_excluded(std::span<const std::filesystem::path> files, frame_shape grid) {
  std::vector<std::uint8_t> excluded;
  for (const std::filesystem::path& file : files) {
    const std::vector<std::uint8_t> mask = nonzero(read_mask(file, grid));
    excluded.resize(mask.size());
    std::ranges::transform(mask, excluded, excluded.begin(), [](auto a, auto b) { return std::max(a, b); });
    require_included(excluded, file.string() + (&file == files.data() ? ":" : ", with the images before it:"));
  }
  return excluded;
}

void take_lengths(reduction_plan& plan, const store_geometry& geometry) {
  phase_scale& scale = plan.deflections.scale;
  if (!plan.phase || !scale.is_given()) return;
  if (scale.voltage_kv > 0 && scale.pixel_mrad == 0 && scale.pixel_per_nm == 0) scale.pixel_mrad = geometry.pixel_mrad;
  if (scale.step_nm == 0) scale.step_nm = geometry.scan_step_nm;
}

store_geometry with_lengths(store_geometry geometry, const reduction_plan& plan) {
  const phase_scale& given = plan.deflections.scale;
  const axis_lengths known{geometry.pixel_mrad, geometry.scan_step_nm, geometry.detector_origin_mrad, geometry.scan_origin_nm};
  return with_lengths(std::move(geometry), known, given.pixel_mrad, given.step_nm);
}

double ring_width_in_pixels(const reduction_plan& plan, const store_geometry& geometry) {
  return in_pixels({plan.radial_step, plan.radial_step_in_mrad}, with_lengths(geometry, plan).pixel_mrad, "width of rings");
}

reduction_plan in_cells(reduction_plan plan, const store_geometry& geometry) {
  const auto move = [&](std::optional<detector_point>& point) {
    if (point) point = detector_point{geometry.row.index_of(point->row), geometry.column.index_of(point->column)};
  };
  const double pixel_mrad = with_lengths(geometry, plan).pixel_mrad;
  const auto scale = [&](virtual_detector& detector) {
    detector = in_pixels(std::move(detector), pixel_mrad);
    move(detector.centre);
    detector.inner /= geometry.row.step;
    detector.outer /= geometry.row.step;
  };
  move(plan.centre);
  std::ranges::for_each(plan.detectors, scale);
  if (plan.com_within) scale(plan.com_within->detector);
  plan.radial_step = ring_width_in_pixels(plan, geometry) / geometry.row.step;
  plan.radial_step_in_mrad = false;
  return plan;
}

void read_detector_images(reduction_plan& plan, frame_shape grid) {
  for (virtual_detector& detector : plan.detectors) {
    if (detector.mask_file.empty()) continue;
    detector.mask = nonzero(read_mask(detector.mask_file, grid));
  }
  if (plan.com_within && !plan.com_within->detector.mask_file.empty()) read_aperture(*plan.com_within, grid);
  if (!plan.excluded_files.empty()) plan.excluded = read_excluded(plan.excluded_files, grid);
  for (weight_map& map : plan.weights) {
    if (map.file.empty()) continue;
    map.weights = read_weights(map.file, grid);
  }
}

std::vector<std::filesystem::path> files_of(const reduction_plan& plan) {
  std::vector<std::filesystem::path> files;
  const auto take = [&](const std::filesystem::path& image) {
    if (!image.empty()) std::ranges::move(files_of_image(image), std::back_inserter(files));
  };
  for (const virtual_detector& detector : plan.detectors) take(detector.mask_file);
  if (plan.com_within) take(plan.com_within->detector.mask_file);
  for (const std::filesystem::path& excluded : plan.excluded_files) take(excluded);
  for (const weight_map& map : plan.weights) take(map.file);
  return files;
}

}  // namespace countem
