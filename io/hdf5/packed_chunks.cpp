#include "io/hdf5/packed_chunks.hpp"

#include <libdeflate.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <numeric>

#include "io/hdf5/hyperslab.hpp"
#include "threads/arena.hpp"

namespace countem::io {

namespace {

/// Unpacked bytes of chunks that are packed together.
constexpr std::size_t most_waiting_bytes = std::size_t{16} << 20U;

/// A dense array in memory, divided into the chunks of a dataset.
class chunk_grid {
 public:
  chunk_grid(std::vector<hsize_t> extent, std::vector<hsize_t> chunk, std::size_t element_bytes)
      : extent_(std::move(extent)), chunk_(std::move(chunk)), element_bytes_(element_bytes) {}

  [[nodiscard]] std::size_t chunks() const {
    std::size_t number = 1;
    for (std::size_t axis = 0; axis < extent_.size(); ++axis) number *= along(axis);
    return number;
  }
  [[nodiscard]] std::size_t chunk_bytes() const {
    return std::accumulate(chunk_.begin(), chunk_.end(), element_bytes_, std::multiplies<>());
  }
  /// Where the n-th chunk begins, in elements.
  [[nodiscard]] std::vector<hsize_t> offset(std::size_t n) const {
    std::vector<hsize_t> found(extent_.size());
    for (std::size_t axis = extent_.size(); axis-- > 0; n /= along(axis)) found[axis] = n % along(axis) * chunk_[axis];
    return found;
  }
  /// The n-th chunk's elements; zeros beyond the edge of the array.
  [[nodiscard]] std::vector<std::uint8_t> gather(std::span<const std::uint8_t> values, std::size_t n) const {
    std::vector<std::uint8_t> gathered(chunk_bytes());
    gather_axis(0, values.data(), gathered.data(), offset(n));
    return gathered;
  }

 private:
  [[nodiscard]] std::size_t along(std::size_t axis) const { return (extent_[axis] + chunk_[axis] - 1) / chunk_[axis]; }

  /// Bytes from one element of an axis to the next.
  [[nodiscard]] std::size_t stride(const std::vector<hsize_t>& of, std::size_t axis) const {
    return std::accumulate(of.begin() + static_cast<std::ptrdiff_t>(axis) + 1, of.end(), element_bytes_, std::multiplies<>());
  }

  void gather_axis(std::size_t axis, const std::uint8_t* from, std::uint8_t* to, const std::vector<hsize_t>& offset) const {
    const std::size_t step = stride(extent_, axis);
    const std::size_t count = std::min(chunk_[axis], extent_[axis] - offset[axis]);
    from += offset[axis] * step;
    if (axis + 1 == extent_.size()) {
      std::memcpy(to, from, count * element_bytes_);
      return;
    }
    for (std::size_t i = 0; i < count; ++i) gather_axis(axis + 1, from + i * step, to + i * stride(chunk_, axis), offset);
  }

  std::vector<hsize_t> extent_;
  std::vector<hsize_t> chunk_;
  std::size_t element_bytes_;
};

/// The chunk's extent of a dataset that is shuffled and deflated; nothing of another one.
std::vector<hsize_t> packed_chunk_of(hid_t dataset, std::size_t rank, const std::string& what) {
  const hdf5_handle creation(H5Dget_create_plist(dataset), what);
  if (H5Pget_layout(creation) != H5D_CHUNKED || H5Pget_nfilters(creation) != 2) return {};
  const auto filter = [&](unsigned place) {
    unsigned flags = 0;
    std::size_t values = 0;
    return H5Pget_filter2(creation, place, &flags, &values, nullptr, 0, nullptr, nullptr);
  };
  if (filter(0) != H5Z_FILTER_SHUFFLE || filter(1) != H5Z_FILTER_DEFLATE) return {};
  std::vector<hsize_t> chunk(rank);
  hdf5_check(H5Pget_chunk(creation, static_cast<int>(rank), chunk.data()), what);
  return chunk;
}

}  // namespace

std::vector<std::uint8_t> shuffle_and_deflate(std::span<const std::uint8_t> elements, std::size_t element_bytes) {
  const std::size_t count = elements.size() / element_bytes;
  std::vector<std::uint8_t> planes(elements.size());
  for (std::size_t byte = 0; byte < element_bytes; ++byte) {
    std::uint8_t* plane = planes.data() + byte * count;
    for (std::size_t i = 0; i < count; ++i) plane[i] = elements[i * element_bytes + byte];
  }
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
      libdeflate_alloc_compressor(packing_level), libdeflate_free_compressor);
  if (!compressor) throw std::bad_alloc();
  std::vector<std::uint8_t> packed(libdeflate_zlib_compress_bound(compressor.get(), planes.size()));
  packed.resize(libdeflate_zlib_compress(compressor.get(), planes.data(), planes.size(), packed.data(), packed.size()));
  return packed;
}

void write_all(hid_t dataset, hid_t memory_type, std::span<const std::uint8_t> values, const std::string& what) {
  auto lock = hdf5_lock();
  const std::size_t element_bytes = H5Tget_size(memory_type);
  const hdf5_handle space(H5Dget_space(dataset), what);
  std::vector<hsize_t> extent(static_cast<std::size_t>(std::max(0, H5Sget_simple_extent_ndims(space))));
  H5Sget_simple_extent_dims(space, extent.data(), nullptr);
  const slab all{std::vector<hsize_t>(extent.size()), extent};
  require_elements(all, values.size() / element_bytes, what);
  const std::vector<hsize_t> chunk = packed_chunk_of(dataset, extent.size(), what);
  if (chunk.empty()) {
    write_slab(dataset, all, memory_type, values.data(), what);
    return;
  }

  const chunk_grid grid(extent, chunk, element_bytes);
  std::vector<std::vector<std::uint8_t>> packed(
      std::clamp<std::size_t>(most_waiting_bytes / grid.chunk_bytes(), 1, grid.chunks()));
  for (std::size_t first = 0; first < grid.chunks(); first += packed.size()) {
    const std::size_t some = std::min(packed.size(), grid.chunks() - first);
    lock.unlock();
    arena_of(0).execute([&] {
      tbb::parallel_for(std::size_t{0}, some,
                        [&](std::size_t i) { packed[i] = shuffle_and_deflate(grid.gather(values, first + i), element_bytes); });
    });
    lock.lock();
    for (std::size_t i = 0; i < some; ++i) {
      const std::vector<hsize_t> offset = grid.offset(first + i);
      hdf5_check(H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, offset.data(), packed[i].size(), packed[i].data()), what);
    }
  }
}

}  // namespace countem::io
