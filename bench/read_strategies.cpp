// How fast raw sectors reach a counter by different ways of reading files: pread into a cache-sized buffer, pread of large
// blocks, mmap, and io_uring with O_DIRECT. Each byte is used once (summed), as counting does. Cold means evicted from the
// page cache first.
//
//   read_strategies FILE...        prints a table of median GB/s; docs/decisions/0004-reading-files.md states what follows from
//   it
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef COUNTEM_HAS_URING
#include <liburing.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t sector_bytes = 165904;  // a record of the 4D Camera, header included
constexpr std::size_t large_block = std::size_t{8} << 20;
constexpr std::size_t direct_block = std::size_t{1} << 20;
constexpr unsigned queue_depth = 16;
constexpr int repetitions = 5;

struct open_file {
  std::string path;
  int descriptor = -1;
  int direct = -1;
  std::size_t bytes = 0;
};

[[noreturn]] void fail(const std::string& what) {
  std::perror(what.c_str());
  std::exit(1);
}

std::uint64_t sum_of(const void* bytes, std::size_t count) {
  std::uint64_t total = 0;
  const auto* values = static_cast<const std::uint16_t*>(bytes);
  for (std::size_t i = 0; i < count / 2; ++i) total += values[i];
  return total;
}

struct free_memory {
  void operator()(std::byte* memory) const { std::free(memory); }
};
using buffer = std::unique_ptr<std::byte, free_memory>;

buffer aligned_buffer(std::size_t bytes) {
  return buffer(static_cast<std::byte*>(std::aligned_alloc(4096, (bytes + 4095) & ~std::size_t{4095})));
}

// Each strategy sums bytes [begin, end) of one file.
std::uint64_t by_pread(const open_file& file, std::size_t begin, std::size_t end, std::size_t block) {
  const buffer memory = aligned_buffer(block);
  std::uint64_t total = 0;
  for (std::size_t at = begin; at < end; at += block) {
    const std::size_t wanted = std::min(block, end - at);
    if (::pread(file.descriptor, memory.get(), wanted, static_cast<off_t>(at)) != static_cast<ssize_t>(wanted)) fail(file.path);
    total += sum_of(memory.get(), wanted);
  }
  return total;
}

std::uint64_t by_mapping(const open_file& file, std::size_t begin, std::size_t end, std::size_t window, int flags) {
  std::uint64_t total = 0;
  for (std::size_t at = begin & ~std::size_t{4095}; at < end; at += window) {
    const std::size_t wanted = std::min(window, end - at);
    void* mapped = ::mmap(nullptr, wanted, PROT_READ, MAP_SHARED | flags, file.descriptor, static_cast<off_t>(at));
    if (mapped == MAP_FAILED) fail(file.path);
    ::madvise(mapped, wanted, MADV_SEQUENTIAL);
    const std::size_t skip = at < begin ? begin - at : 0;
    total += sum_of(static_cast<std::byte*>(mapped) + skip, wanted - skip);
    ::munmap(mapped, wanted);
  }
  return total;
}

#ifdef COUNTEM_HAS_URING
std::uint64_t by_uring(const open_file& file, std::size_t begin, std::size_t end) {
  io_uring ring;
  if (io_uring_queue_init(queue_depth, &ring, 0) < 0) fail("io_uring");
  std::vector<buffer> blocks;
  for (unsigned i = 0; i < queue_depth; ++i) blocks.push_back(aligned_buffer(direct_block));
  std::uint64_t total = 0;
  std::size_t next = begin / direct_block * direct_block;
  unsigned in_flight = 0;
  const auto submit = [&](std::uint64_t slot) {
    if (next >= end) return;
    io_uring_sqe* entry = io_uring_get_sqe(&ring);
    io_uring_prep_read(entry, file.direct, blocks[slot].get(), direct_block, next);
    io_uring_sqe_set_data(entry, reinterpret_cast<void*>(slot));
    next += direct_block;
    ++in_flight;
    io_uring_submit(&ring);
  };
  for (std::uint64_t slot = 0; slot < queue_depth; ++slot) submit(slot);
  while (in_flight != 0) {
    io_uring_cqe* done = nullptr;
    if (io_uring_wait_cqe(&ring, &done) < 0 || done->res < 0) fail("io_uring read");
    const auto slot = reinterpret_cast<std::uint64_t>(io_uring_cqe_get_data(done));
    total += sum_of(blocks[slot].get(), static_cast<std::size_t>(done->res));
    io_uring_cqe_seen(&ring, done);
    --in_flight;
    submit(slot);
  }
  io_uring_queue_exit(&ring);
  return total;
}
#endif

