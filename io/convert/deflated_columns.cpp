#include "io/convert/deflated_columns.hpp"

#include <tbb/parallel_for.h>

#include <utility>

#include "io/hdf5/dataset.hpp"
#include "io/hdf5/packed_chunks.hpp"
#include "threads/arena.hpp"

namespace countem::io {

namespace {

/// Chunks that are deflated together: enough for many threads, and 16 to 32 MiB.
constexpr std::size_t most_waiting = 16;

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
  compress(creation, {.shuffle = true, .deflate = packing_level}, place_of(location, name));
  return {H5Dcreate2(location, name.c_str(), type, space, H5P_DEFAULT, creation, H5P_DEFAULT), name};
}

}  // namespace countem::io
