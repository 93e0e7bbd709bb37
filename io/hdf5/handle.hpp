#pragma once

#include <hdf5.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>

#include <countem/error.hpp>

// Thin ownership over the HDF5 C API, for io/*.cpp alone. HDF5 may be built without thread safety. Debian builds it with a
// lock of its own, under which calls still run one at a time. So every function that calls HDF5 holds hdf5_lock(): stores and
// sources may be used from several threads with any build.
namespace countem::io {

/// The one lock around the HDF5 library; recursive, so that helpers may take it again. HDF5 prints nothing in a thread that has
/// taken it once. @throws std::bad_alloc too little memory to start HDF5
[[nodiscard]] std::unique_lock<std::recursive_mutex> hdf5_lock();

/// An HDF5 identifier of any class (file, dataset, space, property list, ...), closed by H5Idec_ref. Move-only.
class hdf5_handle {
 public:
  hdf5_handle() = default;
  /// Takes ownership. @throws as hdf5_check() when `id` is negative.
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
  /// Ends ownership. Failures are ignored: for what was read, and after another error.
  void close();
  /// Ends ownership of what was written: HDF5 may write what it kept until now. @throws io_error as the constructor
  void close(const std::string& what);
  /// Gives up ownership, for calls whose failure to close matters.
  [[nodiscard]] hid_t release() { return std::exchange(id_, H5I_INVALID_HID); }

 private:
  hid_t id_ = H5I_INVALID_HID;
};

/// HDF5 refused, and neither the operating system nor a lack of memory was the reason: what the file holds is damaged, or
/// not what was asked for.
class hdf5_refusal : public format_error {
 public:
  using format_error::format_error;
};

/// What HDF5 reports about its latest failure on this thread.
struct hdf5_failure {
  std::string text;            ///< the system's words, or HDF5's own about the innermost failure, in one line
  int system_error = 0;        ///< errno of the system call that failed; 0: none did
  bool out_of_memory = false;  ///< no fault of the file
};
/// Reads the error stack of this thread and clears it. To be called before anything else that may change errno.
[[nodiscard]] hdf5_failure hdf5_last_failure();
/// The text alone.
[[nodiscard]] std::string hdf5_last_error();

/// @throws io_error "WHAT: the system's words" after a failed system call and where memory was lacking, hdf5_refusal "WHAT:
/// HDF5's own first words" for all other reasons.
[[noreturn]] void throw_hdf5(const std::string& what, const hdf5_failure& failure);

/// @throws as throw_hdf5() when `status` is negative.
void hdf5_check(herr_t status, const std::string& what);

/// The answer of a call that is asked whether something exists. A link that leads nowhere is a no. @throws as throw_hdf5()
/// where a lack of memory or the operating system kept HDF5 from finding out
[[nodiscard]] bool hdf5_answer(htri_t answer, const std::string& what);

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
