#include "io/hdf5/heap_lists.hpp"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

#include <countem/error.hpp>

#include "io/hdf5/handle.hpp"
#include "io/hdf5/metadata.hpp"
#include "io/hdf5/object.hpp"
#include "threads/arena.hpp"

namespace countem::io {

namespace {

constexpr std::size_t place_bytes = 16;    // u32 length, u64 address of the heap, u32 number of the object in it
constexpr std::size_t heap_header = 16;    // "GCOL", version, 3 bytes, u64 bytes of all
constexpr std::size_t object_header = 16;  // u16 number, u16 references, 4 bytes, u64 bytes; then the bytes, to a multiple of 8
constexpr std::size_t lists_per_task = 64;

/// The objects of one heap; heaps that lie behind it are read with it.
class heap_window {
 public:
  explicit heap_window(const file_handle& file, std::uint64_t file_bytes) : file_(file), file_bytes_(file_bytes) {}

  /// The first `bytes` of an object; empty where it has fewer, or there is none.
  std::span<const std::uint8_t> find(std::uint64_t heap, std::uint32_t object, std::uint64_t bytes) {
    if (heap != heap_ && !enter(heap)) return {};
    if (object >= objects_.size() || objects_[object].size() < bytes) return {};
    return objects_[object].first(static_cast<std::size_t>(bytes));
  }

 private:
  static constexpr std::size_t read_at_once = std::size_t{1} << 16U;

  bool enter(std::uint64_t heap) {
    heap_ = undefined_address;
    if (!load(heap, heap_header)) return false;
    metadata_reader header(held(heap, heap_header));
    const bool is_heap = header.has("GCOL") && header.number(1) == 1;
    (void)header.take(3);
    const std::uint64_t bytes = header.number(8);
    if (!is_heap || bytes < heap_header || !load(heap, bytes)) return false;
    list_objects(held(heap, bytes).subspan(heap_header));
    heap_ = heap;
    return true;
  }

  /// Bytes of the file in memory. They are not moved while they are all there already.
  bool load(std::uint64_t address, std::uint64_t bytes) {
    if (address > file_bytes_ || bytes > file_bytes_ - address) return false;
    if (address >= start_ && address + bytes <= start_ + memory_.size()) return true;
    const std::uint64_t wanted = std::min(std::max<std::uint64_t>(bytes, read_at_once), file_bytes_ - address);
    memory_.resize(static_cast<std::size_t>(wanted));
    start_ = address;
    if (file_.read_at(address, memory_.data(), memory_.size()) == memory_.size()) return true;
    memory_.clear();
    return false;
  }

  [[nodiscard]] std::span<const std::uint8_t> held(std::uint64_t address, std::uint64_t bytes) const {
    return std::span(memory_).subspan(static_cast<std::size_t>(address - start_), static_cast<std::size_t>(bytes));
  }

  void list_objects(std::span<const std::uint8_t> rest) {
    objects_.clear();
    while (rest.size() >= object_header) {
      metadata_reader header(rest.first(object_header));
      const auto number = static_cast<std::size_t>(header.number(2));
      (void)header.take(6);
      const std::uint64_t bytes = header.number(8);
      rest = rest.subspan(object_header);
      if (number == 0 || bytes > rest.size()) return;  // free space, or damage
      if (objects_.size() <= number) objects_.resize(number + 1);
      objects_[number] = rest.first(static_cast<std::size_t>(bytes));
      rest = rest.subspan(std::min<std::size_t>(rest.size(), (static_cast<std::size_t>(bytes) + 7) / 8 * 8));
    }
  }

