#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <utility>

#include <countem/dense_type.hpp>
#include <countem/error.hpp>
#include <countem/folded_store.hpp>
#include <countem/scan_share.hpp>

#include "io/store/fold.hpp"
#include "io/store/linked_store.hpp"

namespace countem {

namespace {

constexpr const char* path_entry = "scan_path";

nlohmann::json record_of(const store_description& description) {
  const auto found =
      std::ranges::find(description.provenance, std::string(path_entry), [](const auto& entry) { return entry.first; });
  return found == description.provenance.end() ? nlohmann::json() : nlohmann::json::parse(found->second, nullptr, false);
}

nlohmann::json numbers_of(const scan_shape& scan) {
  return {scan.height, scan.width, scan.frames_per_position};
}

template <class T>
T value_in(const nlohmann::json& record, const char* key) {
  const auto found = record.find(key);
  if constexpr (std::is_same_v<T, bool>) return found != record.end() && found->is_boolean() && found->get<bool>();
  return found != record.end() && found->is_number_integer() ? found->get<T>() : T{};
}

}  // namespace

void record_path(store_description& description, const scan_path& path) {
  std::erase_if(description.provenance, [](const auto& entry) { return entry.first == path_entry; });
  if (path.is_plain()) return;
  const nlohmann::ordered_json record{
      {"skip", path.skip}, {"flyback", path.flyback}, {"snake", path.snake}, {"scan", numbers_of(description.scan)}};
  description.provenance.emplace_back(path_entry, record.dump());
}

scan_path recorded_path(const store_description& description) {
  const nlohmann::json record = record_of(description);
  if (!record.is_object() || record.value("scan", nlohmann::json()) != numbers_of(description.scan)) return {};
  return {value_in<std::int64_t>(record, "skip"), value_in<std::uint32_t>(record, "flyback"), value_in<bool>(record, "snake")};
}

namespace io {

namespace {

/// @throws invalid_argument where the frames are not those of a whole scan, one by one
void require_whole(const store_description& description, const std::string& name) {
  const store_geometry& geometry = description.geometry;
  if (geometry.scan_row.step != 1 || geometry.scan_column.step != 1)
    throw invalid_argument(name +
                           ": holds merged scan positions, which are frames of no recording: fold the store they are of");
  if (description.scan.height > 1 && (geometry.scan_row.first != 0 || geometry.scan_column.first != 0))
    throw invalid_argument(name + ": holds a part of a scan: fold the whole one, then cut the part");
  if (const auto share = recorded_share(description))
    throw invalid_argument(name + ": holds " + name_of(*share) + ": merge the parts of the scan, then fold it");
}

scan_shape whole_scan(const store_description& from, const folding& wanted, const std::string& name) {
  require_whole(from, name);
  return along(wanted.path, from.scan, wanted.scan, name);
}

}  // namespace

folded_order::folded_order(const store_description& from, const folding& wanted, const std::string& name)
    : order_(whole_scan(from, wanted, name), wanted.path, from.scan.frames()),
      turned_(from.scan, {0, 0, recorded_path(from).snake}, from.scan.frames()),
      is_turned_(recorded_path(from).snake) {
  if (order_.lacking() == order_.scan().frames())
    throw invalid_argument(name + ": none of its " + std::to_string(from.scan.frames()) + " frames is in the scan (" +
                           words_of(wanted.path) + ")");
}

std::optional<std::uint64_t> folded_order::stored(std::uint64_t frame) const {
  const std::optional<std::uint64_t> recorded = order_.recorded(frame);
  return recorded && is_turned_ ? turned_.recorded(*recorded) : recorded;
}

ordered_run folded_order::run(std::uint64_t first, std::uint64_t end) const {
  if (!is_turned_) return order_.run(first, end);
  return {first, 1, stored(first), false};
}

namespace {

/// Whether a step that is known for the store's scan is that of the folding, which it is for any folding of one line: what
/// follows one another there does so in the lines of the folding, too.
enum class kept_step : std::uint8_t { none, of_line, of_raster };

kept_step step_kept(const scan_shape& raster, const frame_order& order) {
  if (place_in_raster(raster, order.scan(), order.path())) return kept_step::of_raster;
  return raster.height == 1 && raster.width > 1 && order.scan().frames_per_position == raster.frames_per_position
             ? kept_step::of_line
             : kept_step::none;
}

/// Its frames lie elsewhere.
void fold_scan_axes(store_geometry& geometry, const scan_shape& raster, const frame_order& order) {
  const std::optional<raster_place> first = place_in_raster(raster, order.scan(), order.path());
  if (geometry.scan_step_nm > 0 && first) {
    const double step = geometry.scan_step_nm;
    geometry.scan_origin_nm.row += step * geometry.scan_row.at(static_cast<double>(first->row));
    geometry.scan_origin_nm.column += step * geometry.scan_column.at(static_cast<double>(first->column));
  } else {
    geometry.scan_origin_nm = {};
    if (step_kept(raster, order) == kept_step::none) geometry.scan_step_nm = 0;
  }
  geometry.scan_row = geometry.scan_column = {};
}

}  // namespace

store_description folded_description(const store_description& from, const folded_order& order, const folding& wanted) {
  store_description folded = from;
  folded.scan = order.scan();
  fold_scan_axes(folded.geometry, from.scan, order.order());
  record_path(folded, wanted.path);
  return folded;
}

namespace {

std::vector<source_issue> lost_step(const store_description& from, const frame_order& order) {
  switch (step_kept(from.scan, order)) {
    case kept_step::of_raster: break;
    case kept_step::none: return {{"scan_step_not_taken", words_of_lost_step(from.scan, order.scan(), order.path())}};
    case kept_step::of_line:
      return {{"scan_step_of_line",
               fmt::format("its step of {:.6g} nm is known along one line: it is taken for the rows of the scan of {}, too",
                           from.geometry.scan_step_nm, words_of(order.scan()))}};
  }
  return {};
}

class folded_store final : public file_event_store {
 public:
  folded_store(std::unique_ptr<event_store> store, const folding& wanted, const std::string& name)
      : store_(std::move(store)),
        order_(store_->description(), wanted, name),
        description_(folded_description(store_->description(), order_, wanted)) {
    const std::uint64_t frames = order_.scan().frames();
    counts_.assign(frames, not_written);
    status_.assign(frames, 0);
    xrays_.assign(frames, 0);
    for (std::uint64_t frame = 0; frame < frames; ++frame) {
      const std::optional<std::uint64_t> stored = order_.stored(frame);
      if (!stored) continue;
      counts_[frame] = store_->counts()[*stored];
      status_[frame] = store_->status()[*stored];
      xrays_[frame] = store_->xrays()[*stored];
    }
  }

