#include "io/hdf5/numbers.hpp"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <countem/error.hpp>

#include "io/hdf5/handle.hpp"
#include "io/hdf5/number_types.hpp"

namespace countem::io {

namespace {

/// What decides whether numbers of a file fit a type in memory.
struct stored_numbers {
  enum class kind : std::uint8_t { unsigned_integer, signed_integer, floating } of;
  std::size_t bytes;
};

stored_numbers numbers_of(hid_t file_type, const std::string& what) {
  using enum stored_numbers::kind;
  const H5T_class_t kind = H5Tget_class(file_type);
  if (kind == H5T_ENUM) return numbers_of(hdf5_handle(H5Tget_super(file_type), what), what);
  const std::size_t bytes = H5Tget_size(file_type);
  constexpr std::size_t most_bytes = sizeof(std::uint64_t);
  if (bytes <= most_bytes && kind == H5T_INTEGER) {
    return {H5Tget_sign(file_type) == H5T_SGN_NONE ? unsigned_integer : signed_integer, bytes};
  }
  if (bytes <= most_bytes && kind == H5T_FLOAT) return {floating, bytes};
  throw format_error(what + " does not hold numbers of up to 64 bits");
}

template <class T>
bool fits(const stored_numbers& stored) {
  using enum stored_numbers::kind;
  if (stored.of == floating) return std::is_floating_point_v<T> && stored.bytes <= sizeof(T);
  if constexpr (std::is_floating_point_v<T>) {
    return stored.bytes * 8 <= std::numeric_limits<T>::digits;
  } else if constexpr (std::is_signed_v<T>) {
    return stored.of == signed_integer ? stored.bytes <= sizeof(T) : stored.bytes < sizeof(T);
  } else {
    return stored.of == unsigned_integer && stored.bytes <= sizeof(T);
  }
}

/// The same number as a T, if there is one.
template <class T, class From>
std::optional<T> exactly(From value) {
  if constexpr (std::is_floating_point_v<T> && std::is_floating_point_v<From>) {
    if (std::isfinite(value) && std::abs(value) > static_cast<From>(std::numeric_limits<T>::max())) return std::nullopt;
  } else if constexpr (std::is_floating_point_v<T>) {
    constexpr auto most = From{1} << std::numeric_limits<T>::digits;
    if (value > most) return std::nullopt;
    if constexpr (std::is_signed_v<From>) {
      if (value < -most) return std::nullopt;
    }
  } else if constexpr (std::is_floating_point_v<From>) {
    const From beyond = std::ldexp(From{1}, std::numeric_limits<T>::digits);
    const From lowest = std::is_signed_v<T> ? -beyond : From{0};
    if (!(value >= lowest && value < beyond) || value != std::trunc(value)) return std::nullopt;
  } else if (!std::in_range<T>(value)) {
    return std::nullopt;
  }
  return static_cast<T>(value);
}

template <class T>
bool is_narrowed(const number_range<T>& expected) {
  return expected.lowest != std::numeric_limits<T>::lowest() || expected.highest != std::numeric_limits<T>::max();
}

/// As short as the number is in its file: 1.9, where that is a float, and not 1.899999976158142.
template <class From>
std::string shortest(From value) {
  if constexpr (std::is_same_v<From, double>) {
    if (const auto narrow = exactly<float>(value); narrow && static_cast<double>(*narrow) == value)
      return fmt::format("{}", *narrow);
  }
  return fmt::format("{}", value);
}

template <class T, class From>
[[noreturn]] void refuse(From value, const number_range<T>& expected, const std::string& place) {
  const char* const kind = std::is_integral_v<T> && std::is_floating_point_v<From> ? "a whole number from " : "";
  throw format_error(
      fmt::format("{} is {}; expected {}{} to {}", place, shortest(value), kind, expected.lowest, expected.highest));
}

template <class T>
void require_range(const T* values, std::size_t count, const number_range<T>& expected,
                   const std::function<std::string(std::size_t)>& place) {
  for (std::size_t i = 0; i < count; ++i) {
    if (!(values[i] >= expected.lowest && values[i] <= expected.highest)) refuse(values[i], expected, place(i));
  }
}

template <class T, class From>
void read_as(std::size_t count, T* to, const number_range<T>& expected, const std::function<void(hid_t, void*)>& read,
             const std::function<std::string(std::size_t)>& place) {
  std::vector<From> stored(count);
  read(hdf5_type<From>(), stored.data());
  for (std::size_t i = 0; i < count; ++i) {
    const std::optional<T> value = exactly<T>(stored[i]);
    if (!value) refuse(stored[i], expected, place(i));
    to[i] = *value;
  }
}

}  // namespace

template <class T>
hid_t type_to_read(hid_t file_type, const std::string& what) {
  using enum stored_numbers::kind;
  const stored_numbers stored = numbers_of(file_type, what);
  if (fits<T>(stored)) return hdf5_type<T>();
  if (stored.of == floating) return hdf5_type<double>();
  return stored.of == signed_integer ? hdf5_type<std::int64_t>() : hdf5_type<std::uint64_t>();
}

template <class T>
void read_numbers(hid_t file_type, std::size_t count, T* to, const number_range<std::type_identity_t<T>>& expected,
                  const std::function<void(hid_t memory_type, void* to)>& read, const std::string& what,
                  const std::function<std::string(std::size_t i)>& place) {
  const auto named = [&](std::size_t i) { return what + place(i); };
  const hid_t memory_type = type_to_read<T>(file_type, what);
  if (memory_type == hdf5_type<T>()) {
    read(memory_type, to);
  } else if (memory_type == hdf5_type<double>()) {
    read_as<T, double>(count, to, expected, read, named);
  } else if (memory_type == hdf5_type<std::int64_t>()) {
    read_as<T, std::int64_t>(count, to, expected, read, named);
  } else {
    read_as<T, std::uint64_t>(count, to, expected, read, named);
  }
  if (is_narrowed(expected)) require_range(to, count, expected, named);
}

#define COUNTEM_INSTANTIATE(T)                                                                                            \
  template void read_numbers<T>(hid_t, std::size_t, T*, const number_range<T>&, const std::function<void(hid_t, void*)>&, \
                                const std::string&, const std::function<std::string(std::size_t)>&);                      \
  template hid_t type_to_read<T>(hid_t, const std::string&);
COUNTEM_FOR_EACH_NUMBER_TYPE(COUNTEM_INSTANTIATE)
#undef COUNTEM_INSTANTIATE

}  // namespace countem::io