using strategy = std::function<std::uint64_t(const open_file&, std::size_t, std::size_t)>;

double gigabytes_per_s(const std::vector<open_file>& files, const strategy& read, unsigned threads, bool cold) {
  std::vector<double> rates;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    std::size_t bytes = 0;
    for (const open_file& file : files) {
      bytes += file.bytes;
      if (cold) ::posix_fadvise(file.descriptor, 0, 0, POSIX_FADV_DONTNEED);
    }
    static std::atomic<std::uint64_t> sink{0};
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> workers;
    for (unsigned t = 0; t < threads; ++t) {
      workers.emplace_back([&, t] {
        for (const open_file& file : files) {
          const std::size_t cut = file.bytes / threads / sector_bytes * sector_bytes;
          sink += read(file, t * cut, t + 1 == threads ? file.bytes : (t + 1) * cut);
        }
      });
    }
    for (std::thread& worker : workers) worker.join();
    rates.push_back(static_cast<double>(bytes) / 1e9 /
                    std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(rates.begin(), rates.begin() + repetitions / 2, rates.end());
  return rates[repetitions / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s FILE...\n", argv[0]);
    return 2;
  }
  std::vector<open_file> files;
  for (int i = 1; i < argc; ++i) {
    open_file file;
    file.path = argv[i];
    file.descriptor = ::open(argv[i], O_RDONLY);
    file.direct = ::open(argv[i], O_RDONLY | O_DIRECT);
    struct stat facts {};
    if (file.descriptor < 0 || ::fstat(file.descriptor, &facts) != 0) fail(argv[i]);
    file.bytes = static_cast<std::size_t>(facts.st_size);
    files.push_back(file);
  }
  const std::vector<std::pair<const char*, strategy>> strategies{
      {"pread, one sector", [](const open_file& f, std::size_t b, std::size_t e) { return by_pread(f, b, e, sector_bytes); }},
      {"pread, 8 MiB", [](const open_file& f, std::size_t b, std::size_t e) { return by_pread(f, b, e, large_block); }},
      {"mmap, 8 MiB windows",
       [](const open_file& f, std::size_t b, std::size_t e) { return by_mapping(f, b, e, large_block, 0); }},
      {"mmap, populated",
       [](const open_file& f, std::size_t b, std::size_t e) { return by_mapping(f, b, e, large_block, MAP_POPULATE); }},
      {"mmap, whole file", [](const open_file& f, std::size_t b,
                              std::size_t e) { return by_mapping(f, b, e, std::max<std::size_t>(f.bytes, 4096), 0); }},
#ifdef COUNTEM_HAS_URING
      {"io_uring, O_DIRECT", [](const open_file& f, std::size_t b, std::size_t e) { return by_uring(f, b, e); }},
#endif
  };
  std::printf("%-22s %10s %10s %10s %10s   GB/s, median of %d\n", "", "warm, 1", "warm, 2", "cold, 1", "cold, 2", repetitions);
  for (const auto& [name, read] : strategies) {
    for (const open_file& file : files) by_pread(file, 0, file.bytes, large_block);
    const double warm_one = gigabytes_per_s(files, read, 1, false);
    const double warm_two = gigabytes_per_s(files, read, 2, false);
    std::printf("%-22s %10.2f %10.2f %10.2f %10.2f\n", name, warm_one, warm_two, gigabytes_per_s(files, read, 1, true),
                gigabytes_per_s(files, read, 2, true));
  }
}
