#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <countem/dense_type.hpp>
#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/read_events.hpp>

#include "io/store/chunk.hpp"
#include "io/store/chunk_decoder.hpp"
#include "io/store/file.hpp"
#include "io/store/linked_store.hpp"
#include "threads/arena.hpp"

namespace countem {

namespace io {
namespace {

/// Frames whose chunks are read and decoded in one go, beside other threads.
constexpr std::size_t frames_per_task = 16;

/// Where the events of frames that follow one another go.
struct target {
  std::uint64_t first_frame;
  std::vector<std::uint64_t> indptr;  ///< of the frames, from 0 on
  std::span<std::uint32_t> indices;
  std::span<std::uint32_t> values;  ///< empty: not wanted, or none are kept
};

/// @throws invalid_argument when there is not memory for so many events
void require_room(std::uint64_t events, std::span<const std::uint32_t> indices, std::span<const std::uint32_t> values,
                  bool has_values) {
  if (indices.size() == events && (values.empty() || (has_values && values.size() == events))) return;
  throw invalid_argument("memory for " + std::to_string(indices.size()) + " indices and " + std::to_string(values.size()) +
                         " values where the frames hold " + std::to_string(events) + " events" +
                         (has_values ? "" : " without values"));
}

class hdf5_event_store final : public file_event_store {
 public:
  explicit hdf5_event_store(event_store_file file)
      : file_(std::move(file)), scratch_([this] { return scratch(file_.frame_layout()); }) {}

  [[nodiscard]] const store_description& description() const override { return file_.description(); }
  [[nodiscard]] std::uint64_t frames() const override { return file_.counts().size(); }
  [[nodiscard]] const std::vector<std::uint32_t>& counts() const override { return file_.counts(); }
  [[nodiscard]] const std::vector<std::uint8_t>& status() const override { return file_.status(); }
  [[nodiscard]] const std::vector<std::uint32_t>& xrays() const override { return file_.xrays(); }
  [[nodiscard]] std::span<const input_file> files() const override { return file_.opened(); }
  [[nodiscard]] pixel_type dense_type() const override {
    return file_.frame_layout().element_bytes == 1 ? pixel_type::u8 : pixel_type::u16;
  }

  void read(std::uint64_t first, std::size_t count, event_batch& out, unsigned threads) const override {
    target into = prepare(first, count);
    const auto begin = static_cast<std::ptrdiff_t>(first);
    const auto end = static_cast<std::ptrdiff_t>(first + count);
    out.first_frame = first;
    out.status.assign(status().begin() + begin, status().begin() + end);
    out.xrays.assign(xrays().begin() + begin, xrays().begin() + end);
    // Without clear(): growing a vector from nothing would fill it with zeros first, an eighth of the time of reading.
    out.indices.resize(into.indptr.back());
    out.values.resize(keeps_values() ? into.indptr.back() : 0);
    into.indices = out.indices;
    into.values = out.values;
    read_into(into, threads);
    out.indptr = std::move(into.indptr);
  }

  void read_events(std::uint64_t first, std::size_t count, std::span<std::uint32_t> indices, std::span<std::uint32_t> values,
                   unsigned threads) const override {
    target into = prepare(first, count);
    require_room(into.indptr.back(), indices, values, keeps_values());
    into.indices = indices;
    into.values = values;
    read_into(into, threads);
  }

  [[nodiscard]] bool keeps_values() const { return description().options.values != event_value::none; }

 private:
  /// A chunk that HDF5 read.
  struct loaded_chunk {
    std::size_t number;  ///< of its frame, in the batch
    std::size_t begin, end;
    bool deflated;
  };
  struct scratch {
    explicit scratch(const dense_layout& frame) : decoder(frame) {}
    chunk_decoder decoder;
    proven_chunks proven;
    std::vector<loaded_chunk> others;
    std::vector<std::uint8_t> bytes;  // of the others
    std::vector<chunk_decoding> jobs;
  };

  /// Where events will go, without memory for them.
  [[nodiscard]] target prepare(std::uint64_t first, std::size_t count) const {
    if (first > frames() || count > frames() - first) {
      throw invalid_argument(file_.path().string() + ": frames " + std::to_string(first) + " to " +
                             std::to_string(first + count) + " are not all among its " + std::to_string(frames()));
    }
    places_.assign(count, {});
    if (file_.has_plain_chunks()) file_.find_chunks(first, places_);
    target into{first, {0}, {}, {}};
    into.indptr.reserve(count + 1);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t counted = counts()[first + i];
      const std::uint64_t events = counted == not_written ? 0 : counted;
      const std::uint64_t most = file_.has_plain_chunks() ? most_events(places_[i].bytes, file_.frame_layout())
                                                          : file_.frame_layout().pixels * file_.frame_layout().largest();
      if (events > most) fail(first + i, "its chunk cannot hold the " + std::to_string(events) + " events of its count");
      into.indptr.push_back(into.indptr.back() + events);
    }
    return into;
  }

  void read_into(const target& out, unsigned threads) const {
    const std::size_t count = out.indptr.size() - 1;
    if (count <= frames_per_task || threads == 1) {
      for (std::size_t from = 0; from < count; from += frames_per_task)
        read_some(out, from, std::min(from + frames_per_task, count));
      return;
    }
    tbb::task_arena& arena = arena_of(threads);
    arena.execute([&] {
      tbb::parallel_for(tbb::blocked_range<std::size_t>(0, count, frames_per_task),
                        [&](const tbb::blocked_range<std::size_t>& range) { read_some(out, range.begin(), range.end()); });
    });
  }

