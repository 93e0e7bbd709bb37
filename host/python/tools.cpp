// What else the engine does with stores: tilt-corrected bright field, other programs' files, checks and rescue.
#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <countem/centre.hpp>
#include <countem/convert.hpp>
#include <countem/parallax.hpp>

#include "host/python/bindings.hpp"
#include "host/python/desk.hpp"
#include "host/python/images.hpp"
#include "host/python/shared_store.hpp"
#include "host/python/views.hpp"

namespace countem::python {

namespace {

namespace nb = nanobind;

parallax_result parallax_of(const shared_store& self, const part_numbers& numbers, const parallax_options& options,
                            unsigned threads) {
  const reading_options reading = interruptible(threads);
  return self.with(
      [&](const event_store& store) { return reconstruct_parallax(store, options, plan_of(numbers).scan, reading); });
}

nb::tuple to_tuple(const aberration& term) {
  return nb::make_tuple(name_of(term), term.order, term.symmetry, term.a, term.b, term.a_error, term.b_error);
}

std::vector<std::string> texts(const std::vector<source_issue>& issues) {
  std::vector<std::string> list;
  for (const source_issue& one : issues) list.push_back(one.text);
  return list;
}

}  // namespace

void bind_tools(nb::module_& m, nb::class_<shared_store>& store) {
  nb::class_<parallax_result>(m, "ParallaxResult")
      .def_ro("beam", &parallax_result::beam)
      .def_ro("bright_field", &parallax_result::bright_field)
      .def_ro("in_nm", &parallax_result::in_nm)
      .def_prop_ro("rotation_degrees", [](const parallax_result& self) { return self.rotation.degrees; })
      .def_prop_ro("flip", [](const parallax_result& self) { return self.rotation.flip; })
      .def_ro("rotation_error_degrees", &parallax_result::rotation_error_degrees)
      .def_ro("score", &parallax_result::score)
      .def_ro("other_hand_score", &parallax_result::other_hand_score)
      .def_ro("largest_shift", &parallax_result::largest_shift)
      .def_ro("left_out_frames", &parallax_result::left_out_frames)
      .def("aberrations",
           [](const parallax_result& self) {
             nb::list list;
             for (const aberration& term : self.aberrations) list.append(to_tuple(term));
             return list;
           })
      .def("images", [](const parallax_result& self) { return to_list(images_of(self)); });
  store.def(
      "parallax",
      [](const shared_store& self, const part_numbers& part, std::optional<std::pair<double, double>> centre,
         double bright_field, std::uint32_t upsample, unsigned order, std::optional<bool> flip, std::optional<double> rotation,
         const std::array<double, 4>& scale, unsigned threads) {
        parallax_options options;
        if (centre) options.beam = given_centre({centre->first, centre->second});
        options.bright_field = bright_field;
        options.upsample = upsample;
        options.order = order;
        options.flip = flip;
        options.rotation_degrees = rotation;
        options.scale = {scale[0], scale[1], scale[2], scale[3]};
        return parallax_of(self, part, options, threads);
      },
      nb::arg("part"), nb::arg("centre").none(), nb::arg("bright_field"), nb::arg("upsample"), nb::arg("order"),
      nb::arg("flip").none(), nb::arg("rotation").none(), nb::arg("scale"), nb::arg("threads"),
      nb::call_guard<nb::gil_scoped_release>());
  store.def("export",
            [](const shared_store& self, const std::filesystem::path& output, const std::string& form, bool overwrite) {
              return call_stoppable([&] {
                return self.with([&](const event_store& of) {
                  return export_events(of, output, export_format_from(form), {existing_for(overwrite), {}});
                });
              });
            });
  m.def(
      "import_events",
      [](const std::filesystem::path& input, const std::filesystem::path& output,
         std::optional<std::array<std::uint32_t, 3>> scan, std::optional<std::array<std::uint32_t, 2>> frame,
         std::optional<double> dwell_us, std::optional<double> cluster_ns, bool overwrite) {
        import_options options;
        options.dwell_us = dwell_us;
        options.cluster_ns = cluster_ns;
        if (scan) options.scan = scan_shape{(*scan)[0], (*scan)[1], (*scan)[2]};
        if (frame) options.frame = frame_shape{(*frame)[0], (*frame)[1]};
        options.command_line = "countem.import_events('" + input.string() + "')";
        const output_rules rules{existing_for(overwrite), {}};
        return texts(call_stoppable([&] { return import_events(input, output, options, rules); }));
      },
      nb::arg("input"), nb::arg("output"), nb::arg("scan").none(), nb::arg("frame").none(), nb::arg("dwell_us").none(),
      nb::arg("cluster_ns").none(), nb::arg("overwrite"));
  m.def("verify", [](const std::filesystem::path& path, unsigned threads) {
    return call_stoppable([&] { return verify_event_store(path, threads); });
  });
  m.def("recover", [](const std::filesystem::path& broken, const std::filesystem::path& fixed, bool overwrite) {
    const output_rules rules{existing_for(overwrite), {}};
    const recovery_report report = call_stoppable([&] { return recover_event_store(broken, fixed, rules); });
    return std::make_tuple(report.frames, report.events, report.scan_frames, report.damaged, texts(report.issues));
  });
}

}  // namespace countem::python
