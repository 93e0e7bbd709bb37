#pragma once

#include <hdf5.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>

// Numbers of a file as they are. HDF5 converts between types by cutting: -1 read as unsigned is 0, and 3.7 read as an integer
// is 3. So whatever is read goes through read_numbers(), which proves that each value fits.
namespace countem::io {

/// What a caller takes; both limits are among it. Floating-point numbers are not held to it unless it is narrower than the
/// type: then a NaN is outside.
template <class T>
struct number_range {
  T lowest = std::numeric_limits<T>::lowest();
  T highest = std::numeric_limits<T>::max();
};

/// Reads `count` numbers with `read(memory_type, to)`, which lets HDF5 convert into a type that holds every value of the file's
/// own type, and converts each value to T where T does not. Whole numbers stored as floating point (3.0) are whole numbers; a
/// floating-point number is rounded to the nearest of a shorter type, beyond whose range none may lie.
/// `file_type`: of the dataset or the attribute; enumerations (h5py's truth values) are their integers.
/// The sentence of an error begins with `what` and then `place(i)`, which names the i-th number.
/// @throws format_error for a number that T or the range does not hold, or a type that holds no numbers of up to 64 bits
template <class T>
void read_numbers(hid_t file_type, std::size_t count, T* to, const number_range<std::type_identity_t<T>>& expected,
                  const std::function<void(hid_t memory_type, void* to)>& read, const std::string& what,
                  const std::function<std::string(std::size_t i)>& place);

/// The type into which read_numbers() has HDF5 convert: hdf5_type<T>() where T holds every number of the file's type, else a
/// wider one. @throws as read_numbers()
template <class T>
[[nodiscard]] hid_t type_to_read(hid_t file_type, const std::string& what);

}  // namespace countem::io
