#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
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

/// Elements that are not initialised: no page of them is touched before it is written, and large ones lie in huge pages where
/// the system has them, since the faults of small ones would take as long as writing what they hold.
template <class T>
struct buffer {
  /// Gives memory back.
  struct freed {
    void operator()(T* memory) const { std::free(memory); }
  };
  std::unique_ptr<T[], freed> data;  ///< owned
  std::size_t size = 0;              ///< elements

  buffer() = default;
  /// `count` elements. @throws std::bad_alloc
  explicit buffer(std::size_t count) : size(count) {
    constexpr std::size_t huge_page = std::size_t{2} << 20U;
    if (count > (SIZE_MAX - huge_page) / sizeof(T)) throw std::bad_alloc();
    const std::size_t alignment = count * sizeof(T) < 2 * huge_page ? alignof(std::max_align_t) : huge_page;
    const std::size_t bytes = (count * sizeof(T) + alignment) / alignment * alignment;  // at least 1
    data.reset(static_cast<T*>(std::aligned_alloc(alignment, bytes)));
    if (!data) throw std::bad_alloc();
    if (alignment == huge_page) madvise(data.get(), bytes, MADV_HUGEPAGE);  // a wish: refusing it changes nothing
  }
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
