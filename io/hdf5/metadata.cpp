#include "io/hdf5/metadata.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace countem::io {

namespace {

constexpr std::uint64_t superblock_bytes = 48;  // of versions 2 and 3

std::uint64_t little_endian(std::span<const std::uint8_t> bytes) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t value = 0;
  if (!bytes.empty()) std::memcpy(&value, bytes.data(), bytes.size());  // of nothing there may be no address
  return value;
}

/// Lookup3's three words.
struct lookup3_state {
  std::uint32_t a, b, c;

  void add(const std::uint32_t* words) {
    a += words[0];
    b += words[1];
    c += words[2];
  }
  void mix() {
    a = (a - c) ^ std::rotl(c, 4), c += b;
    b = (b - a) ^ std::rotl(a, 6), a += c;
    c = (c - b) ^ std::rotl(b, 8), b += a;
    a = (a - c) ^ std::rotl(c, 16), c += b;
    b = (b - a) ^ std::rotl(a, 19), a += c;
    c = (c - b) ^ std::rotl(b, 4), b += a;
  }
  void finish() {
    c = (c ^ b) - std::rotl(b, 14);
    a = (a ^ c) - std::rotl(c, 11);
    b = (b ^ a) - std::rotl(a, 25);
    c = (c ^ b) - std::rotl(b, 16);
    a = (a ^ c) - std::rotl(c, 4);
    b = (b ^ a) - std::rotl(a, 14);
    c = (c ^ b) - std::rotl(b, 24);
  }
};

}  // namespace

std::uint32_t metadata_checksum(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t block = 12;
  const std::uint32_t start = 0xdeadbeef + static_cast<std::uint32_t>(bytes.size());
  lookup3_state state{start, start, start};
  if (bytes.empty()) return state.c;
  std::uint32_t words[3];
  for (; bytes.size() > block; bytes = bytes.subspan(block)) {
    std::memcpy(words, bytes.data(), block);
    state.add(words);
    state.mix();
  }
  std::fill(std::begin(words), std::end(words), 0);
  std::memcpy(words, bytes.data(), bytes.size());
  state.add(words);
  state.finish();
  return state.c;
}

std::uint64_t metadata_reader::number(unsigned bytes) {
  return bytes <= sizeof(std::uint64_t) ? little_endian(take(bytes)) : (failed_ = true, 0);
}

std::span<const std::uint8_t> metadata_reader::take(std::size_t bytes) {
  if (bytes > left_.size()) {
    failed_ = true;
    left_ = {};
    return {};
  }
  const auto taken = left_.first(bytes);
  left_ = left_.subspan(bytes);
  return taken;
}

bool metadata_reader::has(std::string_view signature) {
  const auto found = take(signature.size());
  return found.size() == signature.size() && std::memcmp(found.data(), signature.data(), found.size()) == 0;
}

void put_number(std::vector<std::uint8_t>& to, std::uint64_t number, std::uint64_t bytes) {
  for (std::uint64_t byte = 0; byte < bytes; ++byte) to.push_back(static_cast<std::uint8_t>(number >> (8 * byte)));
}

void metadata_file::move_end(const file_handle& to, std::uint64_t end, readers who) const {
  constexpr std::size_t place_of_writers = 11;
  constexpr std::uint8_t open_for_writing = 1;
  constexpr std::uint8_t followed = 4;
  constexpr std::size_t place_of_end = 28;
  auto bytes = checked_bytes_at(0, superblock_bytes);
  if (!bytes) throw format_error(to.path().string() + ": its first bytes changed while it was written");
  std::vector<std::uint8_t> number;
  put_number(number, end, sizeof end);
  std::copy(number.begin(), number.end(), bytes->begin() + place_of_end);
  (*bytes)[place_of_writers] = who == readers::following ? open_for_writing | followed : 0;
  put_number(*bytes, metadata_checksum(*bytes), metadata_checksum_bytes);
  to.write_at(0, bytes->data(), bytes->size());
}

std::optional<metadata_file> metadata_file::open(const file_handle& file) {
  constexpr std::string_view signature("\x89HDF\r\n\x1a\n", 8);
  const metadata_file whole(file, file.size());
  const auto bytes = whole.checked_bytes_at(0, superblock_bytes);
  if (!bytes) return std::nullopt;
  metadata_reader superblock(*bytes);
  if (!superblock.has(signature)) return std::nullopt;
  const std::uint64_t version = superblock.number(1);
  const std::uint64_t bytes_of_offsets = superblock.number(1);
  const std::uint64_t bytes_of_lengths = superblock.number(1);
  const std::uint64_t opened_by_writer = superblock.number(1);
  const std::uint64_t base = superblock.address();
  static_cast<void>(superblock.address());  // of the extension
  const std::uint64_t end = superblock.address();
  const bool as_ours = (version == 2 || version == 3) && bytes_of_offsets == sizeof end && bytes_of_lengths == sizeof end &&
                       opened_by_writer == 0 && base == 0 && end <= whole.end();
  return as_ours ? std::optional(metadata_file(file, end)) : std::nullopt;
}

