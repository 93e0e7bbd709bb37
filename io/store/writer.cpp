#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <mutex>
#include <utility>

#include <countem/error.hpp>
#include <countem/event_store.hpp>

#include "io/files/file.hpp"
#include "io/files/space_reservation.hpp"
#include "io/hdf5/handle.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "io/store/chunk.hpp"
#include "io/store/layout.hpp"
#include "io/store/reductions_group.hpp"
#include "io/store/scan.hpp"

namespace countem {

namespace io {
namespace {

/// Readers that follow a running count (SWMR) see new frames after at most this many.
constexpr std::uint64_t frames_per_flush = 100;
/// HDF5 metadata that a batch may add: chunk index entries, and the index itself at first.
constexpr std::uint64_t metadata_slack_bytes = 1 << 20U;
constexpr std::uint64_t metadata_bytes_per_frame = 32;

/// Frame encoders that follow the data, as a function of the frames alone: batches and threads do not show in the file.
/// Frames are numbered from the first one observed. Generation g serves frames [2^g - 1, 2^(g+1) - 1) and was trained on a
/// sample of frames [0, 2^g).
class encoder_generations {
 public:
  explicit encoder_generations(const dense_layout& frame) : frame_(frame) {}

  void observe(const event_batch& events) {
    if (!first_frame_) first_frame_ = events.first_frame;
    for (std::size_t i = 0; i < events.frames(); ++i) {
      const std::uint64_t number = observed_++;
      if (is_sampled(number) && (events.status[i] & status_sectors) != 0) statistics_.add(events.events(i), frame_);
      if (std::has_single_bit(number + 1)) {
        auto made = std::make_shared<const frame_encoder>(statistics_, frame_);
        const std::lock_guard lock(mutex_);
        encoders_.push_back(std::move(made));
      }
    }
  }

  /// @throws invalid_argument for a frame that was not observed.
  [[nodiscard]] std::shared_ptr<const frame_encoder> for_frame(std::uint64_t frame) const {
    const std::lock_guard lock(mutex_);
    const std::size_t generation =
        first_frame_ && frame >= *first_frame_ ? std::bit_width(frame - *first_frame_ + 1) - 1U : encoders_.size();
    if (generation >= encoders_.size())
      throw invalid_argument("frame " + std::to_string(frame) + " is encoded before it was observed");
    return encoders_[generation];
  }

 private:
  /// At most 64 frames of each power of two, evenly spread.
  static bool is_sampled(std::uint64_t number) {
    return number % std::max<std::uint64_t>(1, std::bit_floor(number + 1) / 64) == 0;
  }

