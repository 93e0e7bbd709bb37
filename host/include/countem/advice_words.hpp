#pragma once

#include <array>
#include <string_view>

#include <countem/choices.hpp>
#include <countem/error.hpp>

namespace countem {

/// How files keep advice.
template <>
struct choice_table<advice_kind> {
  static constexpr std::string_view what = "kind of advice";  ///< in a sentence
  /// In the order of the enumerators.
  static constexpr std::array<choice<advice_kind>, 18> entries{
      {{advice_kind::input_format, "input_format", "name the format of the input"},
       {advice_kind::scan_size, "scan_size", "give the scan size"},
       {advice_kind::check_input, "check_input", "check scan size and format"},
       {advice_kind::dataset, "dataset", "name the dataset"},
       {advice_kind::raw_layout, "raw_layout", "describe the flat binary file"},
       {advice_kind::thresholds, "thresholds", "give both thresholds"},
       {advice_kind::background_sigmas, "background_sigmas", "give the background threshold in sigmas of the noise"},
       {advice_kind::scale, "scale", "multiply the raw values"},
       {advice_kind::mask, "mask", "mask the pixels"},
       {advice_kind::dark_reference, "dark_reference", "give a dark reference"},
       {advice_kind::dark_frames, "dark_frames", "give at least two dark frames"},
       {advice_kind::frame_shift, "frame_shift", "subtract the shift of each frame"},
       {advice_kind::choose_backend, "choose_backend", "use another backend"},
       {advice_kind::resume_counting, "resume_counting", "resume the count"},
       {advice_kind::recover_frames, "recover_frames", "save the frames into a new store"},
       {advice_kind::other_output, "other_output", "name another output"},
       {advice_kind::replace, "replace", "allow to replace what is there"},
       {advice_kind::accept, "accept", "use the input all the same"}}};
};

}  // namespace countem
