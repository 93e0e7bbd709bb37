#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <mutex>
#include <string>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/work.hpp>

#include "io/files/file.hpp"
#include "io/hdf5/object.hpp"
#include "io/store/chunk_checker.hpp"
#include "io/store/file.hpp"
#include "io/store/layout.hpp"
#include "io/store/linked_store.hpp"
#include "threads/arena.hpp"

namespace countem {

namespace io {
namespace {

constexpr std::size_t most_faults = 1000;
constexpr std::size_t frames_per_check = 64;

/// Faults by frame, from several threads; the first ones are kept, the rest counted.
class fault_list {
 public:
  void add(std::uint64_t frame, const std::string& what) {
    const std::lock_guard lock(mutex_);
    by_frame_.emplace(frame, "frame " + std::to_string(frame) + ": " + what);
    if (by_frame_.size() > most_faults) {
      by_frame_.erase(std::prev(by_frame_.end()));
      ++dropped_;
    }
  }
  void append_to(std::vector<std::string>& sentences) const {
    for (const auto& [frame, sentence] : by_frame_) sentences.push_back(sentence);
    if (dropped_ > 0) sentences.push_back("and " + std::to_string(dropped_) + " more faults");
  }

 private:
  std::mutex mutex_;
  std::multimap<std::uint64_t, std::string> by_frame_;
  std::uint64_t dropped_ = 0;
};

class frame_checker {
 public:
  frame_checker(const event_store_file& file, fault_list& faults)
      : file_(file), faults_(faults), checker_(file.frame_layout(), file.description().options.values != event_value::none) {}

  /// Frames from `first` on.
  void check(std::uint64_t first, std::size_t count) {
    places_.resize(count);
    file_.find_chunks(first, places_);
    file_.read_proven(first, places_, proven_);
    for (std::size_t i = 0; i < count; ++i) {
      try {
        check_chunk(first + i, places_[i].bytes, proven_.chunks[i]);
      } catch (const format_error& reason) {
        faults_.add(first + i, reason.what());
      }
    }
  }

 private:
  void check_chunk(std::uint64_t frame, std::uint64_t stored_bytes, const proven_chunk& proven) {
    const std::uint32_t count = file_.counts()[frame];
    if (count == not_written) {
      if (stored_bytes != 0) faults_.add(frame, "data is stored, but its count says that it never arrived");
      if (has_arrived(file_.status()[frame]))
        faults_.add(frame, "its status says that sectors arrived, its count that none did");
      return;
    }
    if (stored_bytes == 0) throw format_error("its data is missing");
    if (!proven.bytes.empty()) {
      check_content(frame, proven.bytes, proven.footer);
      return;
    }
    chunk_.clear();
    const bool deflated = file_.read_chunk(frame, stored_bytes, chunk_);
    const std::optional<chunk_footer> footer = deflated ? find_footer(chunk_) : std::nullopt;
    if (!footer)
      throw format_error("its chunk has no footer, so nothing vouches for it: damaged, or rewritten by another program");
    if (!is_intact(chunk_, *footer)) throw format_error("its CRC is wrong: the chunk was damaged after it was written");
    check_content(frame, chunk_, *footer);
  }

  void check_content(std::uint64_t frame, std::span<const std::uint8_t> chunk, const chunk_footer& footer) {
    compare(frame, footer);
    checker_.check(chunk, footer);
  }

  void compare(std::uint64_t frame, const chunk_footer& footer) {
    const auto expect = [&](std::uint64_t in_chunk, std::uint64_t in_dataset, const char* what) {
      if (in_chunk != in_dataset) {
        faults_.add(frame, std::string(what) + " is " + std::to_string(in_chunk) + " in its chunk and " +
                               std::to_string(in_dataset) + " in the dataset");
      }
    };
    expect(footer.facts.frame, frame, "the frame number");
    expect(footer.events, file_.counts()[frame], "the number of events");
    expect(footer.facts.status, file_.status()[frame], "the status");
    expect(footer.facts.xrays, file_.xrays()[frame], "the X-ray tally");
  }

  const event_store_file& file_;
  fault_list& faults_;
  chunk_checker checker_;
  std::vector<chunk_place> places_;
  proven_chunks proven_;
  std::vector<std::uint8_t> chunk_;
};

void check_frames(const event_store_file& file, unsigned threads, std::vector<std::string>& sentences) {
  fault_list faults;
  work verifying("verifying", "frames", file.counts().size());
  tbb::task_arena& arena = arena_of(threads);
  arena.execute([&] {
    tbb::parallel_for(
        tbb::blocked_range<std::uint64_t>(0, file.counts().size(), frames_per_check),
        [&](const tbb::blocked_range<std::uint64_t>& range) {
          frame_checker checker(file, faults);
          checker.check(range.begin(), range.size());
          verifying.advance(range.size());
        },
        tbb::simple_partitioner());
  });
  faults.append_to(sentences);
}

/// The names under which other standards look for the dataset must all lead to it.
void check_structure(const event_store_file& file, std::vector<std::string>& sentences) {
  const auto lock = hdf5_lock();
  for (const char* name : {"/datacube_root/datacube/data", "/entry/data/data"}) {
    if (!is_same_object(file.file(), name, layout::data))
      sentences.push_back(std::string(name) + " does not lead to " + layout::data);
  }
  const std::size_t axes = layout::axis_names(file.description().scan).size();
  for (std::size_t axis = 1; axis <= axes; ++axis) {
    const std::string name = std::string(layout::counts_group) + "/dim" + std::to_string(axis);
    if (object_type(file.file(), name) == H5O_TYPE_UNKNOWN) sentences.push_back(name + " is missing");
  }
  if (file.description().provenance.empty()) sentences.push_back("the provenance is empty: nothing says how the file was made");
  if (!file.has_plain_chunks() && !file.led_elsewhere())
    sentences.push_back("the chunks are not single deflated frames: another program rewrote the file, and its CRCs are gone");
}

}  // namespace
}  // namespace io

std::vector<std::string> verify_event_store(const std::filesystem::path& path, unsigned threads) {
  std::vector<std::string> sentences;
  try {
    io::naming(path, [&] {
      const io::event_store_file file(path);
      io::check_structure(file, sentences);
      if (file.has_plain_chunks()) io::check_frames(file, threads, sentences);
      if (file.led_elsewhere()) std::ranges::move(io::verify_linked(file, threads), std::back_inserter(sentences));
    });
  } catch (const format_error& reason) {
    sentences.emplace_back(reason.what());
  }
  return sentences;
}

}  // namespace countem
