#include "io/store/difference.hpp"

#include <array>
#include <cstring>

#include <countem/folded_store.hpp>

namespace countem::io {

namespace {

using side = const counted_with&;

/// Bit for bit: a gain that is not a number masks its pixel, and is no difference from itself.
bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

/// The geometry of `a`, but for the sectors, which stores of the first versions do not name.
store_geometry with_axes_of(side a, side b) {
  store_geometry axes = a.description.geometry;
  axes.detector = b.description.geometry.detector;
  axes.split = b.description.geometry.split;
  return axes;
}

/// `changed` with all that the table names, or that does not decide what is counted, as in `wanted`.
counting_options with_known_fields(counting_options changed, const counting_options& wanted) {
  changed.method = wanted.method;
  changed.row_noise = wanted.row_noise;
  changed.background = wanted.background;
  changed.min_cluster_size = wanted.min_cluster_size;
  changed.max_cluster_size = wanted.max_cluster_size;
  changed.values = wanted.values;
  changed.upsample = wanted.upsample;
  return changed;
}

calibration with_known_fields(calibration changed, const calibration& wanted) {
  changed.shape = wanted.shape;  // the sizes of the references that are there
  changed.dark16 = wanted.dark16;
  changed.gain.clear();  // compared by bits
  changed.mask = wanted.mask;
  changed.background16 = wanted.background16;
  changed.pixel_background16 = wanted.pixel_background16;
  changed.score16 = wanted.score16;
  changed.references_only = wanted.references_only;  // never where something was counted
  changed.xray16 = wanted.xray16;
  changed.dark_sigma_adu.clear();  // where it came from is not used in counting
  changed.dark_frames = 0;
  changed.fit.reset();
  changed.notes.clear();
  changed.dark_files.clear();
  return changed;
}

constexpr std::array table = {
    compared_field{"frames of another size", [](side a, side b) { return a.description.shape == b.description.shape; }},
    compared_field{"another scan size", [](side a, side b) { return a.description.scan == b.description.scan; }},
    compared_field{"another path of the scan",
                   [](side a, side b) { return recorded_path(a.description) == recorded_path(b.description); }},
    compared_field{"other axes", [](side a, side b) { return with_axes_of(a, b) == b.description.geometry; }},
    compared_field{"another upsampling",
                   [](side a, side b) { return a.description.options.upsample == b.description.options.upsample; }},
    compared_field{"counts of another width", [](side a, side b) { return a.element_bytes == b.element_bytes; }},
    compared_field{"another counting method",
                   [](side a, side b) { return a.description.options.method == b.description.options.method; }},
    compared_field{"another correction of row noise",
                   [](side a, side b) { return a.description.options.row_noise == b.description.options.row_noise; }},
    compared_field{"another subtraction of the frames' shift",
                   [](side a, side b) { return a.description.options.background == b.description.options.background; }},
    compared_field{
        "another smallest cluster size",
        [](side a, side b) { return a.description.options.min_cluster_size == b.description.options.min_cluster_size; }},
    compared_field{
        "another largest cluster size",
        [](side a, side b) { return a.description.options.max_cluster_size == b.description.options.max_cluster_size; }},
    compared_field{"other event values",
                   [](side a, side b) { return a.description.options.values == b.description.options.values; }},
    compared_field{"another dark reference",
                   [](side a, side b) { return a.description.calibrated.dark16 == b.description.calibrated.dark16; }},
    compared_field{"another gain reference",
                   [](side a, side b) { return same_bits(a.description.calibrated.gain, b.description.calibrated.gain); }},
    compared_field{"another pixel mask",
                   [](side a, side b) { return a.description.calibrated.mask == b.description.calibrated.mask; }},
    compared_field{
        "another background threshold",
        [](side a, side b) { return a.description.calibrated.background16 == b.description.calibrated.background16; }},
    compared_field{"other background thresholds of pixels",
                   [](side a, side b) {
                     return a.description.calibrated.pixel_background16 == b.description.calibrated.pixel_background16;
                   }},
    compared_field{"another score threshold",
                   [](side a, side b) { return a.description.calibrated.score16 == b.description.calibrated.score16; }},
    compared_field{"another X-ray threshold",
                   [](side a, side b) { return a.description.calibrated.xray16 == b.description.calibrated.xray16; }},
    compared_field{"other counting options",
                   [](side a, side b) {
                     return with_known_fields(a.description.options, b.description.options) == b.description.options;
                   }},
    compared_field{"another calibration",
                   [](side a, side b) {
                     const calibration& wanted = b.description.calibrated;
                     return with_known_fields(a.description.calibrated, wanted) == with_known_fields(wanted, wanted);
                   }},
};

}  // namespace

std::span<const compared_field> compared_fields() {
  return table;
}

std::vector<std::string> differences(const counted_with& a, const counted_with& b) {
  std::vector<std::string> found;
  for (const compared_field& field : table) {
    if (!field.is_same(a, b)) found.emplace_back(field.difference);
  }
  return found;
}

std::string list_of(std::span<const std::string> words) {
  std::string list;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) list += i + 1 == words.size() ? " and " : ", ";
    list += words[i];
  }
  return list;
}

}  // namespace countem::io
