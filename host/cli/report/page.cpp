#include "host/cli/report/page.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "host/cli/report/assets.hpp"
#include "host/cli/report/frame_code.hpp"
#include "host/engine/picture.hpp"

namespace countem::cli::report {

namespace {

using json = nlohmann::ordered_json;

/// Hues and strengths of the table that directions are coloured from.
constexpr std::uint32_t hues = 180;
constexpr std::uint32_t strengths = 48;

std::string packed(const std::vector<std::uint64_t>& numbers) {
  std::string bytes;
  for (const std::uint64_t number : numbers) append_varint(bytes, number);
  return base64(bytes);
}

std::string packed(const std::vector<std::uint8_t>& numbers) {
  return base64({reinterpret_cast<const char*>(numbers.data()), numbers.size()});
}

/// float32, lowest byte first.
std::string packed(const std::vector<double>& numbers) {
  std::string bytes;
  for (const double number : numbers) {
    const auto narrow = static_cast<float>(number);
    const auto bits = std::bit_cast<std::uint32_t>(narrow);
    for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(bits >> shift & 0xffU);
  }
  return base64(bytes);
}

/// bfloat16, the upper half of a float32, lowest byte first: three digits, for standard errors.
std::string packed_coarsely(const std::vector<double>& numbers) {
  std::string bytes;
  for (const double number : numbers) {
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(number));
    const std::uint32_t half = 0x7fffU + (bits >> 16U & 1U);  // rounds to even
    const std::uint32_t kept = std::isnan(number) ? bits : bits + half;
    bytes += static_cast<char>(kept >> 16U & 0xffU);
    bytes += static_cast<char>(kept >> 24U);
  }
  return base64(bytes);
}

std::string colour_table(colour_map map) {
  std::vector<std::uint8_t> table;
  for (std::uint32_t i = 0; i < 256; ++i) {
    const rgb colour = colour_of(map, i / 255.0);
    table.insert(table.end(), colour.begin(), colour.end());
  }
  return packed(table);
}

/// [hue][strength], hue 0 towards higher columns and a quarter of the way round towards lower rows.
std::string direction_table() {
  std::vector<std::uint8_t> table;
  for (std::uint32_t hue = 0; hue < hues; ++hue) {
    for (std::uint32_t strength = 0; strength < strengths; ++strength) {
      const rgb colour = direction_colour(2 * std::numbers::pi * hue / hues, strength / (strengths - 1.0));
      table.insert(table.end(), colour.begin(), colour.end());
    }
  }
  return packed(table);
}

json map_json(const cell_map& map) {
  return {{"electrons", packed(map.electrons)}, {"absent", map.absent.empty() ? json(nullptr) : json(packed(map.absent))}};
}

json axis_json(const axis_scale& axis) {
  return {{"first", axis.first}, {"step", axis.step}};
}

json finite(double number) {
  return std::isfinite(number) ? json(number) : json(nullptr);
}

/// In detector pixels; null where there is no beam.
json beam_json(const found_beam& beam) {
  if (!beam.found) return nullptr;
  return {
      {"radius", beam.radius}, {"radius_error", finite(beam.radius_error)}, {"electrons", beam.electrons}, {"how", beam.how}};
}

json plane_json(const scan_plane& plane) {
  return {{"middle", plane.middle}, {"per_row", plane.per_row}, {"per_column", plane.per_column}};
}

json detector_json(const named_detector& one, const scan_content& content) {
  const detector_point centre = one.detector.centre.value_or(content.centre);
  return {{"label", one.label},
          {"row", centre.row},
          {"column", centre.column},
          {"inner", one.detector.inner},
          {"outer", finite(one.detector.outer)},
          {"from", one.detector.from_degrees},
          {"to", one.detector.to_degrees}};
}

json detectors_json(const scan_content& content) {
  json listed = json::array();
  for (std::size_t i = 0; i < content.detectors.size(); ++i) {
    json one = detector_json(content.detectors[i], content);
    one["image"] = map_json(content.virtual_images[i]);
    listed.push_back(std::move(one));
  }
  return listed;
}

json calibration_json(const calibration& used) {
  json told{{"background_adu", used.background16 / 16.0},
            {"score_adu", used.score16 ? json(static_cast<double>(*used.score16) / 16.0) : json(nullptr)},
            {"per_pixel", !used.pixel_background16.empty()},
            {"xray_adu", used.xray16 == no_xray_threshold ? json(nullptr) : json(used.xray16 / 16.0)},
            {"dark_frames", used.dark_frames},
            {"dark", !used.dark16.empty()},
            {"gain", !used.gain.empty()}};
  std::uint64_t masked = 0;
  for (const std::uint8_t reasons : used.mask) masked += reasons != 0;
  told["masked_pixels"] = masked;
  if (!used.fit) return told;
  const noise_fit& fit = *used.fit;
  told["fit"] = {{"mean_adu", finite(fit.mean_adu)},           {"sigma_adu", finite(fit.sigma_adu)},
                 {"background_sigmas", fit.background_sigmas}, {"xray_sigmas", fit.xray_sigmas},
                 {"sampled_frames", fit.frames.size()},        {"sample_min_adu", fit.sample_min_adu},
                 {"sample_max_adu", fit.sample_max_adu},       {"first_adu", fit.histogram_first_adu},
                 {"step_adu", fit.histogram_step_adu},         {"histogram", packed(fit.histogram)}};
  if (fit.expected) told["fit"]["false_events"] = {{"per_frame", fit.expected->per_frame}, {"share", fit.expected->share}};
  if (!fit.curve.charges.empty()) {
    told["fit"]["curve"] = {{"first_adu", fit.curve.first_adu},
                            {"step_adu", fit.curve.step_adu},
                            {"beyond", packed(fit.curve.charges)},
                            {"mirrored", packed(fit.curve.noise)}};
  }
  return told;
}

json axes_json(const shown_axes& axes) {
  const found_rotation& found = axes.found;
  return {{"found", found.is_found},
          {"degrees", found.rotation.degrees},
          {"error_degrees", finite(found.standard_error_degrees)},
          {"flip", found.rotation.flip},
          {"flip_found", found.flip_is_found},
          {"flip_given", axes.flip_is_given},
          {"curl_ratio", finite(found.curl_ratio)},
          {"sign_found", found.sign_is_found},
          {"skewness", finite(found.skewness)},
          {"description", describe(found)},
          {"turned_degrees", axes.is_turned ? json(axes.rotation.degrees) : json(nullptr)},
          {"turned_flip", axes.rotation.flip},
          {"turned_as_given", axes.is_given}};
}

json centres_json(const centre_content& centres) {
  return {{"row", packed(centres.maps.row)},
          {"column", packed(centres.maps.column)},
          {"row_error", packed_coarsely(centres.errors.row)},
          {"column_error", packed_coarsely(centres.errors.column)},
          {"row_plane", plane_json(centres.row_plane)},
          {"column_plane", plane_json(centres.column_plane)},
          {"axes", axes_json(centres.axes)}};
}

json completeness_json(const completeness& found) {
  return {{"frames", found.frames},         {"complete", found.complete},
          {"incomplete", found.incomplete}, {"never_arrived", found.never_arrived},
          {"truncated", found.truncated},   {"with_xrays", found.with_xrays},
          {"xrays", found.xrays},           {"without_sector", found.without_sector}};
}

/// The shares of all cells are few different numbers: each cell has the place of its own among them.
json shares_json(const arrival_content& arrived) {
  if (arrived.shares.empty()) return {{"share", arrived.share}, {"different", nullptr}, {"cells", nullptr}};
  const std::set<double> found(arrived.shares.begin(), arrived.shares.end());
  const std::vector<double> different(found.begin(), found.end());
  std::vector<std::uint64_t> cells;
  for (const double share : arrived.shares)
    cells.push_back(static_cast<std::uint64_t>(std::ranges::lower_bound(different, share) - different.begin()));
  return {{"share", arrived.share}, {"different", different}, {"cells", packed(cells)}};
}

json provenance_json(const store_description& described) {
  json listed = json::array();
  for (const auto& [name, text] : described.provenance) {
    const json parsed = json::parse(text, nullptr, false);
    listed.push_back({name, parsed.is_structured() ? parsed : json(text)});
  }
  return listed;
}

json frames_json(const std::optional<embedded_frames>& frames) {
  if (!frames) return nullptr;
  const auto lines = [](const kept_lines& kept) { return json{{"first", kept.first}, {"count", kept.count}}; };
  return {{"stride", frames->choice.stride},   {"bin", frames->choice.bin},   {"height", frames->shape.height},
          {"width", frames->shape.width},      {"rows", lines(frames->rows)}, {"columns", lines(frames->columns)},
          {"lengths", base64(frames->lengths)}};
}

json page_json(const store_description& described, const scan_content& content, const page_facts& facts,
               const std::optional<embedded_frames>& frames) {
  return {{"title", facts.title},
          {"program", facts.program},
          {"command_line", facts.command_line},
          {"backend", facts.backend},
          {"imaging_seconds", content.imaging_seconds},
          {"store_bytes", facts.store_bytes},
          {"events", content.events},
          {"pixel_mrad", facts.pixel_mrad ? json(*facts.pixel_mrad) : json(nullptr)},
          {"step_nm", facts.step_nm ? json(*facts.step_nm) : json(nullptr)},
          {"dose", facts.dose},
          {"scan",
           {{"height", described.scan.height},
            {"width", described.scan.width},
            {"frames_per_position", described.scan.frames_per_position},
            {"row", axis_json(described.geometry.scan_row)},
            {"column", axis_json(described.geometry.scan_column)}}},
          {"frame",
           {{"height", described.shape.height},
            {"width", described.shape.width},
            {"row", axis_json(described.geometry.row)},
            {"column", axis_json(described.geometry.column)}}},
          {"maps", {{"height", content.maps.height}, {"width", content.maps.width}, {"stride", content.cell.stride}}},
          {"pattern",
           {{"height", content.pattern.height},
            {"width", content.pattern.width},
            {"bin", content.cell.bin},
            {"sum", map_json(content.sum)}}},
          {"centre",
           {{"row", content.centre.row},
            {"column", content.centre.column},
            {"row_error", finite(content.centre_from.centre_error.row)},
            {"column_error", finite(content.centre_from.centre_error.column)},
            {"how", content.centre_from.how},
            {"guess", content.centre_guess}}},
          {"beam", beam_json(content.beam)},
          {"beam_guess", content.beam_guess},
          {"detectors", detectors_json(content)},
          {"counts", map_json(content.counts)},
          {"centre_of_mass", centres_json(content.centres)},
          {"status", packed(content.arrived.status)},
          {"complete", completeness_json(content.arrived.complete)},
          {"arrived", shares_json(content.arrived)},
          {"events_per_frame",
           {{"first", content.events_per_frame.first},
            {"step", content.events_per_frame.step},
            {"frames", content.events_per_frame.frames}}},
          {"radial", {{"step", content.ring_step}, {"electrons_per_pixel", content.radial}, {"errors", content.radial_error}}},
          {"calibration", calibration_json(described.calibrated)},
          {"provenance", provenance_json(described)},
          {"counted", facts.counted},
          {"frames", frames_json(frames)},
          {"colours",
           {{"perceptual", colour_table(colour_map::perceptual)},
            {"hues", hues},
            {"strengths", strengths},
            {"directions", direction_table()}}}};
}

/// Whether a string is its own JSON and its own HTML: all that is packed.
bool is_plain(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != '<'; });
}

