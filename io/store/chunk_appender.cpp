#include "io/store/chunk_appender.hpp"

#include <utility>

#include <countem/error.hpp>

namespace countem::io {

std::optional<chunk_appender> chunk_appender::open(const file_handle& file, const chunked_dataset& dataset) {
  const auto metadata = metadata_file::open(file);
  const auto index = metadata ? fixed_array::find(*metadata, dataset) : std::nullopt;
  if (!index) return std::nullopt;
  return chunk_appender(file, *metadata, *index);
}

void chunk_appender::append(std::uint64_t number, std::span<const std::uint8_t> chunk) {
  constexpr std::size_t most_waiting = std::size_t{4} << 20U;
  const std::uint64_t page = number / index_.page_entries();
  if (page != page_) {
    write_index();
    is_page_new_ = true;
    auto places = index_.read(metadata_, page);
    if (!places) throw io_error(file_->path().string() + ": the index of its chunks changed while it was written");
    page_ = page;
    places_ = std::move(*places);
  }
  places_[static_cast<std::size_t>(number % index_.page_entries())] = {end_, static_cast<std::uint32_t>(chunk.size()), 0};
  if (waiting_.size() + chunk.size() > most_waiting) write_chunks();
  waiting_.insert(waiting_.end(), chunk.begin(), chunk.end());
  end_ += chunk.size();
}

void chunk_appender::publish() {
  write_index();
  attempt([this] { metadata_.move_end(*file_, end_, metadata_file::readers::following); });
}

void chunk_appender::finish() {
  if (!failed_) write_index();
  metadata_.move_end(*file_, end_ - waiting_.size(), metadata_file::readers::all);
}

void chunk_appender::write_index() {
  write_chunks();
  attempt([this] {
    if (!places_.empty()) index_.write(*file_, page_, places_);
    if (std::exchange(is_page_new_, false)) index_.write_made_pages(*file_);
  });
}

void chunk_appender::write_chunks() {
  attempt([this] { file_->write_at(end_ - waiting_.size(), waiting_.data(), waiting_.size()); });
  waiting_.clear();
}

template <class Writing>
void chunk_appender::attempt(Writing writing) {
  failed_ = true;
  writing();
  failed_ = false;
}

}  // namespace countem::io
