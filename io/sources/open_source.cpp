#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <countem/error.hpp>
#include <countem/frame_source.hpp>
#include <countem/record_headers.hpp>

#include "io/files/file.hpp"
#include "io/sources/find_format.hpp"
#include "io/sources/frame_axes.hpp"
#include "io/sources/input_files.hpp"
#include "io/sources/ordered_source.hpp"
#include "io/sources/other_formats.hpp"
#include "io/sources/scaled_source.hpp"
#include "io/sources/source_format.hpp"
#include "io/sources/sources.hpp"

namespace countem {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view image_expected = "an image of the detector is expected: save it as NPY, MRC or HDF5";

/// Images have no format that could be named, but may be flat.
[[noreturn]] void refuse_unknown(const fs::path& file, std::string_view bytes, const source_options& options) {
  const std::string text = fmt::format("{}: its format cannot be told from its name or its first bytes{}{}", file.string(),
                                       io::what_else_reads_so(bytes) ? ", which read as text" : "",
                                       options.image ? fmt::format(", and {}", image_expected) : std::string());
  throw format_error(text, {{options.image ? advice_kind::raw_layout : advice_kind::input_format}});
}

[[noreturn]] void refuse_other(const fs::path& file, const io::other_format& other, const source_options& options) {
  const std::string expected =
      options.image ? std::string(image_expected) : fmt::format("raw frames are expected: {}", other.to_count);
  throw other_kind_error(fmt::format("{}: {}, and {}", file.string(), other.words, expected));
}

/// Which version of the 4D Camera wrote a frame is not in its bytes, and a wrong one turns its quarters into each other.
void refuse_camera_frames(const fs::path& file, const io::source_format& format, const source_options& options) {
  if (!options.image || format.facts.family.empty()) return;
  throw other_kind_error(
      fmt::format("{}: holds raw frames of a camera ({}), and {}", file.string(), format.facts.family, image_expected));
}

/// A layout of flat frames was given for a file that shows to be something else.
void refuse_layout(const fs::path& file, std::string_view bytes) {
  const io::source_format* const known = io::format_by_beginning(file, bytes);
  const std::optional<io::other_format> other = io::what_else_begins_so(file, bytes);
  if (known == nullptr && !other) return;
  throw format_error(
      fmt::format(
          "{}: {}, and a layout of flat frames was given: leave it out, or state that the frames are flat", file.string(),
          known != nullptr ? fmt::format("is a file of format {}", to_string(known->facts.format)) : std::string(other->words)),
      {{advice_kind::input_format, std::string(to_string(io::format_by_description()->facts.format))}});
}

/// By description, first bytes, contents and name, in this order: a name is the weakest evidence.
const io::source_format& find_format(const std::vector<fs::path>& files, const source_options& options) {
  const io::source_format* const described = options.raw ? io::format_by_description() : nullptr;
  const fs::path& first = files.front();
  const std::string bytes = io::first_bytes(first, io::source_format::shown_bytes);
  if (described != nullptr && !options.raw_unless_recognised) {
    refuse_layout(first, bytes);
    return *described;
  }
  if (const auto* known = io::format_by_contents(files, bytes)) return *known;
  const std::optional<io::other_format> other = io::what_else_begins_so(first, bytes);
  if (described != nullptr && !other) return *described;
  if (const auto* known = io::format_by_suffix(first)) return *known;
  if (other) refuse_other(first, *other, options);
  refuse_unknown(first, bytes, options);
}

void require_records(const io::source_format& format) {
  if (format.save_headers != nullptr) return;
  throw invalid_argument(fmt::format("headers are kept of the records of the 4D Camera, versions 3 to 5, and the files are {}",
                                     to_string(format.facts.format)));
}

/// FILE:/PATH names a dataset of a file, where no file has that whole name.
void split_dataset(fs::path& input, source_options& options) {
  const std::string text = input.string();
  const std::size_t colon = text.find(":/");
  std::error_code absent;
  if (colon == std::string::npos || fs::exists(input, absent) || !fs::is_regular_file(text.substr(0, colon), absent)) return;
  if (!options.dataset.empty() && options.dataset != text.substr(colon + 1)) {
    throw invalid_argument(fmt::format("{}: two datasets are named, this and {}", text, options.dataset));
  }
  options.dataset = text.substr(colon + 1);
  input = text.substr(0, colon);
}

/// "2 of .h5 (a.h5, ...), 1 of .npy (b.npy)"
std::string kinds_of(const std::vector<fs::path>& files) {
  std::map<std::string, std::vector<fs::path>> kinds;
  for (const fs::path& file : files) kinds[file.extension().string()].push_back(file);
  std::string words;
  for (const auto& [suffix, alike] : kinds) {
    words += fmt::format("{}{} {} ({}{})", words.empty() ? "" : ", ", alike.size(), suffix.empty() ? "without suffix" : suffix,
                         alike.front().string(), alike.size() > 1 ? ", ..." : "");
  }
  return words;
}

/// Of files that are no scan together: the one that leads to the others, as a DECTRIS master does. @throws invalid_argument
fs::path leading_file(const std::vector<fs::path>& files, const io::source_format& format) {
  std::vector<fs::path> masters;
  const auto is_master = [](const fs::path& file) { return file.stem().string().ends_with("_master"); };
  std::copy_if(files.begin(), files.end(), std::back_inserter(masters), is_master);
  if (masters.size() == 1) return masters.front();
  constexpr std::size_t most_names = 4;
  const std::vector<fs::path>& choice = masters.empty() ? files : masters;
  const auto differs = [&](const fs::path& file) { return file.extension() != choice.front().extension(); };
  if (std::any_of(choice.begin(), choice.end(), differs)) {
    throw invalid_argument(
        fmt::format("files of several formats were given, {}: name the one that holds the scan", kinds_of(choice)));
  }
  std::string names;
  for (std::size_t at = 0; at < std::min(choice.size(), most_names); ++at) names += (at == 0 ? "" : ", ") + choice[at].string();
  throw invalid_argument(fmt::format("{} {} files were given, a scan of this format is one file: name it ({}{})", files.size(),
                                     to_string(format.facts.format), names, choice.size() > most_names ? ", ..." : ""));
}

/// The files of a scan and their format.
struct found_scan {
  std::vector<fs::path> files;
  const io::source_format& format;
  io::issue_list issues;
};

/// May move the name of a dataset from an input to the options.
found_scan find_scan(std::vector<fs::path> inputs, source_options& options) {
  if (inputs.size() == 1) split_dataset(inputs.front(), options);
  if (options.scan) io::check_given_scan(*options.scan);
  io::issue_list issues;
  const io::source_format* const named = options.format ? &io::entry_of(options.format->name()) : nullptr;
  const io::source_format* const described =
      options.raw && !options.raw_unless_recognised ? io::format_by_description() : nullptr;
  std::vector<fs::path> files = io::find_input_files(inputs, named != nullptr ? named : described, options.darks, issues);
  const io::source_format* found = named != nullptr ? named : &find_format(files, options);
  if (!found->facts.several_files && files.size() != 1) {
    files = {leading_file(files, *found)};
    if (named == nullptr) found = &find_format(files, options);
  }
  const io::source_format& format = *found;
  refuse_camera_frames(files.front(), format, options);
  if (!options.dataset.empty() && !format.facts.has_datasets) {
    throw invalid_argument(fmt::format("{}: is a file of format {}, which holds no datasets: leave out the name {}",
                                       files.front().string(), to_string(format.facts.format), options.dataset));
  }
  if (options.darks) options.axes = options.axes.empty() || !format.facts.has_axes ? "" : io::axes_of_darks(options.axes);
  if (!options.axes.empty() && !format.facts.has_axes) {
    throw invalid_argument(fmt::format("{}: is a file of format {}, which defines its axes: leave out the names {}",
                                       files.front().string(), to_string(format.facts.format), options.axes));
  }
  if (!options.headers.empty()) require_records(format);
  return {std::move(files), format, std::move(issues)};
}

std::unique_ptr<frame_source> open_recording(const std::vector<fs::path>& files, const io::source_format& format,
                                             const source_options& options, io::issue_list issues) {
  if (options.scale == 1) return format.open(files, options, std::move(issues));
  if (!(std::isfinite(options.scale) && options.scale > 0))
    throw invalid_argument(fmt::format("the factor {} on raw values is not a finite number above 0", options.scale));
  source_options unscaled = options;
  unscaled.keep_fractions = true;  // 1/16 of what unit is known only behind the factor
  return io::scaled(format.open(files, unscaled, std::move(issues)), options.scale);
}

}  // namespace

