#include "io/store/calibration_group.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/input_file.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "io/hdf5/storage.hpp"

namespace countem::io {

namespace {

constexpr int deflate_level = 4;
constexpr std::uint64_t max_histogram_bins = std::uint64_t{1} << 24;
constexpr std::uint64_t max_sampled_frames = std::uint64_t{1} << 32;

template <class T>
void write_image(hid_t group, const std::string& name, frame_shape shape, const std::vector<T>& pixels) {
  if (pixels.empty()) return;
  if (pixels.size() != shape.pixels())
    throw invalid_argument("calibration: " + name + " does not have the calibration's shape");
  write_dataset(group, name, {shape.height, shape.width}, pixels.data(), deflate_level);
}

template <class T>
std::vector<T> read_image(hid_t group, const std::string& name, frame_shape shape) {
  if (!has_path(group, name)) return {};
  std::vector<hsize_t> extent;
  std::vector<T> pixels = read_dataset<T>(group, name, &extent, shape.pixels());
  if (extent != std::vector<hsize_t>{shape.height, shape.width}) {
    throw format_error("calibration " + name + " does not have the calibration's shape");
  }
  return pixels;
}

double adu(std::int32_t charge) {
  return charge == no_xray_threshold ? std::numeric_limits<double>::infinity()
                                     : static_cast<double>(charge) / charge_units_per_adu;
}

void write_fit(hid_t group, const noise_fit& fit) {
  write_attribute(group, "mean_adu", fit.mean_adu);
  write_attribute(group, "sigma_adu", fit.sigma_adu);
  write_attribute(group, "sample_mean_adu", fit.sample_mean_adu);
  write_attribute(group, "sample_sigma_adu", fit.sample_sigma_adu);
  write_attribute(group, "sample_min_adu", fit.sample_min_adu);
  write_attribute(group, "sample_max_adu", fit.sample_max_adu);
  write_attribute(group, "background_sigmas", fit.background_sigmas);
  if (fit.expected) {
    write_attribute(group, "false_hits_per_frame", fit.expected->per_frame);
    write_attribute(group, "false_hits_share", fit.expected->share);
  }
  write_attribute(group, "xray_sigmas", fit.xray_sigmas);
  write_attribute(group, "seed", fit.seed);
  write_attribute(group, "histogram_first_adu", fit.histogram_first_adu);
  write_attribute(group, "histogram_step_adu", fit.histogram_step_adu);
  write_dataset(group, "frames", {fit.frames.size()}, fit.frames.data(), deflate_level);
  write_dataset(group, "histogram", {fit.histogram.size()}, fit.histogram.data(), deflate_level);
  if (fit.curve.charges.empty()) return;
  write_attribute(group, "curve_first_adu", fit.curve.first_adu);
  write_attribute(group, "curve_step_adu", fit.curve.step_adu);
  write_dataset(group, "charges_beyond", {fit.curve.charges.size()}, fit.curve.charges.data(), deflate_level);
  write_dataset(group, "mirrored_beyond", {fit.curve.noise.size()}, fit.curve.noise.data(), deflate_level);
}

threshold_curve read_curve(hid_t group) {
  threshold_curve curve;
  if (!has_path(group, "charges_beyond")) return curve;
  curve.first_adu = read_number_attribute<double>(group, "curve_first_adu");
  curve.step_adu = read_number_attribute<double>(group, "curve_step_adu");
  curve.charges = read_dataset<std::uint64_t>(group, "charges_beyond", nullptr, max_histogram_bins);
  curve.noise = read_dataset<std::uint64_t>(group, "mirrored_beyond", nullptr, max_histogram_bins);
  return curve;
}

noise_fit read_fit(hid_t group) {
  noise_fit fit;
  fit.mean_adu = read_number_attribute<double>(group, "mean_adu");
  fit.sigma_adu = read_number_attribute<double>(group, "sigma_adu");
  fit.sample_mean_adu = read_number_attribute<double>(group, "sample_mean_adu");
  fit.sample_sigma_adu = read_number_attribute<double>(group, "sample_sigma_adu");
  fit.sample_min_adu = read_number_attribute<double>(group, "sample_min_adu");
  fit.sample_max_adu = read_number_attribute<double>(group, "sample_max_adu");
  fit.background_sigmas = read_number_attribute<double>(group, "background_sigmas");
  if (has_attribute(group, "false_hits_per_frame")) {
    fit.expected = false_hits{read_number_attribute<double>(group, "false_hits_per_frame"),
                              read_number_attribute<double>(group, "false_hits_share")};
  }
  fit.xray_sigmas = read_number_attribute<double>(group, "xray_sigmas");
  fit.seed = read_number_attribute<std::uint64_t>(group, "seed");
  fit.histogram_first_adu = read_number_attribute<double>(group, "histogram_first_adu");
  fit.histogram_step_adu = read_number_attribute<double>(group, "histogram_step_adu");
  fit.frames = read_dataset<std::uint64_t>(group, "frames", nullptr, max_sampled_frames);
  fit.histogram = read_dataset<std::uint64_t>(group, "histogram", nullptr, max_histogram_bins);
  fit.curve = read_curve(group);
  return fit;
}

}  // namespace

void write_calibration(hid_t group, const calibration& saved) {
  const auto lock = hdf5_lock();
  write_attribute(group, "height", std::int64_t{saved.shape.height});
  write_attribute(group, "width", std::int64_t{saved.shape.width});
  write_attribute(group, "charge_units_per_adu", std::int64_t{charge_units_per_adu});
  write_attribute(group, "references_only", std::int64_t{saved.references_only ? 1 : 0});
  write_attribute(group, "background16", std::int64_t{saved.background16});
  write_attribute(group, "xray16", std::int64_t{saved.xray16});
  if (saved.score16) {
    write_attribute(group, "score16", std::int64_t{*saved.score16});
    write_attribute(group, "score_threshold_adu", static_cast<double>(*saved.score16) / charge_units_per_adu);
  }
  write_attribute(group, "background_threshold_adu", adu(saved.background16));
  write_attribute(group, "xray_threshold_adu", adu(saved.xray16));
  write_attribute(group, "dark_frames", saved.dark_frames);
  if (!saved.notes.empty()) write_attribute(group, "notes", issues_text(saved.notes));
  write_image(group, "dark16", saved.shape, saved.dark16);
  write_image(group, "gain", saved.shape, saved.gain);
  write_image(group, "mask", saved.shape, saved.mask);
  write_image(group, "pixel_background16", saved.shape, saved.pixel_background16);
  write_image(group, "dark_sigma_adu", saved.shape, saved.dark_sigma_adu);
  if (saved.fit) write_fit(make_group(group, "fit"), *saved.fit);
}

calibration read_calibration(hid_t group) {
  const auto lock = hdf5_lock();
  calibration read;
  read.shape = {read_number_attribute<std::uint32_t>(group, "height"), read_number_attribute<std::uint32_t>(group, "width")};
  if (read.shape.pixels() > max_pixels) throw format_error("the calibration's frames have more than 2^32 - 1 pixels");
  if (read_number_attribute<std::int64_t>(group, "charge_units_per_adu") != charge_units_per_adu) {
    throw format_error("the calibration's charges are not in 1/16 ADU");
  }
  read.references_only =
      has_attribute(group, "references_only") && read_number_attribute<std::int64_t>(group, "references_only") != 0;
  read.background16 = read_number_attribute<std::int32_t>(group, "background16");
  read.xray16 = read_number_attribute<std::int32_t>(group, "xray16");
  if (has_attribute(group, "score16")) read.score16 = read_number_attribute<std::int64_t>(group, "score16");
  read.dark_frames = read_number_attribute<std::uint64_t>(group, "dark_frames");
  if (has_attribute(group, "notes")) read.notes = issues_from(read_text_attribute(group, "notes"));
  read.dark16 = read_image<std::int32_t>(group, "dark16", read.shape);
  read.gain = read_image<float>(group, "gain", read.shape);
  read.mask = read_image<std::uint8_t>(group, "mask", read.shape);
  read.pixel_background16 = read_image<std::int32_t>(group, "pixel_background16", read.shape);
  read.dark_sigma_adu = read_image<float>(group, "dark_sigma_adu", read.shape);
  if (has_path(group, "fit")) read.fit = read_fit(open_group(group, "fit"));
  try {
    validate(read, read.shape);
  } catch (const invalid_argument& reason) {
    throw format_error(std::string("the stored calibration contradicts itself: ") + reason.what());
  }
  return read;
}

}  // namespace countem::io
