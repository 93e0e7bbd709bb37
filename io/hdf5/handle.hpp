#pragma once

#include <hdf5.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>

// Thin ownership over the HDF5 C API, for io/*.cpp alone. HDF5 may be built without thread safety. Debian builds it with a
// lock of its own, under which calls still run one at a time. So every function that calls HDF5 holds hdf5_lock(): stores and
// sources may be used from several threads with any build.
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

}  // namespace countem::io