std::unique_ptr<frame_source> open_source(const std::vector<fs::path>& inputs, const source_options& given) {
  source_options options = given;
  const found_scan found = find_scan(inputs, options);
  return io::along_path(
      [&](const source_options& recorded_as) { return open_recording(found.files, found.format, recorded_as, found.issues); },
      options);
}

std::vector<fs::path> find_source_files(const std::vector<fs::path>& inputs, const source_options& given) {
  source_options options = given;
  return find_scan(inputs, options).files;
}

std::vector<fs::path> files_behind(const std::vector<fs::path>& inputs, const source_options& options) {
  const auto stands_for_itself = [](const fs::path& path) {
    std::error_code absent;
    return path.empty() || fs::is_regular_file(path, absent);
  };
  if (std::all_of(inputs.begin(), inputs.end(), stands_for_itself)) return inputs;
  try {
    return find_source_files(inputs, options);
  } catch (const error&) {  // reported where they are opened
    return inputs;
  }
}

kept_headers save_record_headers(const std::vector<fs::path>& inputs, const source_options& given, const fs::path& output,
                                 const output_rules& rules) {
  source_options options = given;
  auto [files, format, issues] = find_scan(inputs, options);
  require_records(format);
  if (!options.path.is_plain())
    throw invalid_argument("the headers of records are kept as they were recorded: the path of the scan (" +
                           words_of(options.path) + ") belongs to what opens the scan by them");
  return format.save_headers(files, options, std::move(issues), output, rules);
}

}  // namespace countem
