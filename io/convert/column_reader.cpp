#include "io/convert/column_reader.hpp"

#include <libdeflate.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "io/hdf5/hyperslab.hpp"
#include "threads/arena.hpp"

namespace countem::io {

namespace {

constexpr std::size_t element_bytes = sizeof(std::uint32_t);
/// Elements of larger chunks are read through HDF5, which bounds the memory.
constexpr hsize_t largest_column_chunk = hsize_t{1} << 22U;

std::vector<H5Z_filter_t> filter_numbers_of(hid_t creation) {
  std::vector<H5Z_filter_t> filters;
  for (int number = 0; number < H5Pget_nfilters(creation); ++number) {
    unsigned flags = 0;
    std::size_t values = 0;
    filters.push_back(H5Pget_filter2(creation, static_cast<unsigned>(number), &flags, &values, nullptr, 0, nullptr, nullptr));
  }
  return filters;
}

/// From bytes of one significance side by side.
void join_planes(std::span<const std::uint8_t> planes, std::span<std::uint32_t> to) {
  const std::size_t count = to.size();
  const std::uint8_t* const plane = planes.data();
  for (std::size_t i = 0; i < count; ++i) {
    to[i] = std::uint32_t{plane[i]} | std::uint32_t{plane[count + i]} << 8U | std::uint32_t{plane[2 * count + i]} << 16U |
            std::uint32_t{plane[3 * count + i]} << 24U;
  }
}

}  // namespace

column_reader::column_reader(hdf5_handle dataset, std::string name) : dataset_(std::move(dataset)), name_(std::move(name)) {
  const hdf5_handle space(H5Dget_space(dataset_), name_);
  length_ = static_cast<std::uint64_t>(std::max<hssize_t>(0, H5Sget_simple_extent_npoints(space)));
  const hdf5_handle creation(H5Dget_create_plist(dataset_), name_);
  const hdf5_handle type(H5Dget_type(dataset_), name_);
  if (H5Sget_simple_extent_ndims(space) != 1 || H5Pget_layout(creation) != H5D_CHUNKED) return;
  if (H5Tequal(type, H5T_STD_U32LE) <= 0 && H5Tequal(type, H5T_STD_I32LE) <= 0) return;
  const std::vector<H5Z_filter_t> filters = filter_numbers_of(creation);
  is_shuffled_ = filters == std::vector<H5Z_filter_t>{H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE};
  if (!is_shuffled_ && filters != std::vector<H5Z_filter_t>{H5Z_FILTER_DEFLATE}) return;
  hsize_t elements = 0;
  if (H5Pget_chunk(creation, 1, &elements) == 1 && elements <= largest_column_chunk) chunk_elements_ = elements;
}

void column_reader::read(std::uint64_t start, std::span<std::uint32_t> to, std::uint32_t highest) {
  if (chunk_elements_ != 0 && !to.empty() && start + to.size() <= length_ && read_unpacked(start, to, highest)) return;
  read_slab<std::uint32_t>(dataset_, {{start}, {to.size()}}, to, name_, {.highest = highest});
}

/// False where HDF5 must report what is wrong, or fill in what was never written.
bool column_reader::read_unpacked(std::uint64_t start, std::span<std::uint32_t> to, std::uint32_t highest) {
  const std::uint64_t first = start / chunk_elements_;
  const std::uint64_t end = (start + to.size() - 1) / chunk_elements_ + 1;
  std::erase_if(kept_, [&](const chunk& one) { return one.number < first || one.number >= end; });
  std::vector<chunk> needed(end - first);
  for (chunk& one : kept_) needed[one.number - first] = std::move(one);
  kept_.clear();
  {
    const auto lock = hdf5_lock();
    for (std::size_t i = 0; i < needed.size(); ++i) {
      if (needed[i].is_whole) continue;
      needed[i].number = first + i;
      if (!read_packed(needed[i])) return false;
    }
  }
  std::vector<std::uint8_t> is_right(needed.size());
  arena_of(0).execute([&] {
    tbb::parallel_for(std::size_t{0}, needed.size(), [&](std::size_t i) {
      if (!needed[i].is_whole) unpack(needed[i]);
      if (needed[i].is_whole) is_right[i] = copy_part(needed[i], start, to, highest);
    });
  });
  kept_ = std::move(needed);
  return std::ranges::all_of(is_right, [](std::uint8_t right) { return right != 0; });
}

bool column_reader::read_packed(chunk& into) const {
  const hsize_t place = into.number * chunk_elements_;
  hsize_t bytes = 0;
  std::uint32_t skipped = 0;
  const hsize_t most = 2 * chunk_elements_ * element_bytes + 1024;  // deflate adds little to what it cannot pack
  bool is_read = H5Dget_chunk_storage_size(dataset_, &place, &bytes) >= 0 && bytes != 0 && bytes <= most;
  if (is_read) {
    into.packed.resize(static_cast<std::size_t>(bytes));
    is_read = H5Dread_chunk(dataset_, H5P_DEFAULT, &place, &skipped, into.packed.data()) >= 0 && skipped == 0;
  }
  if (!is_read) (void)hdf5_last_failure();
  return is_read;
}

void column_reader::unpack(chunk& of) const {
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> decompressor(
      libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
  if (!decompressor) throw std::bad_alloc();
  of.elements.resize(static_cast<std::size_t>(chunk_elements_));
  std::vector<std::uint8_t> planes(is_shuffled_ ? of.elements.size() * element_bytes : 0);
  void* const to = is_shuffled_ ? static_cast<void*>(planes.data()) : of.elements.data();
  of.is_whole = libdeflate_zlib_decompress(decompressor.get(), of.packed.data(), of.packed.size(), to,
                                           of.elements.size() * element_bytes, nullptr) == LIBDEFLATE_SUCCESS;
  if (of.is_whole && is_shuffled_) join_planes(planes, of.elements);
  of.packed = {};
}

bool column_reader::copy_part(const chunk& from, std::uint64_t start, std::span<std::uint32_t> to,
                              std::uint32_t highest) const {
  const std::uint64_t before = from.number * chunk_elements_;
  const std::uint64_t begin = std::max(before, start);
  const std::uint64_t end = std::min(before + chunk_elements_, start + to.size());
  const std::span part = std::span(from.elements).subspan(begin - before, end - begin);
  std::ranges::copy(part, to.begin() + static_cast<std::ptrdiff_t>(begin - start));
  return std::ranges::all_of(part, [&](std::uint32_t value) { return value <= highest; });
}

}  // namespace countem::io