  [[nodiscard]] const store_description& description() const override { return description_; }
  [[nodiscard]] std::uint64_t frames() const override { return counts_.size(); }
  [[nodiscard]] const std::vector<std::uint32_t>& counts() const override { return counts_; }
  [[nodiscard]] const std::vector<std::uint8_t>& status() const override { return status_; }
  [[nodiscard]] const std::vector<std::uint32_t>& xrays() const override { return xrays_; }
  [[nodiscard]] std::span<const input_file> files() const override { return store_->files(); }
  [[nodiscard]] pixel_type dense_type() const override { return countem::dense_type(*store_); }

  void read(std::uint64_t first, std::size_t count, event_batch& out, unsigned threads) const override {
    out.clear();
    out.first_frame = first;
    out.indptr.assign(1, 0);
    for_frames(first, count, threads, [&](std::uint64_t frame, auto indices, auto values) {
      out.indices.insert(out.indices.end(), indices.begin(), indices.end());
      out.values.insert(out.values.end(), values.begin(), values.end());
      out.indptr.push_back(out.indices.size());
      out.status.push_back(status_[frame]);
      out.xrays.push_back(xrays_[frame]);
    });
  }

  void read_events(std::uint64_t first, std::size_t count, std::span<std::uint32_t> indices, std::span<std::uint32_t> values,
                   unsigned threads) const override {
    std::size_t at = 0;
    const bool with_values = !values.empty();
    for_frames(first, count, threads, [&](std::uint64_t /*frame*/, auto some, auto some_values) {
      if (some.size() > indices.size() - at || (with_values && some_values.size() != some.size()))
        throw invalid_argument("memory for another number of indices or values than the frames hold events");
      std::ranges::copy(some, indices.begin() + static_cast<std::ptrdiff_t>(at));
      if (with_values) std::ranges::copy(some_values, values.begin() + static_cast<std::ptrdiff_t>(at));
      at += some.size();
    });
    if (at != indices.size())
      throw invalid_argument("memory for another number of indices or values than the frames hold events");
  }

 private:
  /// Calls take(frame, indices, values) with each frame in order.
  template <class Take>
  void for_frames(std::uint64_t first, std::size_t count, unsigned threads, const Take& take) const {
    if (first > frames() || count > frames() - first) {
      throw invalid_argument("frames " + std::to_string(first) + " to " + std::to_string(first + count) +
                             " are not all among the scan's " + std::to_string(frames()));
    }
    constexpr std::span<const std::uint32_t> nothing;
    for (std::uint64_t at = first; at < first + count;) {
      const ordered_run run = order_.run(at, first + count);
      if (run.recorded) store_->read(*run.recorded, static_cast<std::size_t>(run.frames), read_, threads);
      for (std::uint64_t i = 0; i < run.frames; ++i) {
        if (!run.recorded) {
          take(at + i, nothing, nothing);
          continue;
        }
        const auto number = static_cast<std::size_t>(run.backwards ? run.frames - 1 - i : i);
        const std::size_t begin = read_.indptr[number];
        const std::size_t events = read_.indptr[number + 1] - begin;
        take(at + i, std::span<const std::uint32_t>(read_.indices).subspan(begin, events),
             read_.values.empty() ? nothing : std::span<const std::uint32_t>(read_.values).subspan(begin, events));
      }
      at += run.frames;
    }
  }

  std::unique_ptr<event_store> store_;
  folded_order order_;
  store_description description_;
  std::vector<std::uint32_t> counts_;
  std::vector<std::uint8_t> status_;
  std::vector<std::uint32_t> xrays_;
  mutable event_batch read_;
};

std::string name_of_store(const event_store& store) {
  return store.files().empty() ? "the store" : store.files().front().path.string();
}

}  // namespace
}  // namespace io

std::unique_ptr<event_store> fold(std::unique_ptr<event_store> store, const folding& wanted) {
  const std::string name = io::name_of_store(*store);
  return std::make_unique<io::folded_store>(std::move(store), wanted, name);
}

std::vector<source_issue> misfits(const event_store& store, const folding& wanted, const std::string& name) {
  const io::folded_order order(store.description(), wanted, name);
  std::vector<source_issue> issues = misfits(order.order());
  if (store.description().geometry.scan_step_nm > 0)
    std::ranges::move(io::lost_step(store.description(), order.order()), std::back_inserter(issues));
  for (source_issue& issue : issues) issue.text = name + ": " + issue.text;
  return issues;
}

}  // namespace countem
