#include "host/cli/advice.hpp"

namespace countem::cli {

// The one place where advice of the library becomes options.
std::string worded(const advice& given) {
  switch (given.kind) {
    case advice_kind::input_format:
      return given.value.empty() ? "name it with --input-format" : "give --input-format " + given.value;
    case advice_kind::scan_size: return "give the true scan with --scan WxH";
    case advice_kind::check_input: return "check --scan and --input-format";
    case advice_kind::dataset:
      return given.value.empty() ? "name one with --dataset, or as FILE:/PATH" : "name one as FILE:/PATH";
    case advice_kind::raw_layout: return "give --shape HxW and --dtype";
    case advice_kind::thresholds: return "give the thresholds (--threshold, --xray-threshold)";
    case advice_kind::background_sigmas:
      return given.value.empty() ? "give the threshold in sigmas (--background-sigma)"
                                 : "give --background-sigma " + given.value;
    case advice_kind::scale:
      return given.value.empty() ? "multiply the raw values (--scale FACTOR)"
                                 : "multiply the raw values with --scale " + given.value;
    case advice_kind::mask: return "mask these pixels (--mask)";
    case advice_kind::dark_reference: return "give a dark reference (--dark)";
    case advice_kind::dark_frames: return "give a dark reference of at least two frames (--dark)";
    case advice_kind::frame_shift: return "subtract each frame's shift (--background frame)";
    case advice_kind::choose_backend: return "use --backend " + given.value;
    case advice_kind::resume_counting: return "resume with --resume";
    case advice_kind::recover_frames: return "save them with countem recover";
    case advice_kind::other_output: return "name another output";
    case advice_kind::replace: return "replace it with --force";
    case advice_kind::accept: return "use it all the same with --force";
  }
  return {};
}

std::string sentence(const std::string& text, const std::vector<advice>& advised) {
  std::string words = text;
  for (const advice& given : advised) words += (&given == advised.data() ? "; " : " or ") + worded(given);
  return words;
}

std::string sentence(const error& failure) {
  return sentence(failure.what(), failure.advised());
}

std::string sentence(const source_issue& issue) {
  return sentence(issue.text, issue.advised);
}

}  // namespace countem::cli
