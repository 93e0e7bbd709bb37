#include "io/store/scan.hpp"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include <countem/error.hpp>
#include <countem/stop.hpp>
#include <countem/work.hpp>

#include "io/deflate/crc32c.hpp"
#include "io/hdf5/handle.hpp"
#include "io/recognition/recognise.hpp"
#include "io/store/chunk_checker.hpp"
#include "io/store/layout.hpp"

namespace countem::io {

namespace {

// [magic, 8 bytes] [u64 length of the image] [an HDF5 file image with the description] [u32 CRC-32C of all before]
constexpr std::array<std::uint8_t, 8> record_magic = {0x89, 'c', 'n', 't', 'r', 'e', 'c', '\n'};
constexpr std::size_t record_header_bytes = record_magic.size() + sizeof(std::uint64_t);
constexpr std::size_t window_bytes = std::size_t{16} << 20U;

hdf5_handle memory_access() {
  hdf5_handle access(H5Pcreate(H5P_FILE_ACCESS), "HDF5 memory file");
  hdf5_check(H5Pset_fapl_core(access, 1 << 16, 0), "HDF5 memory file");
  return access;
}

using image_reader = std::function<described_store(std::vector<std::uint8_t>&)>;

class scanner {
 public:
  scanner(const file_handle& file, const image_reader& read_image) : file_(file), read_image_(read_image), size_(file.size()) {}

  found_store run() {
    std::vector<std::uint8_t> window(static_cast<std::size_t>(std::min<std::uint64_t>(window_bytes, size_ + 1)));
    work searching("searching", "bytes", size_);
    for (std::uint64_t start = 0; start < size_;) {
      const std::size_t got = file_.read_at(start, window.data(), window.size());
      look_through(start, std::span(window).first(got));
      searching.advance(got);
      if (got < window.size()) break;
      start += got - (chunk_magic.size() - 1);  // a magic may lie across two windows
    }
    if (!described_) {
      refuse_if_known(file_.path(), expected_file::event_store);
      throw format_error(file_.path().string() +
                         ": holds no trace of an event store: it is not one, or it was cut before its description was written");
    }
    drop_contradictions();
    keep_one_a_frame();
    return std::move(found_);
  }

 private:
  void look_through(std::uint64_t start, std::span<const std::uint8_t> window) {
    static_assert(chunk_magic.size() == record_magic.size());
    constexpr std::size_t alike = 4;  // bytes that both magics begin with
    check_stop();
    const std::uint8_t* at = window.data();
    const std::uint8_t* end = at + window.size();
    while ((at = static_cast<const std::uint8_t*>(
                ::memmem(at, static_cast<std::size_t>(end - at), chunk_magic.data(), alike))) != nullptr) {
      const std::uint64_t offset = start + static_cast<std::uint64_t>(at - window.data());
      if (static_cast<std::size_t>(end - at) >= chunk_magic.size()) {
        if (std::equal(chunk_magic.begin(), chunk_magic.end(), at)) take_footer(offset);
        if (std::equal(record_magic.begin(), record_magic.end(), at)) take_record(offset);
      }
      ++at;
    }
  }

  void take_footer(std::uint64_t offset) {
    check_stop();
    std::array<std::uint8_t, chunk_footer_bytes> bytes{};
    if (file_.read_at(offset, bytes.data(), bytes.size()) != bytes.size()) return;
    const std::optional<chunk_footer> footer = parse_footer(bytes);
    const std::uint64_t end = offset + chunk_footer_bytes;
    if (!footer || footer->chunk_bytes() > end) return;
    chunk_.resize(static_cast<std::size_t>(footer->chunk_bytes()));
    const std::uint64_t start = end - chunk_.size();
    if (file_.read_at(start, chunk_.data(), chunk_.size()) == chunk_.size() && is_intact(chunk_, *footer)) {
      found_.chunks.push_back({start, *footer});
    } else {
      found_.damaged.push_back(footer->facts.frame);
    }
  }

  void take_record(std::uint64_t offset) {
    std::array<std::uint8_t, record_header_bytes> header{};
    if (described_ || file_.read_at(offset, header.data(), header.size()) != header.size()) return;
    std::uint64_t length = 0;
    std::memcpy(&length, header.data() + record_magic.size(), sizeof length);
    if (length > size_ - offset) return;
    std::vector<std::uint8_t> image(static_cast<std::size_t>(length));
    std::uint32_t stored = 0;
    const std::uint64_t image_at = offset + header.size();
    if (file_.read_at(image_at, image.data(), image.size()) != image.size()) return;
    if (file_.read_at(image_at + length, &stored, sizeof stored) != sizeof stored) return;
    if (crc32c(image.data(), image.size(), crc32c(header.data(), header.size())) != stored) return;
    try {
      auto [description, element_bytes] = read_image_(image);
      found_.description = std::move(description);
      found_.frame = {found_.description.shape.pixels(), element_bytes};
      described_ = true;
    } catch (const format_error&) {  // the CRC was right by chance
    }
  }

