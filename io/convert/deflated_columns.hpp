#pragma once

#include <hdf5.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/hdf5/handle.hpp"
#include "io/hdf5/object.hpp"

// Columns of numbers in HDF5 whose chunks are deflated on all threads: HDF5 has one for all that is read and written.
namespace countem::io {

/// Elements of a chunk of a column.
inline constexpr std::size_t column_chunk = std::size_t{1} << 18U;

/// Chunks that wait to be deflated together and written one after another. The caller does not hold hdf5_lock() for long: it is
/// taken for writing.
class column_chunks {
 public:
  /// A whole chunk of elements as they are in memory.
  struct chunk {
    hid_t dataset;
    hsize_t first;  ///< element
    hsize_t end;    ///< of the dataset, with this chunk's elements
    std::size_t element_bytes;
    std::vector<std::uint8_t> bytes;
    std::string name;  ///< of the dataset, for errors
  };

  /// Writes, too, when many wait. @throws io_error
  void put(chunk next);
  /// All that wait. @throws io_error
  void write();

 private:
  std::vector<chunk> waiting_;
};

/// Makes an empty column.
[[nodiscard]] hdf5_handle make_column(hid_t location, const std::string& name, hid_t type);

/// A one-dimensional HDF5 dataset that grows as it is written.
template <class T>
class growing_dataset {
 public:
  /// The caller holds hdf5_lock(). `chunks` must outlive it.
  growing_dataset(hid_t location, const std::string& name, column_chunks& chunks)
      : name_(place_of(location, name)), dataset_(make_column(location, name, hdf5_type<T>())), chunks_(chunks) {}
  /// Adds values at the end. @throws io_error
  void append(std::span<const T> values) {
    while (!values.empty()) {
      const std::size_t room = column_chunk * sizeof(T) - kept_.size();
      const std::span part = values.first(std::min(values.size(), room / sizeof(T)));
      const auto bytes = std::as_bytes(part);
      const auto* from = reinterpret_cast<const std::uint8_t*>(bytes.data());
      kept_.insert(kept_.end(), from, from + bytes.size());
      size_ += part.size();
      values = values.subspan(part.size());
      if (kept_.size() == column_chunk * sizeof(T)) put();
    }
  }
  /// Ends the dataset. @throws io_error
  void close() {
    if (!kept_.empty()) put();
    chunks_.write();
    dataset_.close(name_);
  }
  /// Values so far.
  [[nodiscard]] hsize_t size() const { return size_; }

 private:
  void put() {
    const hsize_t first = (size_ - 1) / column_chunk * column_chunk;
    kept_.resize(column_chunk * sizeof(T));  // the last chunk is filled up with zeros
    chunks_.put({dataset_, first, size_, sizeof(T), std::exchange(kept_, {}), name_});
  }

  std::string name_;
  hdf5_handle dataset_;
  column_chunks& chunks_;
  std::vector<std::uint8_t> kept_;  ///< of the chunk that is not whole yet
  hsize_t size_ = 0;
};

}  // namespace countem::io