  dense_layout frame_;
  symbol_statistics statistics_;
  std::optional<std::uint64_t> first_frame_;
  std::uint64_t observed_ = 0;
  mutable std::mutex mutex_;  // of encoders_
  std::vector<std::shared_ptr<const frame_encoder>> encoders_;
};

struct encoded_frames : event_sink::encoded {
  std::uint64_t first_frame = 0;
  std::vector<std::uint8_t> chunks;  ///< one after another
  std::vector<std::uint64_t> ends;   ///< of each frame's chunk; a frame that never arrived has an empty one
  std::vector<std::uint32_t> counts;
  std::vector<std::uint8_t> status;
  std::vector<std::uint32_t> xrays;
};

std::filesystem::path part_name(const std::filesystem::path& path) {
  std::filesystem::path name = path;
  name += ".part";
  return name;
}

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

class hdf5_event_store_writer final : public event_store_writer {
 public:
  /// `part` is the name under which the file is written.
  hdf5_event_store_writer(std::filesystem::path path, std::filesystem::path part, const store_description& description,
                          const store_options& options)
      : path_(std::move(path)),
        part_(std::move(part)),
        scan_(description.scan),
        frame_{description.shape.pixels(), options.wide_counts ? 2U : 1U},
        keep_values_(description.options.values != event_value::none),
        options_(options),
        encoders_(frame_) {
    layout::validate(description, options.wide_counts);
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

  ~hdf5_event_store_writer() override {
    try {
      if (file_) close();
    } catch (const error&) {  // the frames are in the file; recovery finds them
    }
  }

  void observe(const event_batch& events) override { encoders_.observe(events); }

  [[nodiscard]] std::unique_ptr<encoded> encode(const event_batch& events) const override {
    auto made = std::make_unique<encoded_frames>();
    made->first_frame = events.first_frame;
    made->status = events.status;
    made->xrays = events.xrays;
    made->counts.reserve(events.frames());
    made->ends.reserve(events.frames());
    for (std::size_t i = 0; i < events.frames(); ++i) {
      const bool arrived = (events.status[i] & status_sectors) != 0;
      made->counts.push_back(arrived ? static_cast<std::uint32_t>(events.events(i).size()) : not_written);
      if (arrived) append(events, i, made->chunks);
      made->ends.push_back(made->chunks.size());
    }
    return made;
  }

  void write(const encoded& frames) override {
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
    write_per_frame(counts_, batch.first_frame, batch.counts);
    write_per_frame(status_, batch.first_frame, batch.status);
    write_per_frame(xrays_, batch.first_frame, batch.xrays);
    unflushed_ += count;
    if (unflushed_ >= frames_per_flush) flush();
  }

  /// Writes a chunk as it is, which another store held.
  void write_whole(const chunk_footer& footer, std::span<const std::uint8_t> chunk) {
    const auto lock = hdf5_lock();
    reserve(chunk.size(), 1);
    write_chunk(footer.facts.frame, chunk);
    write_per_frame<std::uint32_t>(counts_, footer.facts.frame, {footer.events});
    write_per_frame<std::uint8_t>(status_, footer.facts.frame, {footer.facts.status});
    write_per_frame<std::uint32_t>(xrays_, footer.facts.frame, {footer.facts.xrays});
    if (++unflushed_ >= frames_per_flush) flush();
  }

  /// Gives the file, complete up to here, the usual temporary name; it stays open.
  void take_part_name() {
    const auto lock = hdf5_lock();
    hdf5_check(H5Fflush(file_, H5F_SCOPE_GLOBAL), part_.string());
    make_durable(part_, O_RDONLY);
    std::filesystem::rename(part_, part_name(path_));
    part_ = part_name(path_);
  }

  void finish(std::span<const saved_image> reductions) override {
    close();
    if (!reductions.empty()) add_reductions(reductions);
    make_durable(part_, O_RDONLY);
    refuse_existing();
    std::error_code problem;
    std::filesystem::rename(part_, path_, problem);
    if (problem) throw io_error(part_.string() + ": cannot be renamed to " + path_.string() + ": " + problem.message());
    const std::filesystem::path folder = path_.has_parent_path() ? path_.parent_path() : ".";
    make_durable(folder, O_RDONLY | O_DIRECTORY);
  }

  std::filesystem::path abandon() override {
    close();
    return part_;
  }

 private:
  /// The file can no longer be followed by readers then, so new objects may be made; the events in it are safe already.
  void add_reductions(std::span<const saved_image> reductions) const {
    const auto lock = hdf5_lock();
    const hdf5_handle file(H5Fopen(part_.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), part_.string() + ": cannot be opened again");
    write_reductions(file, reductions);
    hdf5_check(H5Fflush(file, H5F_SCOPE_GLOBAL), part_.string() + ": the reductions cannot be written");
  }

  void refuse_existing() const {
    if (!options_.overwrite && std::filesystem::exists(path_)) {
      throw io_error(path_.string() + ": exists already; name another output or allow overwriting");
    }
  }

  [[nodiscard]] hdf5_handle open_dataset(const char* path) const {
    return {H5Dopen2(file_, path, H5P_DEFAULT), part_.string() + ": " + path};
  }

  void append(const event_batch& events, std::size_t i, std::vector<std::uint8_t>& chunks) const {
    const std::uint64_t frame = events.first_frame + i;
    const std::size_t first = events.indptr[i];
    const std::size_t count = events.indptr[i + 1] - first;
    if (count >= not_written)
      throw invalid_argument("frame " + std::to_string(frame) + " has more than 2^32 - 2 events; raise the threshold");
    if (keep_values_ && events.values.size() != events.indices.size()) {
      throw invalid_argument("the event store keeps values, but frame " + std::to_string(frame) + " comes without");
    }
    const auto values = keep_values_ ? std::span(events.values).subspan(first, count) : std::span<const std::uint32_t>();
    const frame_facts facts{frame, events.xrays[i], events.status[i]};
    append_chunk(*encoders_.for_frame(frame), frame_, facts, events.events(i), values, keep_values_, options_.fast_sparse,
                 chunks);
  }

  void reserve(std::size_t chunk_bytes, std::size_t frames) {
    hsize_t size = 0;
    hdf5_check(H5Fget_filesize(file_, &size), part_.string());
    const std::uint64_t index_bytes = indexed_ ? frames * metadata_bytes_per_frame : scan_.frames() * metadata_bytes_per_frame;
    space_->reserve(size + chunk_bytes + index_bytes + metadata_slack_bytes);
    indexed_ = true;
  }

  void write_chunk(std::uint64_t frame, std::span<const std::uint8_t> chunk) const {
    constexpr std::uint32_t all_filters_applied = 0;
    const std::vector<hsize_t> offset = layout::chunk_offset(scan_, frame);
    hdf5_check(H5Dwrite_chunk(data_, H5P_DEFAULT, all_filters_applied, offset.data(), chunk.size(), chunk.data()),
               part_.string() + ": writing frame " + std::to_string(frame) + " failed");
  }

  template <class T>
  void write_per_frame(const hdf5_handle& dataset, std::uint64_t first, const std::vector<T>& values) const {
    write_slab<T>(dataset, {{first}, {values.size()}}, values, part_.string());
  }

  void flush() {
    for (const hdf5_handle* dataset : {&data_, &counts_, &status_, &xrays_}) hdf5_check(H5Dflush(*dataset), part_.string());
    unflushed_ = 0;
  }

  void close() {
    const auto lock = hdf5_lock();
    if (!file_) return;
    for (hdf5_handle* dataset : {&data_, &counts_, &status_, &xrays_}) dataset->close();
    const hid_t file = file_.release();
    hdf5_check(H5Fclose(file), part_.string() + ": cannot be closed");
    space_->release(part_);
  }

  std::filesystem::path path_;
  std::filesystem::path part_;
  scan_shape scan_;
  dense_layout frame_;
  bool keep_values_;
  store_options options_;
  encoder_generations encoders_;
  hdf5_handle file_;
  hdf5_handle data_, counts_, status_, xrays_;
  std::optional<space_reservation> space_;
  std::uint64_t unflushed_ = 0;
  bool indexed_ = false;  ///< the chunk index, which grows with the scan, is in the file
};

/// Copies whole chunks from one file into a new store.
void copy_chunks(const file_handle& from, std::span<const found_chunk> chunks, hdf5_event_store_writer& to) {
  std::vector<std::uint8_t> bytes;
  for (const found_chunk& chunk : chunks) {
    bytes.resize(static_cast<std::size_t>(chunk.footer.chunk_bytes()));
    if (from.read_at(chunk.offset, bytes.data(), bytes.size()) != bytes.size() || !is_intact(bytes, chunk.footer)) {
      throw io_error(from.path().string() + ": changed while it was read; is it still being written?");
    }
    to.write_whole(chunk.footer, bytes);
  }
}

bool same_thresholds(const calibration& a, const calibration& b) {
  return a.dark16 == b.dark16 && a.gain == b.gain && a.mask == b.mask && a.background16 == b.background16 &&
         a.pixel_background16 == b.pixel_background16 && a.xray16 == b.xray16;
}

bool same_options(const counting_options& a, const counting_options& b) {
  return a.method == b.method && a.row_noise == b.row_noise && a.min_cluster_size == b.min_cluster_size &&
         a.max_cluster_size == b.max_cluster_size && a.values == b.values;
}

/// What keeps the frames of `found` from going into a store of this description; empty: nothing.
std::string difference(const found_store& found, const store_description& description, unsigned element_bytes) {
  if (found.description.shape != description.shape) return "frames of another size";
  if (found.description.scan != description.scan) return "another scan size";
  if (found.description.options.upsample != description.options.upsample) return "another upsampling";
  if (!same_options(found.description.options, description.options)) return "other counting options";
  if (!same_thresholds(found.description.calibrated, description.calibrated)) return "another calibration or other thresholds";
  if (found.frame.element_bytes != element_bytes) return "counts of another width";
  return {};
}

}  // namespace
}  // namespace io

std::unique_ptr<event_store_writer> create_event_store(const std::filesystem::path& path, const store_description& description,
                                                       const store_options& options) {
  return std::make_unique<io::hdf5_event_store_writer>(path, io::part_name(path), description, options);
}

resumed_event_store resume_event_store(const std::filesystem::path& path, const store_description& description,
                                       const store_options& options) {
  const std::filesystem::path part = io::part_name(path);
  if (!std::filesystem::exists(part)) return {create_event_store(path, description, options), 0};
  const io::file_handle unfinished = io::file_handle::open_read(part);
  const io::found_store found = io::scan_event_store(unfinished);
  const std::string other = io::difference(found, description, options.wide_counts ? 2 : 1);
  if (!other.empty()) {
    throw invalid_argument(part.string() + ": was counted with " + other +
                           "; resume with the same inputs and options, or remove it to start over");
  }
  // A chunk that is there but damaged is counted again, and so is all after it.
  const auto is_before_damage = [&](const io::found_chunk& chunk) {
    return found.damaged.empty() || chunk.footer.facts.frame < found.damaged.front();
  };
  const auto safe_end = std::partition_point(found.chunks.begin(), found.chunks.end(), is_before_damage);
  const std::span safe(found.chunks.begin(), safe_end);
  std::filesystem::path copy = part;
  copy += ".resuming";
  auto writer = std::make_unique<io::hdf5_event_store_writer>(path, copy, description, options);
  io::copy_chunks(unfinished, safe, *writer);
  writer->take_part_name();
  return {std::move(writer), safe.empty() ? 0 : safe.back().footer.facts.frame + 1};
}

recovery_report recover_event_store(const std::filesystem::path& broken, const std::filesystem::path& fixed, bool overwrite) {
  std::error_code absent;
  if (broken == fixed || broken == io::part_name(fixed) || std::filesystem::equivalent(broken, fixed, absent)) {
    throw invalid_argument(broken.string() + ": is only read; name another file for what is saved");
  }
  const io::file_handle file = io::file_handle::open_read(broken);
  io::found_store found = io::scan_event_store(file);
  found.description.provenance.emplace_back("recovered_from", broken.string());
  store_options options;
  options.wide_counts = found.frame.element_bytes == 2;
  options.overwrite = overwrite;
  io::hdf5_event_store_writer writer(fixed, io::part_name(fixed), found.description, options);
  io::copy_chunks(file, found.chunks, writer);
  writer.finish({});

  recovery_report report;
  report.frames = found.chunks.size();
  for (const io::found_chunk& chunk : found.chunks) report.events += chunk.footer.events;
  report.scan_frames = found.description.scan.frames();
  report.damaged = found.damaged;
  return report;
}

}  // namespace countem
