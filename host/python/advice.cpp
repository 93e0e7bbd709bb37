#include "host/python/advice.hpp"

#include <string>
#include <vector>

namespace countem::python {

namespace {

// The one place where advice of the library becomes arguments of Python functions.
std::string worded(const advice& given) {
  switch (given.kind) {
    case advice_kind::input_format: return given.value.empty() ? "name it with format" : "give format='" + given.value + "'";
    case advice_kind::scan_size: return "give the true scan with scan=(rows, columns)";
    case advice_kind::check_input: return "check scan and format";
    case advice_kind::dataset: return given.value.empty() ? "name one with dataset" : "name one as 'FILE:/PATH'";
    case advice_kind::raw_layout: return "give shape=(rows, columns) and dtype";
    case advice_kind::thresholds: return "give threshold and xray_threshold";
    case advice_kind::background_sigmas:
      return given.value.empty() ? "give background_sigma, the threshold in sigmas" : "give background_sigma=" + given.value;
    case advice_kind::scale:
      return given.value.empty() ? "multiply the raw values with scale" : "multiply the raw values with scale=" + given.value;
    case advice_kind::mask: return "mask these pixels with mask";
    case advice_kind::dark_reference: return "give a dark reference with dark";
    case advice_kind::dark_frames: return "give a dark reference of at least two frames with dark";
    case advice_kind::frame_shift: return "subtract the shift of each frame with background='frame'";
    case advice_kind::choose_backend: return "use backend='" + given.value + "'";
    case advice_kind::resume_counting: return "resume with resume=True";
    case advice_kind::recover_frames: return "save them with the program: countem recover";
    case advice_kind::other_output: return "name another output";
    case advice_kind::replace: return "replace it with overwrite=True";
    case advice_kind::accept: return "use it all the same with accept_masked=True";
  }
  return {};
}

std::string with_advice(std::string words, const std::vector<advice>& advised) {
  const char* joint = "; ";
  for (const advice& given : advised) {
    words += joint + worded(given);
    joint = " or ";
  }
  return words;
}

}  // namespace

std::string sentence(const error& failure) {
  return with_advice(failure.what(), failure.advised());
}

std::string sentence(const source_issue& issue) {
  return with_advice(issue.text, issue.advised);
}

std::vector<std::string> sentences(std::span<const source_issue> issues) {
  std::vector<std::string> words;
  for (const source_issue& issue : issues) words.push_back(sentence(issue));
  return words;
}

}  // namespace countem::python
