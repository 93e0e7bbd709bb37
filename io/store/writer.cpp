#include "io/store/writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include <countem/error.hpp>
#include <countem/stop.hpp>

#include "io/hdf5/hyperslab.hpp"
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

hdf5_handle create_file(const std::filesystem::path& path) {
  const hdf5_handle access(H5Pcreate(H5P_FILE_ACCESS), path.string());
  hdf5_check(H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110), path.string());
  const hdf5_handle creation(H5Pcreate(H5P_FILE_CREATE), path.string());
  hdf5_check(H5Pset_obj_track_times(creation, false), path.string());  // the root group's
  return {H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, access), path.string() + ": cannot be created"};
}

int descriptor_of(const hdf5_handle& file) {
  void* handle = nullptr;
  hdf5_check(H5Fget_vfd_handle(file, H5P_DEFAULT, &handle), "HDF5 file driver");
  return *static_cast<int*>(handle);
}

void make_durable(const std::filesystem::path& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
  if (descriptor < 0) throw_errno(path, "cannot be opened to make it durable");
  const int result = ::fsync(descriptor);
  ::close(descriptor);
  if (result != 0) throw_errno(path, "cannot be made durable");
}

}  // namespace

std::filesystem::path part_name(const std::filesystem::path& path) {
  std::filesystem::path name = path;
  name += ".part";
  return name;
}