/// JSON that no HTML parser mistakes for the end of its script element. File names are any bytes; JSON is UTF-8.
std::string escaped(const std::string& text) {
  std::string made = json(text).dump(-1, ' ', false, json::error_handler_t::replace);
  for (std::size_t at = made.find('<'); at != std::string::npos; at = made.find('<', at)) made.replace(at, 1, "\\u003c");
  return made;
}

void append_string(std::string& page, const std::string& text) {
  if (is_plain(text)) {
    (page += '"').append(text) += '"';
  } else {
    page += escaped(text);
  }
}

void append_json(std::string& page, const json& value) {
  if (value.is_string()) {
    append_string(page, value.get_ref<const std::string&>());
  } else if (value.is_object() || value.is_array()) {
    page += value.is_object() ? '{' : '[';
    const char* before = "";
    for (const auto& item : value.items()) {
      page += std::exchange(before, ",");
      if (value.is_object()) {
        append_string(page, item.key());
        page += ':';
      }
      append_json(page, item.value());
    }
    page += value.is_object() ? '}' : ']';
  } else {
    page += value.dump();
  }
}

std::string html_text(std::string_view plain) {
  std::string text;
  for (const char c : plain) {
    switch (c) {
      case '&': text += "&amp;"; break;
      case '<': text += "&lt;"; break;
      case '>': text += "&gt;"; break;
      case '"': text += "&quot;"; break;
      default: text += c;
    }
  }
  return text;
}

/// The template with each {{NAME}} replaced; what is put in is not searched again.
std::string filled(std::string_view page, const std::vector<std::pair<std::string_view, std::string_view>>& values) {
  std::size_t size = page.size();
  for (const auto& [name, value] : values) size += value.size();
  std::string text;
  text.reserve(size);
  while (!page.empty()) {
    const std::size_t open = page.find("{{");
    text += page.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = page.find("}}", open);
    const std::string_view name = page.substr(open + 2, close - open - 2);
    for (const auto& [known, value] : values) {
      if (known == name) text += value;
    }
    page.remove_prefix(close + 2);
  }
  return text;
}

}  // namespace

std::string make_page(const store_description& described, const scan_content& content, const page_facts& facts,
                      const std::optional<embedded_frames>& frames) {
  std::string data;
  append_json(data, page_json(described, content, facts, frames));
  const std::string title = html_text(facts.title);
  const std::string packed_frames = frames ? base64(frames->frames) : std::string();
  return filled(page_html, {{"title", title},
                            {"css", page_css},
                            {"css_hash", page_css_hash},
                            {"data", data},
                            {"frames", packed_frames},
                            {"js", page_js},
                            {"js_hash", page_js_hash}});
}

}  // namespace countem::cli::report
