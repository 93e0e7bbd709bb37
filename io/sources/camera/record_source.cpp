#include <fmt/format.h>

#include <algorithm>

#include <countem/error.hpp>

#include "io/sources/camera/camera_source.hpp"
#include "io/sources/camera/header_file.hpp"
#include "io/sources/camera/record_index.hpp"
#include "io/sources/camera/records.hpp"
#include "io/sources/indexed_source.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

/// The sentence for a file whose headers make no sense at this record length.
[[noreturn]] void throw_wrong_version(const fs::path& path, const input_format& named) {
  const std::string what = fmt::format("{}: the headers found every {} bytes, as {} records have them, do not agree on a scan",
                                       path.string(), layout_of(named).record_bytes(), to_string(named));
  for (const input_format& other : {camera::v5, camera::v3}) {
    if (layout_of(other).record_bytes() == layout_of(named).record_bytes() || !fits_version(path, other)) continue;
    throw format_error(what + (other == camera::v3 ? "; it reads well as v3" : "; it reads well as v5 or v4"),
                       {{advice_kind::input_format, std::string(to_string(other))}});
  }
  throw format_error(what + "; it fits no version from v3 to v5: check that it is 4D Camera raw data");
}

std::uint32_t module_of(const fs::path& path, const camera_layout& layout) {
  if (layout.sectors == 1) return 0;
  const std::optional<std::uint32_t> module = module_in_name(path);
  if (!module || *module >= layout.sectors) {
    const std::string problem = module ? fmt::format("its name says module {}, the camera has modules 0 to 3", *module)
                                       : std::string("its name does not say which module (sector) it holds");
    const std::string what = path.string() + ": " + problem;
    if (fits_version(path, camera::v3)) {
      throw format_error(what + "; it reads well as v3", {{advice_kind::input_format, std::string(to_string(camera::v3))}});
    }
    throw format_error(what + "; a name like data_scan0000000001_id0000_module0_raw.data does");
  }
  return *module;
}

/// Opens the files, in an order that does not depend on how they were given, with their headers.
std::vector<record_file> open_files(std::vector<fs::path> paths, const camera_layout& layout, const fs::path& headers) {
  if (paths.size() > frame_index::max_files)
    throw invalid_argument(fmt::format("{} files are more than one scan may have (65535)", paths.size()));
  std::sort(paths.begin(), paths.end());
  std::vector<record_file> files;
  for (const fs::path& path : paths) {
    const std::uint32_t module = module_of(path, layout);
    files.push_back(open_record_file(path, layout));
    files.back().module = module;
  }
  if (headers.empty()) {
    read_headers(files, layout);
  } else {
    load_headers(files, layout, headers);
  }
  return files;
}

/// Files of two scans: of two numbers, or of one number and two sizes, unless the size is given. A header that is wrong is no
/// scan: two records must agree.
void require_one_scan(const record_file& first, const scan_identity& its, const record_file& other, const scan_identity& others,
                      bool scan_given) {
  if (its.scan_number != others.scan_number) {
    throw format_error(fmt::format("{} holds scan {} but {} holds scan {}: give the files of one scan", first.path().string(),
                                   its.scan_number, other.path().string(), others.scan_number));
  }
  const auto twice = [](const record_file& file, const scan_identity& one) {
    const std::vector<scan_identity> all = identities(file);
    return std::count(all.begin(), all.end(), one) > 1;
  };
  if (its == others || scan_given || !twice(first, its) || !twice(other, others)) return;
  throw format_error(fmt::format(
      "{} holds scan {} of {} x {} positions (width x height) but {} holds one of {} x {} under the "
      "same number: give the files of one scan",
      first.path().string(), its.scan_number, its.width, its.height, other.path().string(), others.width, others.height));
}

/// Scan number and size that most records name.
scan_identity identity_of(const std::vector<record_file>& files, const camera_layout& layout, bool scan_given) {
  std::vector<scan_identity> all;
  const record_file* first = nullptr;
  scan_identity of_first;
  for (const record_file& file : files) {
    const std::vector<scan_identity> found = identities(file);
    if (found.empty()) continue;
    const std::optional<scan_identity> agreed = agreed_scan(file);
    if (!agreed) throw_wrong_version(file.path(), layout.format);
    if (first == nullptr) {
      first = &file;
      of_first = *agreed;
    } else {
      require_one_scan(*first, of_first, file, *agreed, scan_given);
    }
    all.insert(all.end(), found.begin(), found.end());
  }
  if (all.empty()) {
    throw format_error(fmt::format("{}: holds no {} record header (a record is {} bytes, the file has {})",
                                   files.front().path().string(), to_string(layout.format), layout.record_bytes(),
                                   files.front().bytes));
  }
  return majority(all);
}

/// Notes frames of which no sector arrived, and those of which some did.
void count_losses(const frame_index& index, std::size_t parts, source_info& info) {
  std::uint64_t arrived = 0;
  for (std::size_t at = 0; at < index.parts.size(); at += parts) {
    const auto frame = index.parts.begin() + static_cast<std::ptrdiff_t>(at);
    const auto lost = std::count(frame, frame + static_cast<std::ptrdiff_t>(parts), frame_index::missing);
    if (lost == static_cast<std::ptrdiff_t>(parts)) continue;
    ++arrived;
    if (lost != 0) ++info.incomplete_frames;
  }
  info.missing_frames = info.scan.frames() - arrived;
}

/// What is known of the scan, and where its frames lie.
std::pair<source_info, frame_index> understand(const std::vector<record_file>& files, const camera_layout& layout,
                                               const source_options& options, issue_list& issues) {
  source_info info;
  info.format = layout.format;
  info.shape = camera_frame;
  info.split = layout.split;
  auto [scan, index] = index_records(files, layout, identity_of(files, layout, options.scan.has_value()), options, issues);
  info.scan = scan;
  count_losses(index, layout.sectors, info);
  if (info.missing_frames == info.scan.frames()) {
    throw format_error(fmt::format("{}: holds not one whole {} record: a record is {} bytes, the file has {}",
                                   files.front().path().string(), to_string(layout.format), layout.record_bytes(),
                                   files.front().bytes));
  }
  if (info.missing_frames > 0) {
    issues.add(
        "missing_frame", files.front().path(),
        [&] {
          return fmt::format("of the scan's {} frames, {} are in none of the files", info.scan.frames(), info.missing_frames);
        },
        info.missing_frames);
  }
  for (const record_file& file : files) info.files.push_back(file.file.opened());
  info.issues = issues.take();
  return {std::move(info), std::move(index)};
}

}  // namespace

std::unique_ptr<frame_source> open_camera_records(const std::vector<fs::path>& paths, const input_format& format,
                                                  const source_options& options, issue_list issues) {
  const camera_layout layout = layout_of(format);
  std::vector<record_file> files = open_files(paths, layout, options.headers);
  auto [info, index] = understand(files, layout, options, issues);
  std::vector<file_handle> handles;
  for (record_file& file : files) handles.push_back(std::move(file.file));
  return make_indexed_source(std::move(info), std::move(handles), std::move(index), options.in_place);
}

kept_headers save_camera_headers(const std::vector<fs::path>& paths, const input_format& format, const source_options& options,
                                 issue_list issues, const fs::path& output, const output_rules& rules) {
  const camera_layout layout = layout_of(format);
  const std::vector<record_file> files = open_files(paths, layout, options.headers);
  kept_headers kept;
  kept.scan = understand(files, layout, options, issues).first;
  kept.files = files.size();
  for (const record_file& file : files) kept.records += file.headers.size();
  save_headers(files, layout, output, rules);
  return kept;
}

}  // namespace countem::io
