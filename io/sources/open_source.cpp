#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string_view>

#include <countem/error.hpp>
#include <countem/frame_source.hpp>
#include <countem/record_headers.hpp>

#include "io/files/file.hpp"
#include "io/sources/input_files.hpp"
#include "io/sources/ordered_source.hpp"
#include "io/sources/other_formats.hpp"
#include "io/sources/scaled_source.hpp"
#include "io/sources/source_format.hpp"
#include "io/sources/sources.hpp"

namespace countem {

namespace {

namespace fs = std::filesystem;

/// The first entry for which `fits` holds; null where there is none.
template <class Fits>
const io::source_format* first_that(const Fits& fits) {
  const auto all = io::source_formats();
  const auto found = std::find_if(all.begin(), all.end(), [&](const io::source_format* entry) { return fits(*entry); });
  return found == all.end() ? nullptr : *found;
}

/// By description, first bytes, contents and name, in this order: a name is the weakest evidence.
const io::source_format& find_format(const std::vector<fs::path>& files, const source_options& options) {
  const auto needs_layout = [](const io::source_format& entry) { return entry.facts.needs_layout; };
  const io::source_format* const described = options.raw ? first_that(needs_layout) : nullptr;
  if (described != nullptr && !options.raw_unless_recognised) return *described;
  const fs::path& first = files.front();
  std::array<char, io::source_format::shown_bytes> start{};
  const std::size_t got = io::file_handle::open_read(first).read_at(0, start.data(), start.size());
  const std::string_view bytes(start.data(), got);
  const auto begins = [&](const io::source_format& entry) { return entry.begins != nullptr && entry.begins(bytes); };
  if (const auto* known = first_that(begins)) return *known;
  const auto fits = [&](const io::source_format& entry) {
    return entry.fits != nullptr && io::has_suffix_of(first, entry) && entry.fits(files);
  };
  if (const auto* known = first_that(fits)) return *known;
  const std::string other = io::what_else_begins_so(first, bytes);
  if (described != nullptr && other.empty()) return *described;
  const auto assumed = [&](const io::source_format& entry) {
    return entry.assumed_by_suffix && io::has_suffix_of(first, entry);
  };
  if (const auto* known = first_that(assumed)) return *known;
  if (!other.empty()) throw format_error(first.string() + ": " + other);
  throw format_error(first.string() + ": its format cannot be told from its name or its first bytes",
                     {{advice_kind::input_format}});
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

/// Of files that are no scan together: the one that leads to the others, as a DECTRIS master does. @throws invalid_argument
fs::path leading_file(const std::vector<fs::path>& files, const io::source_format& format) {
  std::vector<fs::path> masters;
  const auto is_master = [](const fs::path& file) { return file.stem().string().ends_with("_master"); };
  std::copy_if(files.begin(), files.end(), std::back_inserter(masters), is_master);
  if (masters.size() == 1) return masters.front();
  constexpr std::size_t most_names = 4;
  const std::vector<fs::path>& choice = masters.empty() ? files : masters;
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
  std::vector<fs::path> files = io::find_input_files(inputs, named, options.darks, issues);
  const io::source_format& format = named != nullptr ? *named : find_format(files, options);
  if (!options.dataset.empty() && !format.facts.has_datasets) {
    throw invalid_argument(fmt::format("{}: is a file of format {}, which holds no datasets: leave out the name {}",
                                       files.front().string(), to_string(format.facts.format), options.dataset));
  }
  if (!format.facts.several_files && files.size() != 1) files = {leading_file(files, format)};
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
