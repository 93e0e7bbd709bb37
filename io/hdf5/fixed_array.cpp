#include "io/hdf5/fixed_array.hpp"

#include <algorithm>
#include <bit>
#include <string_view>

namespace countem::io {

namespace {

constexpr unsigned of_filtered_chunks = 1;
constexpr std::uint64_t mask_bytes = 4;

/// HDF5 keeps a stored size in a byte more than that of the unfiltered chunk takes, at most eight.
unsigned bytes_of_size(std::uint64_t chunk_bytes) {
  const auto log2 = static_cast<unsigned>(std::bit_width(chunk_bytes)) - 1;
  return std::min(1 + (log2 + 8) / 8, 8U);
}

/// What the layout message of a dataset holds.
struct array_place {
  std::uint64_t header = undefined_address;
  unsigned page_bits = 0;
};

/// Nothing where its chunks are indexed in another way.
std::optional<array_place> parse_layout(std::span<const std::uint8_t> message, const chunked_dataset& dataset) {
  constexpr unsigned version = 4;
  constexpr unsigned chunked = 2;
  constexpr unsigned by_fixed_array = 3;
  constexpr unsigned most_page_bits = 20;
  metadata_reader layout(message);
  const bool known = layout.number(1) == version && layout.number(1) == chunked && layout.number(1) == 0;
  const std::uint64_t axes = layout.number(1);
  const auto extent_bytes = static_cast<unsigned>(layout.number(1));
  if (!known || axes != dataset.chunk.size() + 1) return std::nullopt;
  for (const std::uint64_t extent : dataset.chunk) {
    if (layout.number(extent_bytes) != extent) return std::nullopt;
  }
  if (layout.number(extent_bytes) != dataset.element_bytes || layout.number(1) != by_fixed_array) return std::nullopt;
  array_place place;
  place.page_bits = static_cast<unsigned>(layout.number(1));
  place.header = layout.address();
  return layout.ok() && place.page_bits <= most_page_bits ? std::optional(place) : std::nullopt;
}

}  // namespace

std::uint64_t chunked_dataset::chunk_bytes() const {
  std::uint64_t bytes = element_bytes;
  for (const std::uint64_t length : chunk) bytes *= length;
  return bytes;
}

std::optional<fixed_array> fixed_array::find(const metadata_file& file, const chunked_dataset& dataset) {
  constexpr unsigned layout_message = 8;
  if (dataset.chunks == 0 || dataset.chunk_bytes() == 0) return std::nullopt;
  const auto message = file.message(dataset.object_header, layout_message);
  const auto place = message ? parse_layout(*message, dataset) : std::nullopt;
  fixed_array found;
  if (!place || !found.read_header(file, place->header, dataset, place->page_bits)) return std::nullopt;
  return found;
}

bool fixed_array::read_header(const metadata_file& file, std::uint64_t address, const chunked_dataset& dataset,
                              unsigned page_bits) {
  constexpr std::uint64_t header_bytes = 4 + 1 + 1 + 1 + 1 + 8 + 8 + metadata_checksum_bytes;
  const auto bytes = file.checked_bytes_at(address, header_bytes);
  if (!bytes) return false;
  header_ = address;
  metadata_reader header(*bytes);
  if (!header.has("FAHD") || header.number(1) != 0 || header.number(1) != of_filtered_chunks) return false;
  size_bytes_ = bytes_of_size(dataset.chunk_bytes());
  const std::uint64_t entry_bytes = header.number(1);
  if (entry_bytes != sizeof(std::uint64_t) + size_bytes_ + mask_bytes || header.number(1) != page_bits) return false;
  entries_ = header.address();
  block_ = header.address();
  page_entries_ = std::uint64_t{1} << page_bits;
  // As many entries as chunks: they stand in the order of the chunks, with no room for a dataset that grows.
  if (entries_ != dataset.chunks || entries_ > file.end() / entry_bytes) return false;
  return read_prefix(file, address);
}

bool fixed_array::read_prefix(const metadata_file& file, std::uint64_t header) {
  constexpr std::uint64_t fixed_bytes = 4 + 1 + 1 + 8;
  const bool is_divided = entries_ > page_entries_;
  const std::uint64_t bitmap_bytes = is_divided ? (pages() + 7) / 8 : 0;
  const auto bytes = is_divided ? file.checked_bytes_at(block_, fixed_bytes + bitmap_bytes + metadata_checksum_bytes)
                                : file.bytes_at(block_, fixed_bytes);
  if (!bytes) return false;
  metadata_reader prefix(*bytes);
  if (!prefix.has("FADB") || prefix.number(1) != 0 || prefix.number(1) != of_filtered_chunks || prefix.address() != header)
    return false;
  const auto bitmap = prefix.take(static_cast<std::size_t>(bitmap_bytes));
  made_pages_.assign(bitmap.begin(), bitmap.end());
  prefix_bytes_ = fixed_bytes + (is_divided ? bitmap_bytes + metadata_checksum_bytes : 0);
  if (!is_divided) page_entries_ = entries_;
  return prefix.ok();
}

std::uint64_t fixed_array::entry_bytes() const {
  return sizeof(std::uint64_t) + size_bytes_ + mask_bytes;
}

std::uint64_t fixed_array::address_of(std::uint64_t page) const {
  if (!is_divided()) return block_;
  return block_ + prefix_bytes_ + page * (page_entries_ * entry_bytes() + metadata_checksum_bytes);
}

std::optional<std::vector<chunk_place>> fixed_array::read(const metadata_file& file, std::uint64_t page) const {
  const std::uint64_t first = page * page_entries_;
  const auto count = static_cast<std::size_t>(std::min(page_entries_, entries_ - first));
  std::vector<chunk_place> places(count);
  if (is_divided() && ((made_pages_[static_cast<std::size_t>(page / 8)] >> (7 - page % 8)) & 1U) == 0) return places;
  // The checksum of a block that is not divided covers its prefix, too.
  const std::uint64_t before = is_divided() ? 0 : prefix_bytes_;
  const auto bytes = file.checked_bytes_at(address_of(page), before + count * entry_bytes() + metadata_checksum_bytes);
  if (!bytes) return std::nullopt;
  metadata_reader entries(std::span<const std::uint8_t>(*bytes).subspan(static_cast<std::size_t>(before)));
  for (chunk_place& place : places) {
    place.address = entries.address();
    const std::uint64_t size = entries.number(size_bytes_);
    place.bytes = static_cast<std::uint32_t>(size);  // as HDF5 has it
    place.skipped_filters = static_cast<std::uint32_t>(entries.number(mask_bytes));
    if (place.address == undefined_address) place.bytes = 0;
  }
  return places;
}

void fixed_array::put_prefix(std::vector<std::uint8_t>& to) const {
  for (const char letter : std::string_view("FADB")) to.push_back(static_cast<std::uint8_t>(letter));
  to.push_back(0);
  to.push_back(of_filtered_chunks);
  put_number(to, header_, sizeof header_);
  to.insert(to.end(), made_pages_.begin(), made_pages_.end());
}

void fixed_array::write(const file_handle& file, std::uint64_t page, std::span<const chunk_place> places) {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(prefix_bytes_ + places.size() * entry_bytes() + metadata_checksum_bytes);
  if (!is_divided()) put_prefix(bytes);
  for (const chunk_place& place : places) {
    put_number(bytes, place.address, sizeof place.address);
    put_number(bytes, place.bytes, size_bytes_);
    put_number(bytes, place.skipped_filters, mask_bytes);
  }
  put_number(bytes, metadata_checksum(bytes), metadata_checksum_bytes);
  file.write_at(address_of(page), bytes.data(), bytes.size());
  if (is_divided()) made_pages_[static_cast<std::size_t>(page / 8)] |= static_cast<std::uint8_t>(0x80U >> (page % 8));
}

void fixed_array::write_made_pages(const file_handle& file) const {
  if (!is_divided()) return;
  std::vector<std::uint8_t> bytes;
  put_prefix(bytes);
  put_number(bytes, metadata_checksum(bytes), metadata_checksum_bytes);
  file.write_at(block_, bytes.data(), bytes.size());
}

}  // namespace countem::io
