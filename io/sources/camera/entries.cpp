#include "io/sources/camera/entries.hpp"

#include "io/sources/camera/camera_source.hpp"
#include "io/sources/camera/format.hpp"
#include "io/sources/camera/records.hpp"

namespace countem::io {

namespace {

using paths = std::vector<std::filesystem::path>;

input_format_facts facts(const input_format& version) {
  return {.format = version, .family = "4D Camera", .suffixes = {".data"}, .several_files = true};
}

template <const input_format& version>
std::unique_ptr<frame_source> open_blocks(const paths& files, const source_options& options, issue_list issues) {
  return open_camera_blocks(files, version, options, std::move(issues));
}

template <const input_format& version>
std::unique_ptr<frame_source> open_records(const paths& files, const source_options& options, issue_list issues) {
  return open_camera_records(files, version, options, std::move(issues));
}

template <const input_format& version>
kept_headers save_headers_of(const paths& files, const source_options& options, issue_list issues,
                             const std::filesystem::path& output, const output_rules& rules) {
  return save_camera_headers(files, version, options, std::move(issues), output, rules);
}

template <const input_format& version>
bool is_guessed(const paths& files) {
  return guess_camera_version(files) == version;
}

}  // namespace

const source_format& camera_v1() {
  static const source_format entry{.facts = facts(camera::v1), .open = open_blocks<camera::v1>};
  return entry;
}

const source_format& camera_v2() {
  static const source_format entry{.facts = facts(camera::v2), .open = open_blocks<camera::v2>};
  return entry;
}

const source_format& camera_v3() {
  static const source_format entry{.facts = facts(camera::v3),
                                   .fits = is_guessed<camera::v3>,
                                   .open = open_records<camera::v3>,
                                   .save_headers = save_headers_of<camera::v3>};
  return entry;
}

const source_format& camera_v4() {
  static const source_format entry{
      .facts = facts(camera::v4), .open = open_records<camera::v4>, .save_headers = save_headers_of<camera::v4>};
  return entry;
}

// The headers of v4 and v5 are the same: v5 is taken where no version was named.
const source_format& camera_v5() {
  static const source_format entry{.facts = facts(camera::v5),
                                   .assumed_by_suffix = true,
                                   .fits = is_guessed<camera::v5>,
                                   .open = open_records<camera::v5>,
                                   .save_headers = save_headers_of<camera::v5>};
  return entry;
}

}  // namespace countem::io
