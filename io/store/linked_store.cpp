#include "io/store/linked_store.hpp"

#include <algorithm>
#include <filesystem>
#include <list>
#include <map>
#include <utility>

#include <countem/dense_type.hpp>
#include <countem/error.hpp>
#include <countem/read_events.hpp>

#include "io/files/file.hpp"
#include "io/store/difference.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

/// The file of that name beside a store; where the store is a link, beside the link or beside its target.
fs::path beside(const fs::path& store, const std::string& name) {
  const fs::path here = fs::absolute(store).parent_path() / name;
  std::error_code failure;
  if (fs::exists(here, failure)) return here;
  const fs::path there = fs::weakly_canonical(store, failure).parent_path() / name;
  return fs::exists(there, failure) ? there : here;
}

std::string words_for_missing(const fs::path& store, const fs::path& part) {
  return store.string() + ": its frames are in " + part.string() +
         ", which is not there: put it back, or merge the parts that there are";
}

/// What differs between the store and one of its parts in frames [first, end); empty: nothing.
std::string difference(const event_store_file& whole, const event_store_file& part, const frames_elsewhere& held) {
  if (part.led_elsewhere()) return "it leads to other stores itself";
  const std::vector<std::string> others = differences({part.description(), part.frame_layout().element_bytes},
                                                      {whole.description(), whole.frame_layout().element_bytes});
  if (!others.empty()) return "it was counted with " + list_of(others);
  for (std::uint64_t frame = held.first; frame < held.end; ++frame) {
    if (whole.counts()[frame] != part.counts()[frame] || whole.status()[frame] != part.status()[frame] ||
        whole.xrays()[frame] != part.xrays()[frame])
      return "its frame " + std::to_string(frame) + " is another";
  }
  return {};
}

/// @throws format_error when it is no longer the part that was linked
void require_same(const event_store_file& whole, const event_store_file& part, const frames_elsewhere& held) {
  const std::string problem = difference(whole, part, held);
  if (problem.empty()) return;
  throw format_error(part.path().string() + ": is not what " + whole.path().string() + " leads to: " + problem +
                     "; merge the parts again");
}

/// Frames of each of the parts to which a store leads.
std::map<std::string, std::vector<frames_elsewhere>> by_part(const event_store_file& file) {
  std::map<std::string, std::vector<frames_elsewhere>> parts;
  for (const frames_elsewhere& held : *file.led_elsewhere()) parts[held.file].push_back(held);
  return parts;
}

class linked_store final : public file_event_store {
 public:
  explicit linked_store(event_store_file file) : file_(std::move(file)) {
    files_.assign(file_.opened().begin(), file_.opened().end());
    for (const auto& [name, held] : by_part(file_)) {
      const fs::path path = beside(file_.path(), name);
      if (!fs::exists(path)) throw io_error(words_for_missing(file_.path(), path));
      files_.push_back(file_handle::open_read(path).opened());
    }
  }

  [[nodiscard]] const store_description& description() const override { return file_.description(); }
  [[nodiscard]] std::uint64_t frames() const override { return file_.counts().size(); }
  [[nodiscard]] const std::vector<std::uint32_t>& counts() const override { return file_.counts(); }
  [[nodiscard]] const std::vector<std::uint8_t>& status() const override { return file_.status(); }
  [[nodiscard]] const std::vector<std::uint32_t>& xrays() const override { return file_.xrays(); }
  [[nodiscard]] std::span<const input_file> files() const override { return files_; }
  [[nodiscard]] pixel_type dense_type() const override {
    return file_.frame_layout().element_bytes == 1 ? pixel_type::u8 : pixel_type::u16;
  }

  void read(std::uint64_t first, std::size_t count, event_batch& out, unsigned threads) const override {
    require_known(first, count);  // before its word is taken for how much memory is needed
    const auto begin = static_cast<std::ptrdiff_t>(first);
    const auto end = static_cast<std::ptrdiff_t>(first + count);
    out.first_frame = first;
    out.status.assign(status().begin() + begin, status().begin() + end);
    out.xrays.assign(xrays().begin() + begin, xrays().begin() + end);
    out.indptr.assign(1, 0);
    for (std::uint64_t frame = first; frame < first + count; ++frame) out.indptr.push_back(out.indptr.back() + events(frame));
    out.indices.resize(out.indptr.back());
    out.values.resize(description().options.values == event_value::none ? 0 : out.indptr.back());
    read_events(first, count, out.indices, out.values, threads);
  }

