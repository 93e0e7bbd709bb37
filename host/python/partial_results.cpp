#include "host/python/partial_results.hpp"

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include <countem/error.hpp>

namespace countem::python {

namespace {

/// All of a result, in one order.
template <class Result, class Visit>
void for_each_part(Result& result, const Visit& visit) {
  visit(result.sum);
  visit(result.maximum);
  visit(result.counts);
  visit(result.moments);
  visit(result.second_moments);
  visit(result.weighted);
  visit(result.weighted_squares);
  visit(result.weighted_origin);
  visit(result.virtual_images);
  visit(result.weighted_images);
  visit(result.squared_images);
  visit(result.radial);
  visit(result.rings);
  visit(result.lost);
  visit(result.frames);
  visit(result.incomplete_frames);
  visit(result.missing_frames);
  visit(result.events);
  visit(result.complete_events);
}

class packer {
 public:
  template <class T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    raw(&value, sizeof(T));
  }
  template <class T>
  void put(const std::vector<T>& values) {
    put(std::uint64_t{values.size()});
    if constexpr (std::is_trivially_copyable_v<T>) {
      raw(values.data(), values.size() * sizeof(T));
    } else {
      for (const T& value : values) put(value);
    }
  }
  [[nodiscard]] std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  void raw(const void* from, std::size_t size) {
    const auto* const bytes = static_cast<const std::uint8_t*>(from);
    bytes_.insert(bytes_.end(), bytes, bytes + size);
  }

  std::vector<std::uint8_t> bytes_;
};

class unpacker {
 public:
  explicit unpacker(std::span<const std::uint8_t> bytes) : left_(bytes) {}

  template <class T>
  void get(T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    raw(&value, sizeof(T));
  }
  template <class T>
  void get(std::vector<T>& values) {
    std::uint64_t size = 0;
    get(size);
    if (size > left_.size()) throw_cut();  // each takes a byte at least
    if constexpr (std::is_trivially_copyable_v<T>) {
      if (size > left_.size() / sizeof(T)) throw_cut();
      values.resize(size);
      raw(values.data(), size * sizeof(T));
    } else {
      values.resize(size);
      for (T& value : values) get(value);
    }
  }
  void require_end() const {
    if (!left_.empty()) throw_cut();
  }

 private:
  [[noreturn]] static void throw_cut() {
    throw format_error("a partial result of a reduction is not what this version makes: workers need the same countem");
  }

  void raw(void* into, std::size_t size) {
    if (size > left_.size()) throw_cut();
    if (size != 0) std::memcpy(into, left_.data(), size);
    left_ = left_.subspan(size);
  }

  std::span<const std::uint8_t> left_;
};

}  // namespace

std::vector<std::uint8_t> packed(const reduction_result& result) {
  packer bytes;
  for_each_part(result, [&](const auto& part) { bytes.put(part); });
  return bytes.take();
}

reduction_result unpacked(std::span<const std::uint8_t> bytes) {
  reduction_result result;
  unpacker from(bytes);
  for_each_part(result, [&](auto& part) { from.get(part); });
  from.require_end();
  return result;
}

}  // namespace countem::python
