#pragma once

#include <hdf5.h>

#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

// Thin ownership over the HDF5 C API, for io/*.cpp alone. Debian's serial HDF5 is not thread-safe: every function of ours that
// touches HDF5 holds hdf5_lock(), so that stores and sources may be used from several threads.
namespace countem::io {

/// The one lock around the HDF5 library; recursive, so that helpers may take it again.
[[nodiscard]] std::unique_lock<std::recursive_mutex> hdf5_lock();

/// An HDF5 identifier of any class (file, dataset, space, property list, ...), closed by H5Idec_ref. Move-only.
class hdf5_handle {
 public:
  hdf5_handle() = default;
  /// Takes ownership. @throws io_error "WHAT: HDF5's own first words" when `id` is negative.
  hdf5_handle(hid_t id, const std::string& what);
  hdf5_handle(hdf5_handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  hdf5_handle& operator=(hdf5_handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  hdf5_handle(const hdf5_handle&) = delete;
  hdf5_handle& operator=(const hdf5_handle&) = delete;
  ~hdf5_handle() { close(); }

  [[nodiscard]] hid_t get() const { return id_; }
  operator hid_t() const { return id_; }  // as the C API takes it
  explicit operator bool() const { return id_ >= 0; }
  void close();
  /// Gives up ownership, for calls whose failure to close matters.
  [[nodiscard]] hid_t release() { return std::exchange(id_, H5I_INVALID_HID); }

 private:
  hid_t id_ = H5I_INVALID_HID;
};

/// @throws io_error "WHAT: HDF5's own first words" when `status` is negative.
void hdf5_check(herr_t status, const std::string& what);

/// HDF5's own description of its latest error on this thread, in one line; clears it.
[[nodiscard]] std::string hdf5_last_error();

/// The in-memory HDF5 type of T.
template <class T>
[[nodiscard]] hid_t hdf5_type() {
  if constexpr (std::is_same_v<T, std::uint8_t>) return H5T_NATIVE_UINT8;
  if constexpr (std::is_same_v<T, std::uint16_t>) return H5T_NATIVE_UINT16;
  if constexpr (std::is_same_v<T, std::int32_t>) return H5T_NATIVE_INT32;
  if constexpr (std::is_same_v<T, std::uint32_t>) return H5T_NATIVE_UINT32;
  if constexpr (std::is_same_v<T, std::int64_t>) return H5T_NATIVE_INT64;
  if constexpr (std::is_same_v<T, std::uint64_t>) return H5T_NATIVE_UINT64;
  if constexpr (std::is_same_v<T, float>) return H5T_NATIVE_FLOAT;
  if constexpr (std::is_same_v<T, double>) return H5T_NATIVE_DOUBLE;
}

void write_attribute(hid_t object, const std::string& name, std::string_view text);
void write_attribute(hid_t object, const std::string& name, double value);
void write_attribute(hid_t object, const std::string& name, std::int64_t value);
void write_attribute(hid_t object, const std::string& name, std::uint64_t value);
[[nodiscard]] bool has_attribute(hid_t object, const std::string& name);
/// @throws format_error when absent or of another kind.
[[nodiscard]] std::string read_text_attribute(hid_t object, const std::string& name);
[[nodiscard]] double read_double_attribute(hid_t object, const std::string& name);
[[nodiscard]] std::int64_t read_integer_attribute(hid_t object, const std::string& name);
[[nodiscard]] std::uint64_t read_unsigned_attribute(hid_t object, const std::string& name);

/// Makes a group whose attributes keep their order. No times are stored: the same contents, the same bytes.
[[nodiscard]] hdf5_handle make_group(hid_t parent, const std::string& path);

/// Whether every link of an absolute or relative path exists below `location`.
[[nodiscard]] bool has_path(hid_t location, const std::string& path);

/// Makes a dataset (groups on the way included) and writes all of it. `deflate` 0: contiguous.
template <class T>
void write_dataset(hid_t location, const std::string& path, const std::vector<hsize_t>& extent, const T* values,
                   int deflate = 0);

/// Reads a whole dataset, converted to T; `extent` gets its shape. @throws format_error when absent or larger than `limit`
/// elements.
template <class T>
[[nodiscard]] std::vector<T> read_dataset(hid_t location, const std::string& path, std::vector<hsize_t>* extent = nullptr,
                                          std::uint64_t limit = std::uint64_t{1} << 33);

}  // namespace countem::io
