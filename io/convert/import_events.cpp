#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <countem/convert.hpp>
#include <countem/error.hpp>
#include <countem/version.hpp>
#include <countem/work.hpp>

#include "io/convert/imports.hpp"
#include "io/files/file.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/file.hpp"
#include "io/store/background_writer.hpp"

namespace countem {

namespace io {
namespace {

struct importer {
  bool (*recognise)(hid_t file);
  std::unique_ptr<row_source> (*open)(hid_t file, const import_options& options);
};

/// Tried in this order.
constexpr std::array importers = {
    importer{is_stempy, open_stempy},
    importer{is_csr, open_csr},
};

std::unique_ptr<row_source> open_rows(hid_t file, const std::filesystem::path& input, const import_options& options) {
  try {
    for (const importer& form : importers) {
      if (form.recognise(file)) return form.open(file, options);
    }
  } catch (const io_error& reason) {
    throw with_name(reason, input);
  }
  throw format_error("is neither a stempy file (electron_events) nor a binsparse matrix");
}

/// The frames from `first` on as a block: up to `end`, or to some 2^19 events.
void read_block(row_source& rows, std::uint64_t first, std::uint64_t end, event_batch& block) {
  constexpr std::size_t enough_events = std::size_t{1} << 19U;
  block.clear();
  block.first_frame = first;
  for (std::uint64_t frame = first; frame < end && block.indices.size() < enough_events; ++frame) {
    const std::optional<std::uint64_t> row = rows.row_of(frame);
    const std::size_t start = block.indices.size();
    if (row) rows.append_row(*row, block.indices);
    const std::span events = std::span(block.indices).subspan(start);
    if (!std::ranges::is_sorted(events)) std::ranges::sort(events);
    if (!events.empty() && events.back() >= rows.frame().pixels())
      throw format_error("event list " + std::to_string(*row) + " has an event outside the frame");
    block.indptr.push_back(block.indices.size());
    block.xrays.push_back(0);
    block.status.push_back(row ? all_sectors : std::uint8_t{0});
  }
}

/// The caller does not hold hdf5_lock(): what is read is written by another thread.
void copy_rows(row_source& rows, const std::filesystem::path& input, event_store_writer& to) {
  const std::uint64_t frames = rows.scan().frames();
  event_batch block;
  work importing("importing", "frames", frames);
  background_writer writer(to);
  for (std::uint64_t first = 0; first < frames;) {
    try {
      read_block(rows, first, std::min(first + import_block_frames, frames), block);
    } catch (const io_error& reason) {
      throw with_name(reason, input);
    }
    writer.put(block);
    importing.advance(block.frames());
    first += block.frames();
  }
  writer.finish();
}

}  // namespace

std::uint64_t most_elements(hid_t file) {
  constexpr std::uint64_t largest_gain = 1032;
  hsize_t bytes = 0;
  hdf5_check(H5Fget_filesize(file, &bytes), "file size");
  return bytes * largest_gain / sizeof(std::uint32_t);
}

}  // namespace io

std::vector<source_issue> import_events(const std::filesystem::path& input, const std::filesystem::path& output,
                                        const import_options& options, output_rules rules) {
  using namespace io;
  const input_file opened[] = {file_handle::open_read(input).opened()};
  auto lock = hdf5_lock();
  const hdf5_handle file = open_hdf5(input);
  try {
    const std::unique_ptr<row_source> rows = open_rows(file, input, options);
    store_description description;
    description.shape = rows->frame();
    description.scan = rows->scan();
    description.provenance = {{"program", std::string("countem ") + version},
                              {"command_line", options.command_line},
                              {"imported_from", input.string()}};
    rules.inputs.push_back(input);
    store_options written;
    written.keep_unfinished = false;
    const auto writer = create_event_store(output, description, written, rules);
    lock.unlock();
    copy_rows(*rows, input, *writer);
    std::vector<source_issue> issues = changed_inputs(opened);
    writer->finish({}, issues);
    return issues;
  } catch (const format_error& reason) {
    throw format_error(input.string() + ": " + reason.what());
  }
}

}  // namespace countem