  void read_events(std::uint64_t first, std::size_t count, std::span<std::uint32_t> indices, std::span<std::uint32_t> values,
                   unsigned threads) const override {
    require_known(first, count);
    std::size_t at = 0;
    for (std::size_t i = segment_of(first); i < segments() && segment(i).first < first + count; ++i) {
      const std::uint64_t from = std::max(first, segment(i).first);
      const std::uint64_t to = std::min<std::uint64_t>(first + count, segment(i).end);
      std::size_t number = 0;
      for (std::uint64_t frame = from; frame < to; ++frame) number += events(frame);
      if (number > indices.size() - at) throw_room();
      const auto wanted = values.empty() ? values : values.subspan(at, number);
      countem::read_events(part(segment(i).file), from, static_cast<std::size_t>(to - from), indices.subspan(at, number),
                           wanted, threads);
      at += number;
    }
    if (at != indices.size()) throw_room();
  }

 private:
  /// A part that is open; several, since a scan is often read at two places at a time.
  struct open_part {
    std::string name;
    std::unique_ptr<event_store> store;
  };
  static constexpr std::size_t most_open = 4;

  [[nodiscard]] std::size_t segments() const { return file_.led_elsewhere()->size(); }
  [[nodiscard]] const frames_elsewhere& segment(std::size_t i) const { return (*file_.led_elsewhere())[i]; }

  /// The first that ends behind a frame.
  [[nodiscard]] std::size_t segment_of(std::uint64_t frame) const {
    const auto& all = *file_.led_elsewhere();
    const auto found = std::ranges::upper_bound(all, frame, {}, &frames_elsewhere::end);
    return static_cast<std::size_t>(found - all.begin());
  }

  [[nodiscard]] std::size_t events(std::uint64_t frame) const { return counts()[frame] == not_written ? 0 : counts()[frame]; }

  /// All frames are in parts, which hold as many events.
  void require_known(std::uint64_t first, std::size_t count) const {
    if (first > frames() || count > frames() - first) {
      throw invalid_argument(file_.path().string() + ": frames " + std::to_string(first) + " to " +
                             std::to_string(first + count) + " are not all among its " + std::to_string(frames()));
    }
    std::uint64_t known = first;
    for (std::size_t i = segment_of(first); known < first + count; ++i) {
      const bool is_last = i >= segments() || segment(i).first >= first + count;
      const std::uint64_t next = is_last ? first + count : segment(i).first;
      for (; known < next; ++known) {
        if (events(known) != 0)
          throw format_error(file_.path().string() + ": frame " + std::to_string(known) + ": has events, but lies in no part");
      }
      if (is_last) return;
      (void)part(segment(i).file);
      known = std::max(known, segment(i).end);
    }
  }

  const event_store& part(const std::string& name) const {
    const auto same = std::ranges::find(open_, name, &open_part::name);
    if (same != open_.end()) {
      open_.splice(open_.begin(), open_, same);
    } else {
      if (open_.size() == most_open) open_.pop_back();
      event_store_file opened(beside(file_.path(), name));
      for (const frames_elsewhere& held : *file_.led_elsewhere()) {
        if (held.file == name) require_same(file_, opened, held);
      }
      open_.push_front({name, open_stored(std::move(opened))});
    }
    return *open_.front().store;
  }

  [[noreturn]] static void throw_room() {
    throw invalid_argument("memory for another number of indices than the frames hold events");
  }

  event_store_file file_;
  std::vector<input_file> files_;      ///< the store, then its parts
  mutable std::list<open_part> open_;  ///< the one that was used last first
};

}  // namespace

std::unique_ptr<file_event_store> open_linked(event_store_file file) {
  return std::make_unique<linked_store>(std::move(file));
}

std::vector<std::string> verify_linked(const event_store_file& file, unsigned threads) {
  std::vector<std::string> sentences;
  std::vector<bool> lies_somewhere(file.counts().size(), false);
  for (const auto& [name, all_held] : by_part(file)) {
    const fs::path path = beside(file.path(), name);
    for (const frames_elsewhere& held : all_held)
      std::fill_n(lies_somewhere.begin() + static_cast<std::ptrdiff_t>(held.first), held.end - held.first, true);
    if (!fs::exists(path)) {
      sentences.push_back(words_for_missing(file.path(), path));
      continue;
    }
    try {
      const event_store_file part(path);
      for (const frames_elsewhere& held : all_held) require_same(file, part, held);
    } catch (const format_error& reason) {
      sentences.emplace_back(reason.what());
      continue;
    }
    for (const std::string& fault : verify_event_store(path, threads)) sentences.push_back(name + ": " + fault);
  }
  for (std::uint64_t frame = 0; frame < file.counts().size(); ++frame) {
    if (file.counts()[frame] != not_written && !lies_somewhere[frame])
      sentences.push_back("frame " + std::to_string(frame) + ": has a count, but lies in no part");
  }
  return sentences;
}

}  // namespace countem::io
