// HDF5's index of a store's chunks, forged: numbers of its structures changed, their checksums made right again. Whatever it
// leads to, chunks are found and proven, or left to HDF5.
#include <hdf5.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <countem/error.hpp>

#include "io/hdf5/handle.hpp"
#include "io/hdf5/object.hpp"
#include "io/store/chunk_addresses.hpp"
#include "tests/fuzz/byte_reader.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace {

using namespace countem;
using bytes = std::vector<std::uint8_t>;

/// Bytes of the file with a checksum in their last four.
struct structure {
  std::size_t first = 0;
  std::size_t count = 0;
};

/// A sound store and where its index lies.
struct sound_store {
  bytes file;
  io::chunked_dataset dataset;
  std::vector<structure> structures;
  hsize_t chunks = 0;  ///< of frames that arrived
};

std::uint64_t number_at(const bytes& file, std::size_t place, std::size_t count) {
  std::uint64_t number = 0;
  std::memcpy(&number, file.data() + place, count);
  return number;
}

structure object_header_at(const bytes& file, std::size_t place) {
  const unsigned flags = file[place + 5];
  const std::size_t size_bytes = std::size_t{1} << (flags & 3U);
  const std::size_t prefix = 6 + ((flags & 32U) != 0 ? 16 : 0) + ((flags & 16U) != 0 ? 4 : 0);
  return {place, prefix + size_bytes + number_at(file, place + prefix, size_bytes) + 4};
}

/// The header of the array, its block, and the block's pages if it is divided.
void add_array(sound_store& store) {
  constexpr std::array<std::uint8_t, 4> signature{'F', 'A', 'H', 'D'};
  const auto found = std::search(store.file.begin(), store.file.end(), signature.begin(), signature.end());
  if (found == store.file.end()) std::abort();
  const auto header = static_cast<std::size_t>(found - store.file.begin());
  const std::size_t entry = store.file[header + 6];
  const std::size_t in_page = std::size_t{1} << store.file[header + 7];
  const std::size_t entries = number_at(store.file, header + 8, 8);
  const std::size_t block = number_at(store.file, header + 16, 8);
  store.structures.push_back({header, 28});
  constexpr std::size_t start = 14;  // signature, version, kind, address of the header
  if (entries <= in_page) {
    store.structures.push_back({block, start + entries * entry + 4});
    return;
  }
  const std::size_t pages = (entries + in_page - 1) / in_page;
  const std::size_t prefix = start + (pages + 7) / 8 + 4;
  store.structures.push_back({block, prefix});
  for (std::size_t page = 0; page < pages; ++page) {
    const std::size_t held = std::min(in_page, entries - page * in_page);
    store.structures.push_back({block + prefix + page * (in_page * entry + 4), held * entry + 4});
  }
}

sound_store made_store(scan_shape scan) {
  const test::temporary_directory directory;
  const std::filesystem::path path = directory / "store.h5";
  test::write_store(path, test::description_of({8, 8}, scan), {}, 500, 2);
  sound_store made;
  std::ifstream in(path, std::ios::binary);
  made.file.assign(std::istreambuf_iterator<char>(in), {});
  const auto lock = io::hdf5_lock();
  const io::hdf5_handle opened(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "file");
  const io::hdf5_handle data(H5Dopen2(opened, "/electron_counts/data", H5P_DEFAULT), "data");
  made.dataset.object_header = io::stored_object_of(data).value().header;
  made.dataset.chunk = {1, 1, 8, 8};
  made.dataset.chunks = scan.frames();
  const io::hdf5_handle space(H5Dget_space(data), "space");
  io::hdf5_check(H5Dget_num_chunks(data, space, &made.chunks), "chunks");
  made.structures = {{0, 48}, object_header_at(made.file, made.dataset.object_header)};
  add_array(made);
  return made;
}

const std::vector<sound_store>& stores() {
  static const std::vector<sound_store> made{made_store({3, 4, 1}), made_store({25, 41, 1})};
  return made;
}

void sign(bytes& file, const structure& part) {
  const std::size_t end = part.first + part.count - io::metadata_checksum_bytes;
  const std::uint32_t sum = io::metadata_checksum({file.data() + part.first, file.data() + end});
  std::memcpy(file.data() + end, &sum, sizeof sum);
}

/// How many chunks are proven; nothing where the index is not one of ours.
std::optional<std::size_t> read_all(const bytes& file, const io::chunked_dataset& dataset) {
  const int memory = ::memfd_create("forged", 0);
  if (memory < 0) return {};
  const std::string path = "/proc/self/fd/" + std::to_string(memory);
  std::optional<std::size_t> proven;
  if (::write(memory, file.data(), file.size()) == static_cast<ssize_t>(file.size())) {
    try {
      if (const auto index = io::chunk_addresses::open(io::file_handle::open_read(path), dataset)) {
        proven = 0;
        std::vector<io::chunk_place> places(dataset.chunks);
        io::proven_chunks chunks;
        if (index->find(0, places)) index->read(0, places, chunks);
        for (const io::proven_chunk& chunk : chunks.chunks) *proven += chunk.bytes.empty() ? 0 : 1;
      }
    } catch (const error&) {  // a read that the system refuses
    }
  }
  ::close(memory);
  return proven;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  for (const sound_store& store : stores()) {
    bytes signed_again = store.file;
    for (const structure& part : store.structures) sign(signed_again, part);
    if (signed_again != store.file || read_all(store.file, store.dataset) != store.chunks) {
      std::cerr << "the index of a new store is not as this fuzzer expects it\n";
      std::abort();
    }
  }
  return 0;
}

/// Which store; then changes: structure, place in it, how many bytes, the bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::byte_reader in({data, size});
  const sound_store& store = stores()[in.byte() % stores().size()];
  bytes file = store.file;
  for (unsigned changes = in.byte() % 8U; changes > 0; --changes) {
    const structure& part = store.structures[in.byte() % store.structures.size()];
    std::size_t place = static_cast<std::size_t>(in.byte()) * 256 + in.byte();
    for (unsigned count = 1 + in.byte() % 8U; count > 0; --count, ++place) file[part.first + place % part.count] = in.byte();
    sign(file, part);
  }
  (void)read_all(file, store.dataset);
  return 0;
}