  const file_handle& file_;
  std::uint64_t file_bytes_;
  std::uint64_t start_ = 0;
  std::vector<std::uint8_t> memory_;
  std::uint64_t heap_ = undefined_address;
  std::vector<std::span<const std::uint8_t>> objects_;  ///< by their number, in memory_
};

/// Whether offsets in the file are 8 bytes long and count from its first byte.
bool has_plain_addresses(hid_t lists) {
  const hdf5_handle file(H5Iget_file_id(lists), "file");
  const hdf5_handle creation(H5Fget_create_plist(file), "file");
  std::size_t address_bytes = 0;
  std::size_t length_bytes = 0;
  hsize_t user_block = 0;
  return H5Pget_sizes(creation, &address_bytes, &length_bytes) >= 0 && address_bytes == 8 && length_bytes == 8 &&
         H5Pget_userblock(creation, &user_block) >= 0 && user_block == 0;
}

bool are_plain_lists(hid_t lists) {
  const hdf5_handle type(H5Dget_type(lists), "type");
  if (H5Tget_class(type) != H5T_VLEN) return false;
  const hdf5_handle number(H5Tget_super(type), "type");
  return H5Tequal(number, H5T_STD_U32LE) > 0;
}

std::filesystem::path path_of_file(hid_t object) {
  std::string name(4096, '\0');
  const ssize_t length = H5Fget_name(object, name.data(), name.size());
  name.resize(length > 0 && static_cast<std::size_t>(length) < name.size() ? static_cast<std::size_t>(length) : 0);
  return name;
}

}  // namespace

std::optional<heap_lists> heap_lists::open(hid_t lists) {
  const auto lock = hdf5_lock();
  const hdf5_handle creation(H5Dget_create_plist(lists), "lists");
  const hdf5_handle space(H5Dget_space(lists), "lists");
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (H5Pget_layout(creation) != H5D_CONTIGUOUS || H5Pget_external_count(creation) != 0 || count <= 0) return std::nullopt;
  if (!are_plain_lists(lists) || !has_plain_addresses(lists)) return std::nullopt;
  const std::optional<stored_object> stored = stored_object_of(lists);
  const haddr_t address = H5Dget_offset(lists);
  if (!stored || address == HADDR_UNDEF) return std::nullopt;
  file_handle file = file_handle::open_read(path_of_file(lists));
  const file_state opened = file.opened().opened;
  if (stored->file.device != opened.device || stored->file.inode != opened.inode) return std::nullopt;
  const auto number = static_cast<std::uint64_t>(count);
  if (address > opened.bytes || number > (opened.bytes - address) / place_bytes) return std::nullopt;
  return heap_lists(std::move(file), address, number);
}

bool heap_lists::read(std::uint64_t first, std::size_t count, std::uint32_t highest, number_lists& into) const {
  if (first > lists_ || count > lists_ - first) return false;
  const std::vector<place> found = places(first, count);
  if (found.size() != count) return false;
  std::uint64_t all = 0;
  into.ends.clear();
  for (const place& one : found) into.ends.push_back(all += one.length);
  if (all > file_.opened().bytes / sizeof(std::uint32_t)) return false;
  into.numbers.resize(static_cast<std::size_t>(all));
  std::atomic<bool> right = true;
  arena_of(0).execute([&] {
    tbb::parallel_for(tbb::blocked_range<std::size_t>(0, count, lists_per_task), [&](const auto& range) {
      const std::uint64_t begin = range.begin() == 0 ? 0 : into.ends[range.begin() - 1];
      const auto to = std::span(into.numbers).subspan(begin, into.ends[range.end() - 1] - begin);
      const bool is_right = copy(std::span(found).subspan(range.begin(), range.size()), to) &&
                            std::ranges::all_of(to, [&](std::uint32_t value) { return value <= highest; });
      if (!is_right) right = false;
    });
  });
  return right;
}

/// Empty where the file ends before them.
std::vector<heap_lists::place> heap_lists::places(std::uint64_t first, std::size_t count) const {
  std::vector<std::uint8_t> bytes(count * place_bytes);
  if (file_.read_at(address_ + first * place_bytes, bytes.data(), bytes.size()) != bytes.size()) return {};
  metadata_reader reader(bytes);
  std::vector<place> found;
  for (std::size_t i = 0; i < count; ++i) {
    const auto length = static_cast<std::uint32_t>(reader.number(4));
    const std::uint64_t heap = reader.address();
    found.push_back({length, heap, static_cast<std::uint32_t>(reader.number(4))});
  }
  return found;
}

bool heap_lists::copy(std::span<const place> places, std::span<std::uint32_t> to) const {
  heap_window window(file_, file_.opened().bytes);
  for (const place& one : places) {
    if (one.length == 0) continue;
    const std::uint64_t bytes = std::uint64_t{one.length} * sizeof(std::uint32_t);
    const std::span<const std::uint8_t> found = window.find(one.heap, one.object, bytes);
    if (found.empty()) return false;
    std::memcpy(to.data(), found.data(), found.size());
    to = to.subspan(one.length);
  }
  return true;
}

}  // namespace countem::io
