#include "io/convert/deflated_columns.hpp"

#include <libdeflate.h>
#include <tbb/parallel_for.h>

#include <array>
#include <memory>
#include <new>
#include <utility>

#include "io/hdf5/dataset.hpp"
#include "threads/arena.hpp"

namespace countem::io {

namespace {

/// Chunks that are deflated together: enough for many threads, and 16 to 32 MiB.
constexpr std::size_t most_waiting = 16;
constexpr unsigned level = 1;

}  // namespace

void column_chunks::put(chunk next) {
  waiting_.push_back(std::move(next));
  if (waiting_.size() >= most_waiting) write();
}

void column_chunks::write() {
  std::vector<std::vector<std::uint8_t>> packed(waiting_.size());
  arena_of(0).execute([&] {
    tbb::parallel_for(std::size_t{0}, packed.size(),
                      [&](std::size_t i) { packed[i] = shuffle_and_deflate(waiting_[i].bytes, waiting_[i].element_bytes); });
  });
  const auto lock = hdf5_lock();
  for (std::size_t i = 0; i < packed.size(); ++i) {
    const chunk& one = waiting_[i];
    hdf5_check(H5Dset_extent(one.dataset, &one.end), one.name);
    hdf5_check(H5Dwrite_chunk(one.dataset, H5P_DEFAULT, 0, &one.first, packed[i].size(), packed[i].data()), one.name);
  }
  waiting_.clear();
}

hdf5_handle make_column(hid_t location, const std::string& name, hid_t type) {
  const hsize_t none = 0;
  const hsize_t unlimited = H5S_UNLIMITED;
  const hsize_t chunk = column_chunk;
  const hdf5_handle space(H5Screate_simple(1, &none, &unlimited), name);
  const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), name);
  hdf5_check(H5Pset_chunk(creation, 1, &chunk), name);
  compress(creation, {.shuffle = true, .deflate = level}, place_of(location, name));
  return {H5Dcreate2(location, name.c_str(), type, space, H5P_DEFAULT, creation, H5P_DEFAULT), name};
}

std::vector<std::uint8_t> shuffle_and_deflate(std::span<const std::uint8_t> elements, std::size_t element_bytes) {
  const std::size_t count = elements.size() / element_bytes;
  std::vector<std::uint8_t> planes(elements.size());
  for (std::size_t byte = 0; byte < element_bytes; ++byte) {
    std::uint8_t* plane = planes.data() + byte * count;
    for (std::size_t i = 0; i < count; ++i) plane[i] = elements[i * element_bytes + byte];
  }
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
      libdeflate_alloc_compressor(level), libdeflate_free_compressor);
  if (!compressor) throw std::bad_alloc();
  std::vector<std::uint8_t> packed(libdeflate_zlib_compress_bound(compressor.get(), planes.size()));
  packed.resize(libdeflate_zlib_compress(compressor.get(), planes.data(), planes.size(), packed.data(), packed.size()));
  return packed;
}

}  // namespace countem::io