  /// A right CRC proves that a chunk is what its writer wrote, not that the writer was sound: chunks are decoded, too.
  void drop_contradictions() {
    constexpr std::size_t chunks_per_task = 64;
    std::vector<std::uint8_t> is_sound(found_.chunks.size());
    const bool with_values = found_.description.options.values != event_value::none;
    work checking("checking", "frames", found_.chunks.size());
    const tbb::blocked_range<std::size_t> all(0, found_.chunks.size(), chunks_per_task);
    tbb::parallel_for(all, [&](const tbb::blocked_range<std::size_t>& range) {
      chunk_checker checker(found_.frame, with_values);
      std::vector<std::uint8_t> bytes;
      for (std::size_t i = range.begin(); i < range.end(); ++i) is_sound[i] = is_sound_chunk(found_.chunks[i], checker, bytes);
      checking.advance(range.size());
    });
    std::vector<found_chunk> sound;
    for (std::size_t i = 0; i < is_sound.size(); ++i) {
      if (is_sound[i] != 0) {
        sound.push_back(found_.chunks[i]);
      } else {
        found_.damaged.push_back(found_.chunks[i].footer.facts.frame);
      }
    }
    found_.chunks = std::move(sound);
  }

  [[nodiscard]] bool is_sound_chunk(const found_chunk& chunk, chunk_checker& checker, std::vector<std::uint8_t>& bytes) const {
    bytes.resize(static_cast<std::size_t>(chunk.footer.chunk_bytes()));
    if (file_.read_at(chunk.offset, bytes.data(), bytes.size()) != bytes.size()) return false;
    try {
      checker.check(bytes, chunk.footer);
      return true;
    } catch (const format_error&) {
      return false;
    }
  }

  void keep_one_a_frame() {
    const std::uint64_t frames = found_.description.scan.frames();
    std::erase_if(found_.chunks, [&](const found_chunk& chunk) { return chunk.footer.facts.frame >= frames; });
    const auto by_frame = [](const found_chunk& a, const found_chunk& b) {
      return a.footer.facts.frame < b.footer.facts.frame;
    };
    const auto same_frame = [](const found_chunk& a, const found_chunk& b) {
      return a.footer.facts.frame == b.footer.facts.frame;
    };
    std::stable_sort(found_.chunks.begin(), found_.chunks.end(), by_frame);
    found_.chunks.erase(std::unique(found_.chunks.begin(), found_.chunks.end(), same_frame), found_.chunks.end());
    const auto is_whole = [&](std::uint64_t frame) {
      found_chunk wanted;
      wanted.footer.facts.frame = frame;
      return frame >= frames || std::binary_search(found_.chunks.begin(), found_.chunks.end(), wanted, by_frame);
    };
    std::erase_if(found_.damaged, is_whole);
    std::sort(found_.damaged.begin(), found_.damaged.end());
    found_.damaged.erase(std::unique(found_.damaged.begin(), found_.damaged.end()), found_.damaged.end());
  }

  const file_handle& file_;
  const image_reader& read_image_;
  std::uint64_t size_;
  bool described_ = false;
  found_store found_;
  std::vector<std::uint8_t> chunk_;
};

}  // namespace

std::vector<std::uint8_t> make_recovery_record(const store_description& description, bool wide_counts) {
  const auto lock = hdf5_lock();
  const hdf5_handle access = memory_access();
  const hdf5_handle file(H5Fcreate("recovery record", H5F_ACC_TRUNC, H5P_DEFAULT, access), "recovery record");
  layout::create_description(file, description, wide_counts ? 2 : 1);
  hdf5_check(H5Fflush(file, H5F_SCOPE_GLOBAL), "recovery record");
  const ssize_t length = H5Fget_file_image(file, nullptr, 0);
  if (length < 0) hdf5_check(-1, "recovery record");
  const auto image_bytes = static_cast<std::uint64_t>(length);
  std::vector<std::uint8_t> record(record_header_bytes + image_bytes + sizeof(std::uint32_t));
  std::memcpy(record.data(), record_magic.data(), record_magic.size());
  std::memcpy(record.data() + record_magic.size(), &image_bytes, sizeof image_bytes);
  if (H5Fget_file_image(file, record.data() + record_header_bytes, image_bytes) < 0) hdf5_check(-1, "recovery record");
  const std::uint32_t crc = crc32c(record.data(), record.size() - sizeof crc);
  std::memcpy(record.data() + record.size() - sizeof crc, &crc, sizeof crc);
  return record;
}

bool begins_with_recovery_record(const std::filesystem::path& path) {
  constexpr std::size_t near = std::size_t{64} << 10U;
  const std::string start = first_bytes(path, near);
  return std::search(start.begin(), start.end(), record_magic.begin(), record_magic.end(),
                     [](char byte, std::uint8_t wanted) { return static_cast<std::uint8_t>(byte) == wanted; }) != start.end();
}

std::vector<std::uint8_t> image_of_record(std::span<const std::uint8_t> record) {
  constexpr std::size_t around = record_header_bytes + sizeof(std::uint32_t);
  if (record.size() < around || !std::equal(record_magic.begin(), record_magic.end(), record.begin()))
    throw format_error("this describes no event store");
  const auto image = record.subspan(record_header_bytes, record.size() - around);
  return {image.begin(), image.end()};
}

described_store read_recovery_image(std::vector<std::uint8_t>& image) {
  const auto lock = hdf5_lock();
  const hdf5_handle access = memory_access();
  hdf5_check(H5Pset_file_image(access, image.data(), image.size()), "recovery record");
  const hdf5_handle file(H5Fopen("recovery record", H5F_ACC_RDONLY, access), "recovery record");
  store_description description = layout::read_description(file);
  return {std::move(description), layout::read_element_bytes(file)};
}

found_store scan_event_store(const file_handle& file, const image_reader& read_image) {
  return scanner(file, read_image).run();
}

}  // namespace countem::io
