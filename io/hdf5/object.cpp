#include "io/hdf5/object.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <optional>

#include <countem/error.hpp>
#include <countem/stop.hpp>

#include "io/files/file_state.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"

#if H5_VERSION_GE(1, 12, 0)
#include <H5VLnative.h>
#endif

namespace countem::io {

namespace {

// HDF5 1.12 replaced the address of an object by a token, and H5O_info_t by a structure that holds one.
#if H5_VERSION_GE(1, 12, 0)
using object_facts = H5O_info2_t;

bool read_facts(hid_t location, const char* path, object_facts& facts) {
  return H5Oget_info_by_name3(location, path, &facts, H5O_INFO_BASIC, H5P_DEFAULT) >= 0;
}
bool is_same_place(hid_t location, const object_facts& a, const object_facts& b) {
  int order = 1;
  return H5Otoken_cmp(location, &a.token, &b.token, &order) >= 0 && order == 0;
}
bool read_address(hid_t location, const object_facts& facts, haddr_t& address) {
  return H5VLnative_token_to_addr(location, facts.token, &address) >= 0;
}
herr_t visit_all(hid_t location, herr_t (*visit)(hid_t, const char*, const object_facts*, void*), void* state) {
  return H5Ovisit3(location, H5_INDEX_NAME, H5_ITER_INC, visit, state, H5O_INFO_BASIC);
}
#else
using object_facts = H5O_info_t;

bool read_facts(hid_t location, const char* path, object_facts& facts) {
  return H5Oget_info_by_name2(location, path, &facts, H5O_INFO_BASIC, H5P_DEFAULT) >= 0;
}
bool is_same_place(hid_t, const object_facts& a, const object_facts& b) {
  return a.addr == b.addr;
}
bool read_address(hid_t, const object_facts& facts, haddr_t& address) {
  address = facts.addr;
  return true;
}
herr_t visit_all(hid_t location, herr_t (*visit)(hid_t, const char*, const object_facts*, void*), void* state) {
  return H5Ovisit2(location, H5_INDEX_NAME, H5_ITER_INC, visit, state, H5O_INFO_BASIC);
}
#endif

std::optional<object_facts> facts_of(hid_t location, const std::string& path) {
  object_facts facts{};
  if (!has_path(location, path)) return std::nullopt;
  if (!hdf5_answer(read_facts(location, path.c_str(), facts) ? 1 : -1, path)) return std::nullopt;
  return facts;
}

/// HDF5 searches a file with a recursion, and opens what it finds from the root: both take long where groups are nested without
/// an end.
void require_bounds(const char* path, std::uint64_t seen, const std::string& what) {
  if (std::count(path, path + std::strlen(path), '/') >= most_nested_groups) {
    throw format_error(what + ": its groups are nested more than " + std::to_string(most_nested_groups) + " deep",
                       {{advice_kind::dataset}});
  }
  if (seen > most_visited_objects) {
    throw format_error(what + ": it holds more than " + std::to_string(most_visited_objects) + " groups and datasets",
                       {{advice_kind::dataset}});
  }
}

}  // namespace

H5O_type_t object_type(hid_t location, const std::string& path) {
  const auto lock = hdf5_lock();
  const std::optional<object_facts> facts = facts_of(location, path);
  return facts ? facts->type : H5O_TYPE_UNKNOWN;
}

bool is_same_object(hid_t location, const std::string& path, const std::string& other) {
  const auto lock = hdf5_lock();
  const std::optional<object_facts> one = facts_of(location, path);
  const std::optional<object_facts> two = facts_of(location, other);
  return one && two && is_same_place(location, *one, *two);
}

void visit_objects(hid_t location, const std::function<bool(const char* path, H5O_type_t type)>& visit,
                   const std::string& what) {
  struct progress {
    const std::function<bool(const char*, H5O_type_t)>& visit;
    const std::string& what;
    std::uint64_t seen;
    std::exception_ptr thrown;
  } state{visit, what, 0, nullptr};
  const auto lock = hdf5_lock();
  const herr_t result = visit_all(
      location,
      [](hid_t, const char* path, const object_facts* facts, void* to) -> herr_t {
        auto& now = *static_cast<progress*>(to);
        // Exceptions must not pass through the C library.
        try {
          check_stop();
          require_bounds(path, ++now.seen, now.what);
          return now.visit(path, facts->type) ? 0 : 1;
        } catch (...) {
          now.thrown = std::current_exception();
          return 1;
        }
      },
      &state);
  if (state.thrown) std::rethrow_exception(state.thrown);
  hdf5_check(result, what);
}

std::optional<stored_object> stored_object_of(hid_t object) {
  const auto lock = hdf5_lock();
  object_facts facts{};
  haddr_t address = HADDR_UNDEF;
  if (!read_facts(object, ".", facts) || !read_address(object, facts, address)) return std::nullopt;
  const hdf5_handle file(H5Iget_file_id(object), "file");
  const hdf5_handle access(H5Fget_access_plist(file), "file");
  if (H5Pget_driver(access) != H5FD_SEC2) return std::nullopt;
  void* descriptor = nullptr;  // of the driver's own file
  struct stat state {};
  if (H5Fget_vfd_handle(file, access, &descriptor) < 0 || descriptor == nullptr) return std::nullopt;
  if (::fstat(*static_cast<const int*>(descriptor), &state) != 0) return std::nullopt;
  return stored_object{address, state_of(state)};
}

std::string place_of(hid_t object, const std::string& path) {
  std::array<char, 4096> name{};
  return H5Fget_name(object, name.data(), name.size()) > 0 ? name.data() + (": " + path) : path;
}

}  // namespace countem::io
