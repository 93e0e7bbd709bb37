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
    end_appending();
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

void hdf5_event_store_writer::write(const encoded& frames) {
  const auto& batch = dynamic_cast<const encoded_frames&>(frames);
  const std::size_t count = batch.counts.size();
  if (batch.first_frame > scan_.frames() || count > scan_.frames() - batch.first_frame) {
    throw invalid_argument(name() + ": frames " + std::to_string(batch.first_frame) + " and on are not all inside the scan");
  }
  std::vector<stored_frame> stored(count);
  std::uint64_t start = 0;
  for (std::size_t i = 0; i < count; start = batch.ends[i], ++i) {
    const auto chunk = std::span(batch.chunks).subspan(start, batch.ends[i] - start);
    stored[i] = {{batch.first_frame + i, batch.xrays[i], batch.status[i]}, batch.counts[i], chunk};
  }
  put(stored);
}

void hdf5_event_store_writer::write_whole(std::span<const chunk_footer> footers, std::span<const std::uint8_t> chunks) {
  std::vector<stored_frame> stored;
  stored.reserve(footers.size());
  for (const chunk_footer& footer : footers) {
    const auto bytes = static_cast<std::size_t>(footer.chunk_bytes());
    stored.push_back({footer.facts, footer.events, chunks.first(bytes)});
    chunks = chunks.subspan(bytes);
  }
  put(stored);
}

void hdf5_event_store_writer::write_missing(const frame_facts& facts) {
  const stored_frame missing{facts, not_written, {}};
  put({&missing, 1});
}

void hdf5_event_store_writer::put(std::span<const stored_frame> frames) try {
  if (!appending_) {
    if (!file_) throw invalid_argument(name() + ": the event store is closed");
    const auto chunk = std::ranges::find_if(frames, [](const stored_frame& frame) { return !frame.chunk.empty(); });
    const bool makes_index = !indexed_ && chunk != frames.end();
    const std::size_t by_hdf5 = makes_index ? static_cast<std::size_t>(chunk - frames.begin()) + 1 : frames.size();
    put_by_hdf5(frames.first(by_hdf5));
    frames = frames.subspan(by_hdf5);
    if (makes_index) begin_appending();
  }
  if (!appending_) return put_by_hdf5(frames);
  std::uint64_t end = appending_->end() + metadata_slack_bytes;
  for (const stored_frame& frame : frames) end += frame.chunk.size();
  space_->reserve(end);
  for (const stored_frame& frame : frames) appending_->put(frame);
  if (is_followed_) appending_->publish();
} catch (const hdf5_refusal& reason) {
  throw_unwritten(reason);
}

/// Frames that follow one another.
void hdf5_event_store_writer::put_by_hdf5(std::span<const stored_frame> frames) {
  if (frames.empty()) return;
  const auto lock = hdf5_lock();
  std::vector<std::uint32_t> counts;
  std::vector<std::uint8_t> status;
  std::vector<std::uint32_t> xrays;
  std::size_t bytes = 0;
  for (const stored_frame& frame : frames) bytes += frame.chunk.size();
  reserve(bytes, frames.size());
  for (const stored_frame& frame : frames) {
    if (!frame.chunk.empty()) write_chunk(frame.facts.frame, frame.chunk);
    counts.push_back(frame.events);
    status.push_back(frame.facts.status);
    xrays.push_back(frame.facts.xrays);
  }
  const std::uint64_t first = frames.front().facts.frame;
  write_per_frame<std::uint32_t>(counts_, first, counts);
  write_per_frame<std::uint8_t>(status_, first, status);
  write_per_frame<std::uint32_t>(xrays_, first, xrays);
  flush();
}

void hdf5_event_store_writer::begin_appending() {
  const auto lock = hdf5_lock();
  const std::optional<stored_object> stored = stored_object_of(data_);
  const auto address = [](const hdf5_handle& dataset) { return std::uint64_t{H5Dget_offset(dataset)}; };
  const frame_numbers numbers{address(counts_), address(status_), address(xrays_)};
  static_assert(HADDR_UNDEF == undefined_address);
  indexed_ = true;
  dataset_.object_header = stored ? stored->header : undefined_address;
  close();
  appending_ = frame_appender::open(output_.file(), dataset_, numbers);
  if (!appending_) open();
}

void hdf5_event_store_writer::end_appending() {
  if (!appending_) return;
  appending_->finish();
  appending_.reset();
  open();
}

void hdf5_event_store_writer::become_part() try {
  if (appending_) {
    appending_->publish();
  } else {
    const auto lock = hdf5_lock();
    hdf5_check(H5Fflush(file_, H5F_SCOPE_GLOBAL), name());
  }
  output_.become_part();
  is_followed_ = true;
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

void hdf5_event_store_writer::flush() {
  if (!is_followed_) return;
  for (const hdf5_handle* dataset : {&data_, &counts_, &status_, &xrays_}) hdf5_check(H5Dflush(*dataset), name());
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
  if (keeps) writer->become_part();
  return writer;
}

}  // namespace countem
