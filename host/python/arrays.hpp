#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

// Memory of the library as numpy arrays, without a copy. The GIL must be held.
namespace countem::python {

/// A one-dimensional numpy array that Python code may only read.
template <class T>
using read_only_array = nanobind::ndarray<nanobind::numpy, const T, nanobind::ndim<1>, nanobind::c_contig>;

namespace detail {

/// An array of `size` elements at `data`, which `owner` keeps until the last array over them is gone.
template <class T, class Owner>
read_only_array<T> owned_array(const T* data, std::size_t size, std::unique_ptr<Owner> owner) {
  const nanobind::capsule keeper(owner.get(), [](void* kept) noexcept { delete static_cast<Owner*>(kept); });
  static_cast<void>(owner.release());  // the capsule's now
  return read_only_array<T>(data, {size}, keeper);
}

}  // namespace detail

/// Takes the vector over.
template <class T>
[[nodiscard]] read_only_array<T> to_numpy(std::vector<T>&& values) {
  auto owner = std::make_unique<std::vector<T>>(std::move(values));
  const T* data = owner->data();
  const std::size_t size = owner->size();
  return detail::owned_array(data, size, std::move(owner));
}

/// Elements that are not initialised: no page of them is touched before it is written.
template <class T>
struct buffer {
  std::unique_ptr<T[]> data;  ///< owned
  std::size_t size = 0;       ///< elements

  buffer() = default;
  /// `count` elements. @throws std::bad_alloc
  explicit buffer(std::size_t count) : data(std::make_unique_for_overwrite<T[]>(count)), size(count) {}
};

/// Takes the buffer over.
template <class T>
[[nodiscard]] read_only_array<T> to_numpy(buffer<T>&& values) {
  auto owner = std::make_unique<buffer<T>>(std::move(values));
  const T* data = owner->data.get();
  const std::size_t size = owner->size;
  return detail::owned_array(data, size, std::move(owner));
}

}  // namespace countem::python
