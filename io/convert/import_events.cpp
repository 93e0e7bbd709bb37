#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <countem/convert.hpp>
#include <countem/error.hpp>
#include <countem/scan_path.hpp>
#include <countem/version.hpp>
#include <countem/work.hpp>

#include "io/convert/imports.hpp"
#include "io/event_files/eer_file.hpp"
#include "io/event_files/tpx3_file.hpp"
#include "io/files/file.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/file.hpp"
#include "io/recognition/recognise.hpp"
#include "io/sources/sources.hpp"
#include "io/store/background_writer.hpp"
#include "io/store/geometry_attributes.hpp"

namespace countem {

namespace io {
namespace {

struct hdf5_importer {
  std::string_view name;
  bool (*recognise)(hid_t file);
  std::unique_ptr<list_source> (*open)(hid_t file, const import_options& options);
};

/// Tried in this order.
constexpr std::array hdf5_importers = {
    hdf5_importer{"stempy", is_stempy, open_stempy},
    hdf5_importer{"csr", is_csr, open_csr},
};

hdf5_handle open_hdf5_file(const std::filesystem::path& input) {
  const auto lock = hdf5_lock();
  return open_expected(input, expected_file::events);
}

std::unique_ptr<list_source> open_hdf5_lists(hid_t file, const std::filesystem::path& input, const import_options& options) {
  const auto lock = hdf5_lock();
  for (const hdf5_importer& form : hdf5_importers) {
    if (form.recognise(file)) return form.open(file, options);
  }
  refuse_other_file(input, expected_file::events);
}

/// What is described of a file without its events.
event_file_facts facts_of(list_source& lists, std::string_view format) {
  const store_description description = lists.description();
  event_file_facts facts;
  facts.format = format;
  const std::uint32_t upsample = description.options.upsample;  // a part of a finer grid may be no whole number of pixels
  if (description.shape.height % upsample == 0 && description.shape.width % upsample == 0) facts.upsample = upsample;
  facts.frame = {description.shape.height / facts.upsample, description.shape.width / facts.upsample};
  facts.scan = description.scan;
  facts.issues = lists.take_issues();
  return facts;
}

event_file_facts facts_of_hits(const file_handle& file) {
  tpx3_index index = index_tpx3(file);
  timed_hits_facts times;
  times.hits = index.hits;
  for (unsigned chip = 0; chip < std::numeric_limits<std::uint8_t>::digits; ++chip) {
    if ((index.chips >> chip & 1U) != 0) times.chips.push_back(chip);
  }
  std::uint64_t first = index.blocks.front().first_time;
  for (std::size_t edge = 0; edge < times.marks.size(); ++edge) {
    times.marks[edge] = index.marks[edge].size();
    if (times.marks[edge] > 0) first = std::min(first, index.marks[edge].front());
  }
  times.duration_s = static_cast<double>(index.last_time - first) * tpx3_ns * 1e-9;
  event_file_facts facts;
  facts.format = "tpx3";
  facts.frame = index.shape;
  facts.times = std::move(times);
  facts.issues = std::move(index.issues);
  return facts;
}

std::optional<event_file_facts> facts_of_hdf5(hid_t file, const import_options& options) {
  const auto lock = hdf5_lock();
  for (const hdf5_importer& form : hdf5_importers) {
    if (form.recognise(file)) return facts_of(*form.open(file, options), form.name);
  }
  return std::nullopt;
}

/// The frames from `first` on as a block: up to `end`, or to some 2^19 events.
void read_block(list_source& lists, std::uint64_t pixels, std::uint64_t first, std::uint64_t end, event_batch& block) {
  constexpr std::size_t enough_events = std::size_t{1} << 19U;
  block.clear();
  block.first_frame = first;
  for (std::uint64_t frame = first; frame < end && block.indices.size() < enough_events; ++frame) {
    const std::size_t start = block.indices.size();
    const bool is_there = lists.append_frame(frame, block.indices);
    const std::span events = std::span(block.indices).subspan(start);
    if (!std::ranges::is_sorted(events)) std::ranges::sort(events);
    if (!events.empty() && events.back() >= pixels)
      throw format_error("frame " + std::to_string(frame) + " has an event outside the frame");
    block.indptr.push_back(block.indices.size());
    block.xrays.push_back(0);
    block.status.push_back(is_there ? all_sectors : std::uint8_t{0});
  }
}

/// The caller does not hold hdf5_lock(): what is read is written by another thread. Returns whether any frame was there.
bool copy_lists(list_source& lists, const store_description& description, const std::filesystem::path& input,
                event_store_writer& to) {
  const std::uint64_t frames = description.scan.frames();
  event_batch block;
  bool is_any_there = false;
  work importing("importing", "frames", frames);
  background_writer writer(to);
  for (std::uint64_t first = 0; first < frames;) {
    naming(input,
           [&] { read_block(lists, description.shape.pixels(), first, std::min(first + import_block_frames, frames), block); });
    is_any_there = is_any_there || std::ranges::any_of(block.status, [](std::uint8_t status) { return status != 0; });
    writer.put(block);
    importing.advance(block.frames());
    first += block.frames();
  }
  writer.finish();
  return is_any_there;
}

/// Options that files of one form alone have are refused for others, rather than ignored.
void require_no_times(const std::filesystem::path& input, const import_options& options) {
  if (options.dwell_us || options.cluster_ns)
    throw invalid_argument(input.string() + ": holds no times: the time of a position, or of an electron, is for TPX3 files");
}

enum class file_form : std::uint8_t { tpx3, eer, hdf5 };

file_form form_of(const file_handle& file) {
  if (is_tpx3(file)) return file_form::tpx3;
  return is_eer(file) ? file_form::eer : file_form::hdf5;
}

/// `hdf5`: the file, if it is of that form.
std::unique_ptr<list_source> open_lists(file_form form, hid_t hdf5, const std::filesystem::path& input,
                                        const import_options& options) {
  if (form == file_form::tpx3) return open_tpx3(input, options);
  require_no_times(input, options);
  return form == file_form::eer ? open_eer(input, options) : open_hdf5_lists(hdf5, input, options);
}

/// No file of events states several frames at a position where the scan is to be given. @throws invalid_argument
import_options checked(import_options given) {
  if (!given.scan) return given;
  check_given_scan(*given.scan);
  given.scan = with_repeats(*given.scan, 1);
  return given;
}

}  // namespace

void require_given_frame(const std::filesystem::path& path, frame_shape shape, const import_options& options) {
  if (!options.frame || *options.frame == shape) return;
  throw invalid_argument(fmt::format("{}: its frames are of {} x {} pixels, not {} x {}", path.string(), shape.height,
                                     shape.width, options.frame->height, options.frame->width));
}

store_description described(hid_t file, frame_shape frame, scan_shape scan) {
  constexpr std::uint32_t most_upsample = 64;
  store_description made = described(frame, scan);
  if (!has_geometry(file)) return made;
  try {
    made.options.upsample = read_number_attribute<std::uint32_t>(file, "upsample", {.lowest = 1, .highest = most_upsample});
    made.geometry = read_geometry(file);
    validate(made.geometry);
  } catch (const invalid_argument& reason) {
    throw format_error(std::string("what it states of its axes contradicts itself: ") + reason.what());
  }
  return made;
}

std::uint64_t most_elements(hid_t file) {
  constexpr std::uint64_t largest_gain = 1032;
  hsize_t bytes = 0;
  hdf5_check(H5Fget_filesize(file, &bytes), "file size");
  return bytes * largest_gain / sizeof(std::uint32_t);
}

}  // namespace io

std::vector<source_issue> import_events(const std::filesystem::path& input, const std::filesystem::path& output,
                                        const import_options& given, output_rules rules) {
  using namespace io;
  const import_options options = checked(given);
  const file_handle file = file_handle::open_read(input);
  const input_file opened[] = {file.opened()};
  const file_form form = form_of(file);
  const hdf5_handle hdf5 = form == file_form::hdf5 ? open_hdf5_file(input) : hdf5_handle();
  try {
    const std::unique_ptr<list_source> lists = naming(input, [&] { return open_lists(form, hdf5, input, options); });
    store_description description = lists->description();
    description.provenance.insert(description.provenance.end(), {{"program", std::string("countem ") + version},
                                                                 {"command_line", options.command_line},
                                                                 {"imported_from", input.string()}});
    rules.inputs.push_back(input);
    store_options written;
    written.keep_unfinished = false;
    const auto writer = create_event_store(output, description, written, rules);
    const bool is_any_there = copy_lists(*lists, description, input, *writer);
    std::vector<source_issue> issues = lists->take_issues();
    // A file may list no frame at all; one whose frames are all damaged makes no store.
    if (!is_any_there && !issues.empty()) throw format_error("not one of its frames can be read");
    std::ranges::move(changed_inputs(opened), std::back_inserter(issues));
    writer->finish({}, issues);
    return issues;
  } catch (const other_kind_error&) {
    throw;
  } catch (const format_error& reason) {
    throw format_error(input.string() + ": " + reason.what());
  }
}

std::optional<event_file_facts> describe_event_file(const std::filesystem::path& input, const std::optional<scan_shape>& scan) {
  using namespace io;
  import_options given;
  given.scan = scan;
  const import_options options = checked(given);
  const file_handle file = file_handle::open_read(input);
  const file_form form = form_of(file);
  const hdf5_handle hdf5 = form == file_form::hdf5 && holds_hdf5(input) ? open_hdf5_file(input) : hdf5_handle();
  try {
    if (form == file_form::hdf5 && !hdf5) return std::nullopt;
    std::optional<event_file_facts> facts = naming(input, [&] {
      return form == file_form::tpx3  ? facts_of_hits(file)
             : form == file_form::eer ? facts_of(*open_eer(input, options), "eer")
                                      : facts_of_hdf5(hdf5, options);
    });
    if (facts) facts->file = file.opened();
    return facts;
  } catch (const format_error& reason) {
    throw format_error(input.string() + ": " + reason.what());
  }
}

}  // namespace countem
