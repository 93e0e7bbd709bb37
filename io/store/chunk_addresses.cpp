#include "io/store/chunk_addresses.hpp"

#include <algorithm>
#include <utility>

#include <countem/error.hpp>

namespace countem::io {

namespace {

/// What lies between two chunks and is read with them: metadata of HDF5, and space that was left free.
constexpr std::uint64_t widest_gap = 4096;

/// Chunks that one call reads.
struct run {
  std::size_t begin, end;  ///< of the places
  std::uint64_t address, bytes;
};

bool is_readable(const chunk_place& place, const metadata_file& file) {
  return place.bytes >= chunk_footer_bytes && place.skipped_filters == 0 && file.holds(place.address, place.bytes);
}

std::vector<run> runs_of(std::span<const chunk_place> places, const metadata_file& file) {
  std::vector<run> runs;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const chunk_place& place = places[i];
    if (!is_readable(place, file)) continue;
    if (!runs.empty()) {
      run& last = runs.back();
      const std::uint64_t end = last.address + last.bytes;
      if (place.address >= end && place.address - end <= widest_gap) {
        last.end = i + 1;
        last.bytes = place.address + place.bytes - last.address;
        continue;
      }
    }
    runs.push_back({i, i + 1, place.address, place.bytes});
  }
  return runs;
}

}  // namespace

std::unique_ptr<const chunk_addresses> chunk_addresses::open(file_handle file, const chunked_dataset& dataset) {
  std::unique_ptr<chunk_addresses> opened(new chunk_addresses(std::move(file)));
  return opened->find_index(dataset) ? std::move(opened) : nullptr;
}

bool chunk_addresses::find_index(const chunked_dataset& dataset) try {
  metadata_ = metadata_file::open(file_);
  if (metadata_) index_ = fixed_array::find(*metadata_, dataset);
  return index_.has_value();
} catch (const io_error&) {
  return false;
}

bool chunk_addresses::find(std::uint64_t first, std::span<chunk_place> places) const {
  const std::uint64_t page_entries = index_->page_entries();
  while (!places.empty()) {
    const std::uint64_t number = first / page_entries;
    const std::shared_ptr<const page> found = page_of(number);
    if (!found) return false;
    const auto skipped = static_cast<std::size_t>(first - number * page_entries);
    if (skipped >= found->size()) return false;
    const std::size_t count = std::min(places.size(), found->size() - skipped);
    std::copy_n(found->begin() + static_cast<std::ptrdiff_t>(skipped), count, places.begin());
    places = places.subspan(count);
    first += count;
  }
  return true;
}

/// Nothing where it cannot be read or its checksum is wrong.
std::shared_ptr<const chunk_addresses::page> chunk_addresses::page_of(std::uint64_t number) const try {
  if (number >= index_->pages()) return nullptr;
  kept_page& kept = kept_[static_cast<std::size_t>(number % most_kept_pages)];
  {
    const std::lock_guard held(lock_);
    if (kept.places && kept.number == number) return kept.places;
  }
  std::optional<page> read = index_->read(*metadata_, number);
  if (!read) return nullptr;
  auto places = std::make_shared<const page>(*std::move(read));
  const std::lock_guard held(lock_);
  kept = {number, places};
  return places;
} catch (const io_error&) {
  return nullptr;
}

void chunk_addresses::read(std::uint64_t first, std::span<const chunk_place> places, proven_chunks& to) const {
  to.chunks.assign(places.size(), {});
  const std::vector<run> runs = runs_of(places, *metadata_);
  std::uint64_t bytes = 0;
  for (const run& one : runs) bytes += one.bytes;
  if (to.memory.size() < bytes) to.memory.resize(static_cast<std::size_t>(bytes));
  std::size_t start = 0;
  for (const run& one : runs) {
    const auto memory = std::span(to.memory).subspan(start, static_cast<std::size_t>(one.bytes));
    start += memory.size();
    try {
      if (file_.read_at(one.address, memory.data(), memory.size()) != memory.size()) continue;
    } catch (const io_error&) {
      continue;
    }
    for (std::size_t i = one.begin; i < one.end; ++i) {
      if (!is_readable(places[i], *metadata_)) continue;
      const auto chunk = memory.subspan(static_cast<std::size_t>(places[i].address - one.address), places[i].bytes);
      const std::optional<chunk_footer> footer = find_footer(chunk);
      if (footer && footer->facts.frame == first + i && is_intact(chunk, *footer)) to.chunks[i] = {chunk, *footer};
    }
  }
}

}  // namespace countem::io
