#include "io/store/writer.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <countem/error.hpp>
#include <countem/work.hpp>

#include "io/files/file_lock.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "io/hdf5/object.hpp"
#include "io/hdf5/output.hpp"
#include "io/store/chunk_copy.hpp"
#include "io/store/file.hpp"
#include "io/store/layout.hpp"
#include "io/store/reductions_group.hpp"

namespace countem {

namespace io {
namespace {

/// Readers that follow a running count (SWMR) see new frames after at most this many.
constexpr std::uint64_t frames_per_flush = 100;
/// HDF5 metadata that a batch may add: chunk index entries, and the index itself at first.
constexpr std::uint64_t metadata_slack_bytes = 1 << 20U;
constexpr std::uint64_t metadata_bytes_per_frame = 32;

struct encoded_frames : event_sink::encoded {
  std::uint64_t first_frame = 0;
  std::vector<std::uint8_t> chunks;  ///< one after another
  std::vector<std::uint64_t> ends;   ///< of each frame's chunk; a frame that never arrived has an empty one
  std::vector<std::uint32_t> counts;
  std::vector<std::uint8_t> status;
  std::vector<std::uint32_t> xrays;
};

}  // namespace

void lay_out(const output_file& output, const store_description& description, const store_contents& contents) try {
  const auto lock = hdf5_lock();
  const std::string name = output.temporary().string();
  const hdf5_handle access(H5Pcreate(H5P_FILE_ACCESS), name);
  hdf5_check(H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110), name);
  const hdf5_handle creation(H5Pcreate(H5P_FILE_CREATE), name);
  hdf5_check(H5Pset_obj_track_times(creation, false), name);  // the root group's
  hdf5_handle file = create_hdf5(output, {creation, access});
  layout::create(file, description, contents.wide_counts, contents.elsewhere);
  if (!contents.announced.empty()) make_reductions(file, contents.announced);
  close_hdf5(file, name);
} catch (const hdf5_refusal& reason) {
  throw_unwritten(reason);
}

hdf5_event_store_writer::hdf5_event_store_writer(output_file output, const store_description& description,
                                                 const store_options& options, std::span<const saved_image> announced)
    : output_(std::move(output)), scan_(description.scan) {
  layout::validate(description, options.wide_counts);
  const std::vector<hsize_t> chunk = layout::chunk_extent(description);
  dataset_ = {0, {chunk.begin(), chunk.end()}, options.wide_counts ? 2U : 1U, description.scan.frames()};
  encoder_ = chunk_encoder::create(
      {description.shape, options.wide_counts, description.options.values != event_value::none, options.fast_sparse});
  lay_out(output_, description, {options.wide_counts, announced, {}});
  open();
  space_.emplace(output_.file().descriptor(), output_.temporary());
}

void hdf5_event_store_writer::open() try {
  const auto lock = hdf5_lock();
  file_ = open_swmr_writer(output_);
  data_ = open_dataset(layout::data);
  counts_ = open_dataset(layout::counts);
  status_ = open_dataset(layout::status);
  xrays_ = open_dataset(layout::xrays);
} catch (const hdf5_refusal& reason) {
  throw_unwritten(reason);
}

hdf5_event_store_writer::~hdf5_event_store_writer() {
  try {
    if (file_) close();
  } catch (const error&) {  // the frames are in the file; recovery finds them
  }
}

void hdf5_event_store_writer::observe(const event_batch& events) {
  encoder_->observe(events);
}

std::unique_ptr<event_sink::encoded> hdf5_event_store_writer::encode(const event_batch& events) const {
  auto made = std::make_unique<encoded_frames>();
  made->first_frame = events.first_frame;
  made->status = events.status;
  made->xrays = events.xrays;
  made->counts.reserve(events.frames());
  made->ends.reserve(events.frames());
  for (std::size_t i = 0; i < events.frames(); ++i) {
    const bool arrived = has_arrived(events.status[i]);
    made->counts.push_back(arrived ? static_cast<std::uint32_t>(events.events(i).size()) : not_written);
    encoder_->encode(events, i, made->chunks);
    made->ends.push_back(made->chunks.size());
  }
  return made;
}

void hdf5_event_store_writer::write(const encoded& frames) try {
  const auto& batch = dynamic_cast<const encoded_frames&>(frames);
  const std::size_t count = batch.counts.size();
  if (batch.first_frame > scan_.frames() || count > scan_.frames() - batch.first_frame) {
    throw invalid_argument(name() + ": frames " + std::to_string(batch.first_frame) + " and on are not all inside the scan");
  }
  std::uint64_t start = 0;
  const auto for_chunks = [&](const auto& put) {
    for (std::size_t i = 0; i < count; start = batch.ends[i], ++i) {
      if (batch.ends[i] != start) put(batch.first_frame + i, std::span(batch.chunks).subspan(start, batch.ends[i] - start));
    }
  };
  if (appending_) {
    for_chunks([this](std::uint64_t frame, std::span<const std::uint8_t> chunk) { append(frame, chunk); });
    for (std::size_t i = 0; i < count; ++i)
      appending_->put({batch.first_frame + i, batch.xrays[i], batch.status[i]}, batch.counts[i]);
    return;
  }
  const auto lock = hdf5_lock();
  if (!file_) throw invalid_argument(name() + ": the event store is closed");
  reserve(batch.chunks.size(), count);
  for_chunks([this](std::uint64_t frame, std::span<const std::uint8_t> chunk) { write_chunk(frame, chunk); });
  write_per_frame<std::uint32_t>(counts_, batch.first_frame, batch.counts);
  write_per_frame<std::uint8_t>(status_, batch.first_frame, batch.status);
  write_per_frame<std::uint32_t>(xrays_, batch.first_frame, batch.xrays);
  count_unflushed(count);
} catch (const hdf5_refusal& reason) {
  throw_unwritten(reason);
}

void hdf5_event_store_writer::write_whole(std::span<const chunk_footer> footers, std::span<const std::uint8_t> chunks) try {
  if (footers.empty()) return;
  if (appending_) {
    for (const chunk_footer& footer : footers) {
      const auto bytes = static_cast<std::size_t>(footer.chunk_bytes());
      append(footer.facts.frame, chunks.first(bytes));
      appending_->put(footer.facts, footer.events);
      chunks = chunks.subspan(bytes);
    }
    return;
  }
  const auto lock = hdf5_lock();
  const std::uint64_t first = footers.front().facts.frame;
  std::vector<std::uint32_t> counts;
  std::vector<std::uint8_t> status;
  std::vector<std::uint32_t> xrays;
  reserve(chunks.size(), footers.size());
  for (const chunk_footer& footer : footers) {
    const auto bytes = static_cast<std::size_t>(footer.chunk_bytes());
    write_chunk(footer.facts.frame, chunks.first(bytes));
    chunks = chunks.subspan(bytes);
    counts.push_back(footer.events);
    status.push_back(footer.facts.status);
    xrays.push_back(footer.facts.xrays);
  }
  write_per_frame<std::uint32_t>(counts_, first, counts);
  write_per_frame<std::uint8_t>(status_, first, status);
  write_per_frame<std::uint32_t>(xrays_, first, xrays);
  count_unflushed(footers.size());
} catch (const hdf5_refusal& reason) {
  throw_unwritten(reason);
}

void hdf5_event_store_writer::append(std::uint64_t frame, std::span<const std::uint8_t> chunk) {
  if (appending_->chunks) {
    space_->reserve(appending_->chunks->end() + chunk.size() + metadata_slack_bytes);
    appending_->chunks->append(frame, chunk);
    return;
  }
  const auto lock = hdf5_lock();
  reserve(chunk.size(), 1);
  write_chunk(frame, chunk);
  if (!appending_->is_index_sought) seek_index();
}

/// HDF5 made the index with the first chunk.
void hdf5_event_store_writer::seek_index() {
  const std::optional<stored_object> stored = stored_object_of(data_);
  close();
  dataset_.object_header = stored ? stored->header : undefined_address;
  appending_->is_index_sought = true;
  appending_->chunks = chunk_appender::open(output_.file(), dataset_);
  if (!appending_->chunks) open();
}

void hdf5_event_store_writer::end_appending() try {
  if (!appending_) return;
  if (appending_->chunks) {
    appending_->chunks->finish();
    open();
  }
  const auto lock = hdf5_lock();
  write_per_frame<std::uint32_t>(counts_, 0, appending_->counts);
  write_per_frame<std::uint8_t>(status_, 0, appending_->status);
  write_per_frame<std::uint32_t>(xrays_, 0, appending_->xrays);
  appending_.reset();
} catch (const hdf5_refusal& reason) {
  throw_unwritten(reason);
}

void hdf5_event_store_writer::write_missing(const frame_facts& facts) try {
  if (appending_) return appending_->put(facts, not_written);
  const auto lock = hdf5_lock();
  write_per_frame<std::uint8_t>(status_, facts.frame, {&facts.status, 1});
  write_per_frame<std::uint32_t>(xrays_, facts.frame, {&facts.xrays, 1});
  count_unflushed(1);
} catch (const hdf5_refusal& reason) {
  throw_unwritten(reason);
}

void hdf5_event_store_writer::become_part() try {
  const auto lock = hdf5_lock();
  hdf5_check(H5Fflush(file_, H5F_SCOPE_GLOBAL), name());
  output_.become_part();
} catch (const hdf5_refusal& reason) {
  throw_unwritten(reason);
}

void hdf5_event_store_writer::finish(std::span<const saved_image> reductions, std::span<const source_issue> issues) try {
  end_appending();
  fill_reductions(file_, reductions);
  close();
  record(issues, reductions);
  output_.finish();
} catch (const hdf5_refusal& reason) {
  throw_unwritten(reason);
}

std::filesystem::path hdf5_event_store_writer::abandon(std::span<const source_issue> issues) try {
  end_appending();
  close();
  record(issues);
  output_.release();
  return output_.temporary();
} catch (const hdf5_refusal& reason) {
  throw_unwritten(reason);
}

hdf5_handle hdf5_event_store_writer::open_dataset(const char* path) const {
  return {H5Dopen2(file_, path, H5P_DEFAULT), name() + ": " + path};
}

void hdf5_event_store_writer::reserve(std::size_t chunk_bytes, std::size_t frames) {
  hsize_t size = 0;
  hdf5_check(H5Fget_filesize(file_, &size), name());
  const std::uint64_t index_bytes = indexed_ ? frames * metadata_bytes_per_frame : scan_.frames() * metadata_bytes_per_frame;
  space_->reserve(size + chunk_bytes + index_bytes + metadata_slack_bytes);
  indexed_ = true;
}

void hdf5_event_store_writer::write_chunk(std::uint64_t frame, std::span<const std::uint8_t> chunk) const {
  constexpr std::uint32_t all_filters_applied = 0;
  const std::vector<hsize_t> offset = layout::chunk_offset(scan_, frame);
  hdf5_check(H5Dwrite_chunk(data_, H5P_DEFAULT, all_filters_applied, offset.data(), chunk.size(), chunk.data()),
             name() + ": writing frame " + std::to_string(frame) + " failed");
}

template <class T>
void hdf5_event_store_writer::write_per_frame(const hdf5_handle& dataset, std::uint64_t first,
                                              std::span<const T> values) const {
  write_slab<T>(dataset, {{first}, {values.size()}}, values, name());
}

void hdf5_event_store_writer::count_unflushed(std::uint64_t frames) {
  unflushed_ += frames;
  if (unflushed_ < frames_per_flush) return;
  for (const hdf5_handle* dataset : {&data_, &counts_, &status_, &xrays_}) hdf5_check(H5Dflush(*dataset), name());
  unflushed_ = 0;
}

void hdf5_event_store_writer::close() {
  const auto lock = hdf5_lock();
  if (!file_) return;
  for (hdf5_handle* dataset : {&data_, &counts_, &status_, &xrays_}) dataset->close(name());
  close_hdf5(file_, name());
  space_->release(output_.temporary());
}

/// To a file that is closed: attributes cannot be made while readers may follow it.
void hdf5_event_store_writer::record(std::span<const source_issue> issues, std::span<const saved_image> reductions) {
  add_issues(issues);
  const bool described = std::ranges::all_of(reductions, [](const saved_image& image) { return image.attributes.empty(); });
  if (issues_.empty() && described) return;
  const auto lock = hdf5_lock();
  hdf5_handle file = open_again(output_);
  if (!issues_.empty()) layout::add_issues(file, issues_);
  describe_reductions(file, reductions);
  close_hdf5(file, name());
}

void copy_chunks(const file_handle& from, std::span<const found_chunk> chunks, hdf5_event_store_writer& to) {
  std::vector<std::uint8_t> bytes;
  work saving("saving", "frames", chunks.size());
  to.begin_appending();
  chunk_copy writing(to);
  for (const found_chunk& chunk : chunks) {
    bytes.resize(static_cast<std::size_t>(chunk.footer.chunk_bytes()));
    if (from.read_at(chunk.offset, bytes.data(), bytes.size()) != bytes.size() || !is_intact(bytes, chunk.footer)) {
      throw io_error(from.path().string() + ": changed while it was read; is it still being written?");
    }
    writing.put(chunk.footer, bytes);
    saving.advance();
  }
  writing.finish();
  to.end_appending();
}

void remove_part_without_frames(const std::filesystem::path& part) {
  constexpr std::uint64_t most_bytes = std::uint64_t{256} << 20U;
  const std::optional<file_handle> left = file_handle::try_open_write(part);
  if (!left || lock_file(left->descriptor()) != lock_state::free || left->size() > most_bytes) return;
  try {
    if (left->size() != 0 && !scan_event_store(*left).chunks.empty()) return;
  } catch (const format_error&) {  // not known to be ours
    return;
  }
  std::error_code ignored;
  std::filesystem::remove(part, ignored);
}

}  // namespace io

namespace {

bool is_event_store(const std::filesystem::path& path) {
  try {
    const io::event_store_file known(path);
    return true;
  } catch (const format_error&) {
    return false;
  }
}

}  // namespace

const output_kind event_store_output{"an event store", is_event_store};

std::unique_ptr<event_store_writer> create_event_store(const std::filesystem::path& path, const store_description& description,
                                                       const store_options& options, const output_rules& rules,
                                                       std::span<const saved_image> announced) {
  const bool keeps = options.keep_unfinished;
  check_output(path, event_store_output, rules);
  for (const saved_image& image : announced) expect_image(path, image);
  if (keeps) io::remove_part_without_frames(io::part_of(path));
  io::output_file output(path, event_store_output, rules, keeps ? io::temporary_name::part : io::temporary_name::scratch);
  auto writer = std::make_unique<io::hdf5_event_store_writer>(std::move(output), description, options, announced);
  if (keeps) {
    writer->become_part();
  } else {
    writer->begin_appending();  // nobody knows its name yet
  }
  return writer;
}

}  // namespace countem
