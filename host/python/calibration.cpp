#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <countem/calibrate.hpp>
#include <countem/error.hpp>
#include <countem/threshold_sweep.hpp>

#include "host/engine/stoppable_source.hpp"
#include "host/python/advice.hpp"
#include "host/python/arrays.hpp"
#include "host/python/bindings.hpp"
#include "host/python/frames.hpp"
#include "host/python/views.hpp"

namespace countem::python {

namespace {

namespace nb = nanobind;

double in_adu(std::int64_t charge) {
  return static_cast<double>(charge) / charge_units_per_adu;
}

engine::stoppable_source stoppable(const frame_source& frames, const desk& serving) {
  return {frames, serving.stop(), "stopped while calibrating: nothing was kept"};
}

/// Darks, gain and mask without thresholds. None of them: nothing is known of a pixel.
calibration references(const raw_frames* dark, const raw_frames* gain, const raw_frames* mask,
                       const std::optional<calibration>& before, unsigned threads) {
  std::atomic<bool> stop{false};
  desk serving(stop);
  const auto open = [&](const raw_frames* frames, reading how) {
    return frames == nullptr ? nullptr : frames->open(serving, how, threads);
  };
  const auto darks = open(dark, reading::in_order);
  const auto gains = open(gain, reading::here_and_there);
  const auto masks = open(mask, reading::here_and_there);
  calibration made = before.value_or(calibration{});
  serving.run([&] {
    if (darks) apply_dark(made, average_darks(stoppable(*darks, serving), threads));
    if (gains) apply_gain(made, *gains);
    if (masks) apply_mask(made, *masks);
  });
  made.references_only = true;
  return made;
}

/// What thresholds are found for, and how; words of the enums.
struct calibrating {
  std::string method = "cluster";
  bool frame_shift = false;  ///< counting subtracts the shift of each frame
  calibration_options options;
};

calibration find_thresholds(const raw_frames& frames, const calibration& references, const calibrating& wanted) {
  const auto method = choice_from<counting_method>(wanted.method);
  if (method == counting_method::counts) {
    const calibration_options& given = wanted.options;
    if (!references.dark16.empty() || !references.gain.empty() || given.background_adu || given.score_adu || given.xray_adu ||
        given.per_pixel_thresholds) {
      throw invalid_argument(
          "method counts takes each pixel's value as its number of electrons and uses nothing of a calibration but its mask: "
          "leave out dark, gain and thresholds");
    }
    calibration masked = references;
    masked.references_only = false;
    return masked;
  }
  std::atomic<bool> stop{false};
  desk serving(stop);
  calibration_options options = wanted.options;
  options.method = method;
  options.background = wanted.frame_shift ? background_method::frame : background_method::none;
  const auto source = frames.open(serving, reading::here_and_there, options.threads);
  calibration found;
  serving.run([&] { found = calibrate(stoppable(*source, serving), references, options); });
  return found;
}

/// A copy with other thresholds, in ADU.
calibration with_thresholds(calibration changed, std::optional<double> background, std::optional<double> xray,
                            std::optional<double> score) {
  if (changed.references_only)
    throw invalid_argument("the calibration holds references alone: calibrate the frames of a scan with it first");
  const auto threshold = [&] { return changed.score16.value_or(changed.background16); };
  const std::int64_t before = threshold();
  if (background) {
    changed.background16 = background_from_adu(*background);
    changed.pixel_background16.clear();
  }
  if (score) changed.score16 = score_from_adu(*score);
  if (xray) changed.xray16 = xray_from_adu(*xray);
  if (changed.xray16 <= changed.background16) {
    throw invalid_argument("the X-ray threshold of " + std::to_string(in_adu(changed.xray16)) +
                           " ADU is not above the background threshold of " + std::to_string(in_adu(changed.background16)) +
                           " ADU: give a higher one with xray");
  }
  if (threshold() == before) return changed;
  // What was found about the other threshold.
  std::erase_if(changed.notes, [](const source_issue& note) { return note.kind == "threshold_in_noise"; });
  if (changed.fit) changed.fit->expected.reset();
  return changed;
}

std::optional<double> false_events(const calibration& used) {
  if (!used.fit) return std::nullopt;
  if (used.fit->expected) return used.fit->expected->per_frame;
  if (!used.pixel_background16.empty()) return std::nullopt;
  return expected_noise(*used.fit, in_adu(used.score16.value_or(used.background16)));
}

/// The number, unless nothing was fitted.
std::optional<double> fitted(const calibration& used, double noise_fit::*number) {
  if (!used.fit || !(used.fit->sigma_adu > 0)) return std::nullopt;
  return (*used.fit).*number;
}

/// First edge, width of a bin, counts up to the last charge.
std::optional<std::tuple<double, double, std::vector<std::uint64_t>>> histogram(const calibration& used) {
  if (!used.fit || used.fit->histogram.empty()) return std::nullopt;
  const std::vector<std::uint64_t>& all = used.fit->histogram;
  const auto last = std::find_if(all.rbegin(), all.rend(), [](std::uint64_t count) { return count != 0; });
  return std::make_tuple(used.fit->histogram_first_adu, used.fit->histogram_step_adu, std::vector(all.begin(), last.base()));
}

std::vector<std::string> notes(const calibration& used) {
  std::vector<std::string> words;
  for (const source_issue& note : used.notes) words.push_back(sentence(note));
  return words;
}

template <class T>
auto image(const std::vector<T>& values) {
  return to_numpy(std::vector<T>(values));
}

void bind_calibrating(nb::module_& m) {
  const auto option = [](auto member) {
    return std::make_pair([member](const calibrating& self) { return self.options.*member; },
                          [member](calibrating& self, decltype(calibration_options{}.*member) value) {
                            self.options.*member = std::move(value);
                          });
  };
  nb::class_<calibrating> type(m, "Calibrating");
  type.def(nb::init<>()).def_rw("method", &calibrating::method).def_rw("frame_shift", &calibrating::frame_shift);
  const auto add = [&](const char* name, auto member) {
    const auto [get, set] = option(member);
    type.def_prop_rw(name, get, set, nb::for_setter(nb::arg("value").none()));
  };
  add("background_sigma", &calibration_options::background_sigmas);
  add("false_events", &calibration_options::false_hits);
  add("xray_sigma", &calibration_options::xray_sigmas);
  add("samples", &calibration_options::samples);
  add("seed", &calibration_options::seed);
  add("per_pixel", &calibration_options::per_pixel_thresholds);
  add("threshold", &calibration_options::background_adu);
  add("score_threshold", &calibration_options::score_adu);
  add("xray_threshold", &calibration_options::xray_adu);
  add("threads", &calibration_options::threads);
  add("accept_masked", &calibration_options::accept_masked);
}

}  // namespace

void bind_calibration(nb::module_& m) {
  bind_calibrating(m);
  nb::class_<calibration>(m, "Calibration")
      .def_prop_ro("frame_shape", [](const calibration& self) { return std::make_tuple(self.shape.height, self.shape.width); })
      .def_ro("references_only", &calibration::references_only)
      .def_ro("dark_frames", &calibration::dark_frames)
      .def_prop_ro("background_adu", [](const calibration& self) { return in_adu(self.background16); })
      .def_prop_ro("xray_adu",
                   [](const calibration& self) {
                     return self.xray16 == no_xray_threshold ? std::numeric_limits<double>::infinity() : in_adu(self.xray16);
                   })
      .def_prop_ro("score_adu",
                   [](const calibration& self) { return self.score16 ? std::optional(in_adu(*self.score16)) : std::nullopt; })
      .def_prop_ro("noise_mean_adu", [](const calibration& self) { return fitted(self, &noise_fit::mean_adu); })
      .def_prop_ro("noise_sigma_adu", [](const calibration& self) { return fitted(self, &noise_fit::sigma_adu); })
      .def_prop_ro("sampled_frames",
                   [](const calibration& self) { return self.fit ? self.fit->frames : std::vector<std::uint64_t>(); })
      .def_prop_ro("false_events", &false_events)
      .def_prop_ro("histogram", &histogram)
      .def_prop_ro("notes", &notes)
      .def_prop_ro(
          "dark16", [](const calibration& self) { return image(self.dark16); }, nb::rv_policy::move)
      .def_prop_ro(
          "gain", [](const calibration& self) { return image(self.gain); }, nb::rv_policy::move)
      .def_prop_ro(
          "mask", [](const calibration& self) { return image(self.mask); }, nb::rv_policy::move)
      .def_prop_ro(
          "pixel_background16", [](const calibration& self) { return image(self.pixel_background16); }, nb::rv_policy::move)
      .def(
          "save",
          [](const calibration& self, const std::filesystem::path& path, bool overwrite) {
            save_calibration(self, path, {existing_for(overwrite), {}});
          },
          nb::arg("path"), nb::arg("overwrite"), nb::call_guard<nb::gil_scoped_release>())
      .def("__eq__", [](const calibration& self, const calibration& other) { return self == other; })
      .def("with_thresholds", &with_thresholds, nb::arg("background").none(), nb::arg("xray").none(), nb::arg("score").none());
  m.def("load_calibration", &load_calibration, nb::arg("path"), nb::call_guard<nb::gil_scoped_release>());
  m.def("references", &references, nb::arg("dark").none(), nb::arg("gain").none(), nb::arg("mask").none(),
        nb::arg("before").none(), nb::arg("threads"));
  m.def("find_thresholds", &find_thresholds, nb::arg("frames"), nb::arg("references"), nb::arg("wanted"));
}

}  // namespace countem::python