std::optional<std::vector<std::uint8_t>> metadata_file::bytes_at(std::uint64_t address, std::uint64_t bytes) const {
  if (!holds(address, bytes)) return std::nullopt;
  std::vector<std::uint8_t> read(static_cast<std::size_t>(bytes));
  return file_->read_at(address, read.data(), read.size()) == read.size() ? std::optional(std::move(read)) : std::nullopt;
}

std::optional<std::vector<std::uint8_t>> metadata_file::checked_bytes_at(std::uint64_t address, std::uint64_t bytes) const {
  if (bytes < metadata_checksum_bytes) return std::nullopt;
  std::optional<std::vector<std::uint8_t>> read = bytes_at(address, bytes);
  if (!read) return std::nullopt;
  const std::span all(*read);
  if (metadata_checksum(all.first(all.size() - metadata_checksum_bytes)) != little_endian(all.last(metadata_checksum_bytes)))
    return std::nullopt;
  read->resize(read->size() - metadata_checksum_bytes);
  return read;
}

namespace {

/// A stretch of an object header.
struct header_block {
  std::uint64_t address;
  std::uint64_t bytes;
};

constexpr unsigned continuation_message = 0x10;
constexpr std::uint64_t most_header_bytes = 1 << 20U;
constexpr std::size_t most_header_blocks = 64;

/// Goes through the messages of an object header, block by block.
class message_search {
 public:
  message_search(unsigned type, bool messages_are_numbered) : type_(type), numbered_(messages_are_numbered) {}

  /// False where a block is not as it should be.
  [[nodiscard]] bool look_through(metadata_reader block) {
    while (block.left() >= prefix_bytes()) {  // what is less is a gap
      const std::uint64_t type = block.number(1);
      const std::uint64_t bytes = block.number(2);
      const std::uint64_t flags = block.number(1);
      if (numbered_) static_cast<void>(block.number(2));
      const auto body = block.take(static_cast<std::size_t>(bytes));
      if (!block.ok()) return false;
      if (type == continuation_message) {
        metadata_reader next(body);
        const std::uint64_t address = next.address();
        further.push_back({address, next.number(sizeof address)});
        if (!next.ok() || further.size() > most_header_blocks) return false;
      }
      if (type != type_) continue;
      constexpr unsigned is_shared = 2;  // its body lies elsewhere
      if (found || (flags & is_shared) != 0) return false;
      found.emplace(body.begin(), body.end());
    }
    return true;
  }

  std::vector<header_block> further;
  std::optional<std::vector<std::uint8_t>> found;

 private:
  [[nodiscard]] std::size_t prefix_bytes() const { return numbered_ ? 6 : 4; }

  unsigned type_;
  bool numbered_;
};

}  // namespace

std::optional<std::vector<std::uint8_t>> metadata_file::message(std::uint64_t object_header, unsigned type) const {
  constexpr unsigned version = 2;
  constexpr std::uint64_t longest_prefix = 4 + 1 + 1 + 16 + 4 + 8;
  if (!holds(object_header, longest_prefix)) return std::nullopt;
  const auto prefix = bytes_at(object_header, longest_prefix);
  if (!prefix) return std::nullopt;
  metadata_reader start(*prefix);
  if (!start.has("OHDR") || start.number(1) != version) return std::nullopt;
  const std::uint64_t flags = start.number(1);
  if ((flags & 0x20U) != 0) static_cast<void>(start.take(16));  // times
  if ((flags & 0x10U) != 0) static_cast<void>(start.take(4));   // how attributes are stored
  const std::uint64_t block_bytes = start.number(1U << (flags & 3U));
  const std::size_t prefix_bytes = prefix->size() - start.left();
  if (block_bytes > most_header_bytes) return std::nullopt;

  message_search search(type, (flags & 4U) != 0);
  const auto first = checked_bytes_at(object_header, prefix_bytes + block_bytes + metadata_checksum_bytes);
  if (!first || !search.look_through(metadata_reader(std::span(*first).subspan(prefix_bytes)))) return std::nullopt;
  for (std::size_t i = 0; i < search.further.size(); ++i) {
    const header_block next = search.further[i];
    const auto bytes = next.bytes <= most_header_bytes ? checked_bytes_at(next.address, next.bytes) : std::nullopt;
    if (!bytes) return std::nullopt;
    metadata_reader block(*bytes);
    if (!block.has("OCHK") || !search.look_through(block)) return std::nullopt;
  }
  return std::move(search.found);
}

}  // namespace countem::io
