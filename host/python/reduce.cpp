// Reductions of parts of a store.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/function.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <countem/centre.hpp>
#include <countem/coincidence.hpp>
#include <countem/dose.hpp>
#include <countem/error.hpp>
#include <countem/pipeline.hpp>
#include <countem/reduction_passes.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/store_reduction.hpp>

#include "host/python/bindings.hpp"
#include "host/python/images.hpp"
#include "host/python/partial_results.hpp"
#include "host/python/shared_store.hpp"
#include "host/python/views.hpp"

namespace countem::python {

namespace {

namespace nb = nanobind;

template <class T>
using detector_array = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

template <class T>
std::vector<T> pixels_of(const detector_array<T>& image, frame_shape grid, const char* what) {
  if (image.shape(0) != grid.height || image.shape(1) != grid.width)
    throw invalid_argument(std::string(what) + " is of " + std::to_string(image.shape(0)) + " x " +
                           std::to_string(image.shape(1)) + " pixels, the frames have " + std::to_string(grid.height) + " x " +
                           std::to_string(grid.width));
  return {image.data(), image.data() + image.size()};
}

/// What Python asks for: items of a plan in the order in which results are numbered, with arrays in the place of files.
struct asked {
  std::vector<std::string> items;
  std::vector<std::pair<std::string, std::optional<detector_array<std::uint8_t>>>> detectors;  ///< text, or name and mask
  std::vector<detector_array<float>> weights;
  std::optional<detector_array<std::uint8_t>> excluded;
  std::optional<detector_array<float>> aperture;
  std::optional<std::pair<double, double>> centre;
  std::filesystem::path vacuum;
};

/// An aperture of one weight beside 0 is a mask.
event_aperture aperture_of(std::vector<float> pixels) {
  event_aperture aperture;
  aperture.detector.name = "aperture";
  float most = 0;
  bool several = false;
  for (const float pixel : pixels) {
    if (!(pixel >= 0) || !(pixel <= std::numeric_limits<float>::max()))
      throw invalid_argument("the pixels of an aperture are weights of 0 or above, and one is " + std::to_string(pixel));
    aperture.detector.mask.push_back(pixel != 0 ? 1 : 0);
    several = several || (pixel != 0 && most != 0 && pixel != most);
    if (pixel != 0) most = pixel;
  }
  if (most == 0) throw invalid_argument("all pixels of the aperture are 0, so that no electron would count");
  if (several) aperture.weights = std::move(pixels);
  return aperture;
}

/// The GIL is held: the arrays are Python's.
reduction_plan planned(const asked& wanted, const result_axes& made) {
  reduction_plan plan = empty_plan();
  for (const std::string& item : wanted.items) add_item(plan, item);
  for (const auto& [text, mask] : wanted.detectors) {
    if (!mask) {
      plan.detectors.push_back(parse_detector(text));
      continue;
    }
    virtual_detector& detector = plan.detectors.emplace_back();
    detector.name = text;
    detector.mask = pixels_of(*mask, made.grid, "a mask");
  }
  for (std::size_t i = 0; i < wanted.weights.size(); ++i)
    plan.weights.push_back({"weights " + std::to_string(i), pixels_of(wanted.weights[i], made.grid, "a weight image"), {}});
  if (wanted.excluded) plan.excluded = pixels_of(*wanted.excluded, made.grid, "the mask of excluded pixels");
  require_included(plan.excluded, "the mask of excluded pixels");
  if (wanted.aperture) plan.com_within = aperture_of(pixels_of(*wanted.aperture, made.grid, "the aperture"));
  if (wanted.centre) plan.beam = given_centre({wanted.centre->first, wanted.centre->second});
  return plan;
}

/// Results of one pass, from which images are made as often as one likes.
struct reduced {
  reduced_store store;
  std::optional<coincidence_result> coincidence;
};

/// Images of the results, with what further items ask for that no event is needed for: a phase, a rotation.
std::vector<saved_image> images_with(const reduced& self, const std::vector<std::string>& items) {
  reduction_plan plan = self.store.plan;
  result_axes axes = self.store.axes;
  for (const std::string& item : items) add_item(plan, item);
  take_lengths(plan, axes.geometry);
  axes.geometry = with_lengths(axes.geometry, plan);
  validate(plan);
  validate(plan, axes.scan);
  return images_of(self.store.result, plan, axes);
}

/// What the beam on the sum of a part depends on.
std::vector<std::uint64_t> key_of(const part_numbers& numbers, incomplete_frames incomplete) {
  std::vector<std::uint64_t> key(numbers.begin(), numbers.end());
  key.push_back(static_cast<std::uint64_t>(incomplete));
  return key;
}

backend backend_from(const std::string& where) {
  const std::optional<backend> named = find_choice<backend>(where);
  if (!named) throw invalid_argument("'" + where + "' is no backend: it is " + listed_words<backend>());
  return *named;
}

/// The whole plan, checked, with the centre of a vacuum scan. Without the GIL.
void complete(reduction_plan& plan, const asked& wanted, const result_axes& made, unsigned threads) {
  if (!wanted.vacuum.empty()) plan.beam = vacuum_beam(wanted.vacuum, made.grid, made.geometry, threads);
  if (plan.beam) plan.centre = plan.beam->centre;
  take_lengths(plan, made.geometry);
  validate(plan);
  validate(plan, made.scan);
}

/// Whether what was found of the beam is kept for the next reduction.
bool keeps_beam(const reduction_plan& plan) {
  return !plan.centre && plan.needs_centre() && plan.excluded.empty();
}

reduced reduce(const shared_store& self, const part_numbers& numbers, const asked& wanted, const std::string& where,
               bool coincidence, unsigned threads) {
  const backend named = backend_from(where);
  const copy_plan part = plan_of(numbers);
  const result_axes made = axes_of_copy(self.get().description(), part);
  reduction_plan plan = planned(wanted, made);
  const nb::gil_scoped_release released;
  complete(plan, wanted, made, threads);
  const reading_options reading = interruptible(threads);
  return self.with([&](const event_store& store) {
    std::optional<found_beam>* kept = nullptr;
    if (keeps_beam(plan)) {
      kept = &self.beam_of(key_of(numbers, plan.incomplete));
      plan.beam = *kept;
      if (plan.beam) plan.centre = plan.beam->centre;
    }
    reduced result{reduce_store(store, plan, part, choose_backend(named).used, reading), {}};
    if (kept != nullptr) *kept = result.store.plan.beam;
    if (coincidence) {
      const reduction_plan cells = in_cells(result.store.plan, made.geometry);
      const detector_masks masks =
          make_masks(cells.detectors, made.grid, cells.centre.value_or(middle_of(made.grid)), plan.excluded);
      result.coincidence = correct_coincidences(store, masks, part.scan, reading);
    }
    return result;
  });
}

using centre_pair = std::optional<std::pair<double, double>>;

/// Reads all frames elsewhere: the pass by its word and the centre that it needs; packed results of windows that follow one
/// another.
using run_in_python = std::function<std::vector<nb::bytes>(const std::string& pass, const centre_pair& centre)>;

/// The same results, of passes that Python has others do. With the GIL.
reduced reduce_elsewhere(const shared_store& self, const part_numbers& numbers, const asked& wanted, const run_in_python& run,
                         unsigned threads) {
  const copy_plan part = plan_of(numbers);
  const result_axes made = axes_of_copy(self.get().description(), part);
  reduction_plan plan = planned(wanted, made);
  std::vector<std::uint8_t> masked = masked_in_copy(self.get().description(), part);
  const bool keeps = keeps_beam(plan) && wanted.vacuum.empty();
  {
    const nb::gil_scoped_release released;
    complete(plan, wanted, made, threads);
    if (keeps) self.with([&](const event_store&) { plan.beam = self.beam_of(key_of(numbers, plan.incomplete)); });
  }
  if (plan.beam) plan.centre = plan.beam->centre;
  const auto run_pass = [&](const reduction_plan& asked, reduction_pass pass) {
    centre_pair centre;
    if (asked.centre) centre = std::make_pair(asked.centre->row, asked.centre->column);
    std::optional<reduction_result> all;
    for (const nb::bytes& bytes : run(std::string(word_of(pass)), centre)) {
      reduction_result next = unpacked({reinterpret_cast<const std::uint8_t*>(bytes.c_str()), bytes.size()});
      if (all) {
        append(*all, next);
      } else {
        all = std::move(next);
      }
    }
    if (!all || all->counts.size() != made.scan.positions() || (!all->sum.empty() && all->sum.size() != made.grid.pixels()))
      throw format_error("what workers reduced is not of this scan: was its file replaced?");
    return std::move(*all);
  };
  reduced result{reduce_in_passes(plan, made, std::move(masked), run_pass), {}};
  if (keeps) {
    const nb::gil_scoped_release released;
    self.with([&](const event_store&) { self.beam_of(key_of(numbers, plan.incomplete)) = result.store.plan.beam; });
  }
  return result;
}

/// One pass over a window of positions, packed.
nb::bytes reduce_window(const shared_store& self, const part_numbers& numbers, const asked& wanted, const std::string& where,
                        const std::string& pass, const centre_pair& centre, unsigned threads) {
  const backend named = backend_from(where);
  const copy_plan part = plan_of(numbers);
  reduction_plan plan = planned(wanted, axes_of_copy(self.get().description(), part));
  if (centre) plan.centre = detector_point{centre->first, centre->second};
  plan = plan_of_pass(plan, choice_from<reduction_pass>(pass));
  std::vector<std::uint8_t> bytes;
  {
    const nb::gil_scoped_release released;
    bytes = self.with([&](const event_store& store) {
      return packed(reduce_pass(store, plan, part, choose_backend(named).used, interruptible(threads)));
    });
  }
  return nb::bytes(bytes.data(), bytes.size());
}

}  // namespace

void bind_reductions(nb::module_& m, nb::class_<shared_store>& store) {
  nb::class_<found_beam>(m, "Beam")
      .def_ro("found", &found_beam::found)
      .def_ro("guess", &found_beam::guess)
      .def_prop_ro("centre", [](const found_beam& self) { return std::make_pair(self.centre.row, self.centre.column); })
      .def_prop_ro("centre_error",
                   [](const found_beam& self) { return std::make_pair(self.centre_error.row, self.centre_error.column); })
      .def_ro("radius", &found_beam::radius)
      .def_ro("radius_error", &found_beam::radius_error)
      .def_ro("electrons", &found_beam::electrons)
      .def_ro("how", &found_beam::how)
      .def_prop_ro("candidates", [](const found_beam& self) {
        std::vector<std::tuple<double, double, double>> disks;
        for (const beam_candidate& disk : self.candidates)
          disks.emplace_back(disk.centre.row, disk.centre.column, disk.electrons);
        return disks;
      });
  nb::class_<reduced>(m, "Reduced")
      .def("images",
           [](const reduced& self, const std::vector<std::string>& items) {
             std::vector<saved_image> images;
             {
               const nb::gil_scoped_release released;
               images = images_with(self, items);
             }
             return to_list(std::move(images));
           })
      .def("corrected",
           [](const reduced& self) {
             const reduced_store& made = self.store;
             return to_list(self.coincidence ? countem::images_of(*self.coincidence, made.plan.detectors, made.axes.scan,
                                                                  scan_axes(made.axes.geometry))
                                             : std::vector<saved_image>{});
           })
      .def("dose",
           [](const reduced& self, double efficiency, double dwell_us, double step_nm) {
             const result_axes& axes = self.store.axes;
             const auto merged = static_cast<std::uint64_t>(axes.geometry.scan_row.step * axes.geometry.scan_column.step + 0.5);
             const auto [events, frames] = self.store.result.exposed();
             const double step = step_nm > 0 ? step_nm : axes.geometry.scan_step_nm;
             const electron_dose dose = dose_of(static_cast<double>(events), frames * merged, axes.scan.frames_per_position,
                                                {efficiency, dwell_us, step});
             return std::make_tuple(dose.electrons_per_frame, dose.electrons_per_frame_error, dose.current_pa,
                                    dose.per_square_angstrom);
           })
      .def_prop_ro("beam", [](const reduced& self) { return self.store.plan.beam; })
      .def_prop_ro("frames", [](const reduced& self) { return self.store.result.frames; })
      .def_prop_ro("events", [](const reduced& self) { return self.store.result.events; })
      .def_prop_ro("incomplete_frames", [](const reduced& self) { return self.store.result.incomplete_frames; })
      .def_prop_ro("missing_frames", [](const reduced& self) { return self.store.result.missing_frames; });
  nb::class_<asked>(m, "Asked")
      .def(
          "__init__",
          [](asked* self, std::vector<std::string> items,
             std::vector<std::pair<std::string, std::optional<detector_array<std::uint8_t>>>> detectors,
             std::vector<detector_array<float>> weights, std::optional<detector_array<std::uint8_t>> excluded,
             std::optional<detector_array<float>> aperture, centre_pair centre, std::filesystem::path vacuum) {
            new (self)
                asked{std::move(items), std::move(detectors), std::move(weights), std::move(excluded), std::move(aperture),
                      centre,           std::move(vacuum)};
          },
          nb::arg("items"), nb::arg("detectors"), nb::arg("weights"), nb::arg("excluded").none(), nb::arg("aperture").none(),
          nb::arg("centre").none(), nb::arg("vacuum"));
  store
      .def("reduce", &reduce, nb::arg("part"), nb::arg("asked"), nb::arg("backend"), nb::arg("coincidence"), nb::arg("threads"))
      .def("reduce_elsewhere", &reduce_elsewhere, nb::arg("part"), nb::arg("asked"), nb::arg("run"), nb::arg("threads"))
      .def("reduce_window", &reduce_window, nb::arg("part"), nb::arg("asked"), nb::arg("backend"), nb::arg("run_pass"),
           nb::arg("centre").none(), nb::arg("threads"));
}

}  // namespace countem::python