hdf5_event_store_writer::hdf5_event_store_writer(std::filesystem::path path, std::filesystem::path part,
                                                 const store_description& description, const store_options& options)
    : path_(std::move(path)), part_(std::move(part)), scan_(description.scan), options_(options) {
  layout::validate(description, options.wide_counts);
  encoder_ = chunk_encoder::create(
      {description.shape, options.wide_counts, description.options.values != event_value::none, options.fast_sparse});
  refuse_existing();
  const auto lock = hdf5_lock();
  file_ = create_file(part_);
  layout::create(file_, description, options.wide_counts);
  hdf5_check(H5Fflush(file_, H5F_SCOPE_GLOBAL), part_.string());
  data_ = open_dataset(layout::data);
  counts_ = open_dataset(layout::counts);
  status_ = open_dataset(layout::status);
  xrays_ = open_dataset(layout::xrays);
  hdf5_check(H5Fstart_swmr_write(file_), part_.string());
  space_.emplace(descriptor_of(file_), part_);
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

void hdf5_event_store_writer::write(const encoded& frames) {
  const auto& batch = dynamic_cast<const encoded_frames&>(frames);
  const auto lock = hdf5_lock();
  if (!file_) throw invalid_argument(part_.string() + ": the event store is closed");
  const std::size_t count = batch.counts.size();
  if (batch.first_frame > scan_.frames() || count > scan_.frames() - batch.first_frame) {
    throw invalid_argument(part_.string() + ": frames " + std::to_string(batch.first_frame) +
                           " and on are not all inside the scan");
  }
  reserve(batch.chunks.size(), count);
  std::uint64_t start = 0;
  for (std::size_t i = 0; i < count; start = batch.ends[i], ++i) {
    if (batch.ends[i] != start) write_chunk(batch.first_frame + i, {batch.chunks.data() + start, batch.ends[i] - start});
  }
  write_per_frame<std::uint32_t>(counts_, batch.first_frame, batch.counts);
  write_per_frame<std::uint8_t>(status_, batch.first_frame, batch.status);
  write_per_frame<std::uint32_t>(xrays_, batch.first_frame, batch.xrays);
  count_unflushed(count);
}

void hdf5_event_store_writer::write_whole(const chunk_footer& footer, std::span<const std::uint8_t> chunk) {
  const auto lock = hdf5_lock();
  const frame_facts& facts = footer.facts;
  reserve(chunk.size(), 1);
  write_chunk(facts.frame, chunk);
  write_per_frame<std::uint32_t>(counts_, facts.frame, {&footer.events, 1});
  write_per_frame<std::uint8_t>(status_, facts.frame, {&facts.status, 1});
  write_per_frame<std::uint32_t>(xrays_, facts.frame, {&facts.xrays, 1});
  count_unflushed(1);
}

void hdf5_event_store_writer::write_missing(const frame_facts& facts) {
  const auto lock = hdf5_lock();
  write_per_frame<std::uint8_t>(status_, facts.frame, {&facts.status, 1});
  write_per_frame<std::uint32_t>(xrays_, facts.frame, {&facts.xrays, 1});
  count_unflushed(1);
}

void hdf5_event_store_writer::take_part_name() {
  const auto lock = hdf5_lock();
  hdf5_check(H5Fflush(file_, H5F_SCOPE_GLOBAL), part_.string());
  make_durable(part_, O_RDONLY);
  std::filesystem::rename(part_, part_name(path_));
  part_ = part_name(path_);
}

void hdf5_event_store_writer::finish(std::span<const saved_image> reductions, std::span<const source_issue> issues) {
  close();
  if (!reductions.empty() || !issues.empty()) add_afterwards(reductions, issues);
  make_durable(part_, O_RDONLY);
  refuse_existing();
  std::error_code problem;
  std::filesystem::rename(part_, path_, problem);
  if (problem) throw io_error(part_.string() + ": cannot be renamed to " + path_.string() + ": " + problem.message());
  const std::filesystem::path folder = path_.has_parent_path() ? path_.parent_path() : ".";
  make_durable(folder, O_RDONLY | O_DIRECTORY);
}

std::filesystem::path hdf5_event_store_writer::abandon() {
  close();
  return part_;
}

/// The file can no longer be followed by readers then, so new objects may be made; the events in it are safe already.
void hdf5_event_store_writer::add_afterwards(std::span<const saved_image> reductions,
                                             std::span<const source_issue> issues) const {
  const auto lock = hdf5_lock();
  const hdf5_handle file(H5Fopen(part_.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), part_.string() + ": cannot be opened again");
  if (!reductions.empty()) write_reductions(file, reductions);
  if (!issues.empty()) layout::add_issues(file, issues);
  hdf5_check(H5Fflush(file, H5F_SCOPE_GLOBAL), part_.string() + ": reductions and issues cannot be written");
}

void hdf5_event_store_writer::refuse_existing() const {
  if (!options_.overwrite && std::filesystem::exists(path_)) {
    throw io_error(path_.string() + ": exists already; name another output or allow overwriting");
  }
}

hdf5_handle hdf5_event_store_writer::open_dataset(const char* path) const {
  return {H5Dopen2(file_, path, H5P_DEFAULT), part_.string() + ": " + path};
}

void hdf5_event_store_writer::reserve(std::size_t chunk_bytes, std::size_t frames) {
  hsize_t size = 0;
  hdf5_check(H5Fget_filesize(file_, &size), part_.string());
  const std::uint64_t index_bytes = indexed_ ? frames * metadata_bytes_per_frame : scan_.frames() * metadata_bytes_per_frame;
  space_->reserve(size + chunk_bytes + index_bytes + metadata_slack_bytes);
  indexed_ = true;
}

void hdf5_event_store_writer::write_chunk(std::uint64_t frame, std::span<const std::uint8_t> chunk) const {
  constexpr std::uint32_t all_filters_applied = 0;
  const std::vector<hsize_t> offset = layout::chunk_offset(scan_, frame);
  hdf5_check(H5Dwrite_chunk(data_, H5P_DEFAULT, all_filters_applied, offset.data(), chunk.size(), chunk.data()),
             part_.string() + ": writing frame " + std::to_string(frame) + " failed");
}

template <class T>
void hdf5_event_store_writer::write_per_frame(const hdf5_handle& dataset, std::uint64_t first,
                                              std::span<const T> values) const {
  write_slab<T>(dataset, {{first}, {values.size()}}, values, part_.string());
}

void hdf5_event_store_writer::count_unflushed(std::uint64_t frames) {
  unflushed_ += frames;
  if (unflushed_ < frames_per_flush) return;
  for (const hdf5_handle* dataset : {&data_, &counts_, &status_, &xrays_}) hdf5_check(H5Dflush(*dataset), part_.string());
  unflushed_ = 0;
}

void hdf5_event_store_writer::close() {
  const auto lock = hdf5_lock();
  if (!file_) return;
  for (hdf5_handle* dataset : {&data_, &counts_, &status_, &xrays_}) dataset->close();
  const hid_t file = file_.release();
  hdf5_check(H5Fclose(file), part_.string() + ": cannot be closed");
  space_->release(part_);
}

void copy_chunks(const file_handle& from, std::span<const found_chunk> chunks, hdf5_event_store_writer& to) {
  std::vector<std::uint8_t> bytes;
  for (const found_chunk& chunk : chunks) {
    check_stop();
    bytes.resize(static_cast<std::size_t>(chunk.footer.chunk_bytes()));
    if (from.read_at(chunk.offset, bytes.data(), bytes.size()) != bytes.size() || !is_intact(bytes, chunk.footer)) {
      throw io_error(from.path().string() + ": changed while it was read; is it still being written?");
    }
    to.write_whole(chunk.footer, bytes);
  }
}

}  // namespace io

std::unique_ptr<event_store_writer> create_event_store(const std::filesystem::path& path, const store_description& description,
                                                       const store_options& options) {
  return std::make_unique<io::hdf5_event_store_writer>(path, io::part_name(path), description, options);
}

}  // namespace countem