  /// Frames [from, to) of those.
  void read_some(const target& out, std::size_t from, std::size_t to) const {
    scratch& mine = scratch_.local();
    file_.read_proven(out.first_frame + from, std::span(places_).subspan(from, to - from), mine.proven);
    load_others(out.first_frame, from, to, mine);
    mine.jobs.clear();
    const auto events_of = [&](std::size_t i) { return out.indices.subspan(out.indptr[i], out.indptr[i + 1] - out.indptr[i]); };
    const auto values_of = [&](std::size_t i) {
      return out.values.empty() ? out.values : out.values.subspan(out.indptr[i], out.indptr[i + 1] - out.indptr[i]);
    };
    for (std::size_t i = from; i < to; ++i) {
      const proven_chunk& chunk = mine.proven.chunks[i - from];
      if (chunk.bytes.empty() || counts()[out.first_frame + i] == not_written) continue;
      mine.jobs.push_back({chunk.bytes, chunk.footer, events_of(i), values_of(i), {}});
    }
    for (const loaded_chunk& other : mine.others) {
      const std::uint64_t frame = out.first_frame + other.number;
      if (counts()[frame] == not_written) continue;
      try {
        take_in(frame, std::span(mine.bytes).subspan(other.begin, other.end - other.begin), other.deflated,
                events_of(other.number), values_of(other.number), mine);
      } catch (const format_error& reason) {
        fail(frame, reason.what());
      }
    }
    mine.decoder.decode(mine.jobs);
    for (const chunk_decoding& job : mine.jobs) {
      if (!job.fault.empty()) fail(job.footer.facts.frame, job.fault);
    }
  }

  /// What is not proven of frames [from, to) of the batch, by HDF5 under one lock.
  void load_others(std::uint64_t first_frame, std::size_t from, std::size_t to, scratch& into) const {
    into.others.clear();
    into.bytes.clear();
    for (std::size_t i = from; i < to; ++i) {
      const bool is_there = counts()[first_frame + i] != not_written || places_[i].bytes != 0;
      if (is_there && into.proven.chunks[i - from].bytes.empty()) into.others.push_back({i, 0, 0, true});
    }
    if (into.others.empty()) return;
    const auto lock = hdf5_lock();
    for (loaded_chunk& other : into.others) {
      const std::uint64_t frame = first_frame + other.number;
      other.begin = into.bytes.size();
      try {
        if (places_[other.number].bytes != 0) other.deflated = file_.read_chunk(frame, places_[other.number].bytes, into.bytes);
      } catch (const format_error& reason) {
        fail(frame, reason.what());
      } catch (const io_error& reason) {
        throw io_error(place_of(frame) + reason.what());
      }
      other.end = into.bytes.size();
    }
  }

  /// Checks a chunk of ours and puts it on the list to decode; decodes a foreign one.
  void take_in(std::uint64_t frame, std::span<const std::uint8_t> chunk, bool deflated, std::span<std::uint32_t> events,
               std::span<std::uint32_t> values, scratch& mine) const {
    const std::optional<chunk_footer> footer = deflated ? find_footer(chunk) : std::nullopt;
    if (footer) {
      if (!is_intact(chunk, *footer)) throw format_error("the chunk's CRC is wrong: it was damaged after it was written");
      if (footer->facts.frame != frame)
        throw format_error("its chunk says that it is frame " + std::to_string(footer->facts.frame));
      mine.jobs.push_back({chunk, *footer, events, values, {}});
      return;
    }
    if (!values.empty()) throw format_error("its values are gone: another program rewrote the file");
    if (file_.has_plain_chunks() && deflated) {
      mine.decoder.decode_foreign(chunk, events);
    } else {
      dense_scanner scanner(file_.frame_layout(), events);
      file_.read_dense(frame,
                       [&](std::uint64_t first_byte, std::span<const std::uint8_t> piece) { scanner.take(first_byte, piece); });
      scanner.finish();
    }
  }

  [[noreturn]] void fail(std::uint64_t frame, const std::string& reason) const { throw format_error(place_of(frame) + reason); }

  [[nodiscard]] std::string place_of(std::uint64_t frame) const {
    return file_.path().string() + ": frame " + std::to_string(frame) + ": ";
  }

  event_store_file file_;
  mutable std::vector<chunk_place> places_;  // of the chunks being read
  mutable tbb::enumerable_thread_specific<scratch> scratch_;
};

}  // namespace

std::unique_ptr<file_event_store> open_stored(event_store_file file) {
  return std::make_unique<hdf5_event_store>(std::move(file));
}

std::unique_ptr<event_store> open_event_store(const std::filesystem::path& path, chunk_access access) {
  return open_stored(event_store_file(path, store_state::finished, access));
}

}  // namespace io

std::unique_ptr<event_store> open_event_store(const std::filesystem::path& path) {
  io::event_store_file file(path);
  if (file.led_elsewhere()) return io::open_linked(std::move(file));
  return io::open_stored(std::move(file));
}

std::unique_ptr<event_store> open_running_event_store(const std::filesystem::path& path) {
  return io::open_stored(io::event_store_file(path, io::store_state::running));
}

void read_events(const event_store& store, std::uint64_t first, std::size_t count, std::span<std::uint32_t> indices,
                 std::span<std::uint32_t> values, unsigned threads) {
  if (const auto* file = dynamic_cast<const io::file_event_store*>(&store)) {
    file->read_events(first, count, indices, values, threads);
    return;
  }
  event_batch read;
  store.read(first, count, read, threads);
  io::require_room(read.indices.size(), indices, values, !read.values.empty());
  std::ranges::copy(read.indices, indices.begin());
  if (!values.empty()) std::ranges::copy(read.values, values.begin());
}

pixel_type dense_type(const event_store& store) {
  const auto* file = dynamic_cast<const io::file_event_store*>(&store);
  return file != nullptr ? file->dense_type() : pixel_type::u8;
}

}  // namespace countem
