#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <countem/frame.hpp>
#include <countem/source_issue.hpp>

#include "io/files/file.hpp"

// TPX3: pixels of a Timepix3 detector that were hit, each with its time, as the readout board sent them. Layout: the file
// format in the manual of the detector's server (SERVAL 3); scans from times: Jannis et al. 2022,
// doi:10.1016/j.ultramic.2021.113423.
namespace countem::io {

/// Times are in sixteenths of 25 ns from about the start of the detector on.
inline constexpr double tpx3_ns = 25.0 / 16;

struct tpx3_hit {
  std::uint64_t time = 0;
  std::uint16_t row = 0;
  std::uint16_t column = 0;
  std::uint16_t charge = 0;  ///< time over threshold, in 25 ns
};

/// Edges of the two inputs for marks of other devices.
enum class tpx3_edge : std::uint8_t { rise_1, rise_2, fall_1, fall_2 };

/// What was read of a file so far, so that the words that follow can be.
struct tpx3_state {
  std::uint32_t chip = 0;
  std::uint32_t words_left = 0;  ///< of the chunk
  std::uint64_t clock = 0;       ///< latest time; 0: none yet
  std::uint8_t chips = 0;        ///< those of the chunks so far, a bit each: they need not have been hit
};

/// A piece of the file that is read at once.
struct tpx3_block {
  std::uint64_t offset = 0;
  std::uint64_t words = 0;
  tpx3_state before;
  std::uint64_t first_time = 0;  ///< least of its hits
};

struct tpx3_index {
  frame_shape shape{};                              ///< 256 x 256 of one chip, 512 x 512 of four
  std::vector<tpx3_block> blocks;                   ///< those with hits, by first_time
  std::array<std::vector<std::uint64_t>, 4> marks;  ///< times by tpx3_edge, ascending, each once
  std::uint64_t hits = 0;
  std::uint8_t chips = 0;  ///< a bit each
  std::uint64_t last_time = 0;
  std::vector<source_issue> issues;
};

/// Whether the file begins as TPX3. @throws io_error
[[nodiscard]] bool is_tpx3(const file_handle& file);

/// Reads the file once. @throws format_error it has no hit, or hits of a chip whose place is not known; io_error
[[nodiscard]] tpx3_index index_tpx3(const file_handle& file);

/// The hits of a file in the order of their times, whatever their order in the file: as much of it is in memory as is out of
/// order.
class tpx3_hits {
 public:
  /// Both must outlive it.
  tpx3_hits(const file_handle& file, const tpx3_index& index) : file_(file), index_(index) {}
  /// The next ones; empty behind the last. Valid until the next call. @throws io_error
  [[nodiscard]] std::span<const tpx3_hit> next();

 private:
  const file_handle& file_;
  const tpx3_index& index_;
  std::size_t next_block_ = 0;
  std::size_t shown_ = 0;       ///< of hits_
  std::vector<tpx3_hit> hits_;  ///< of the blocks so far, less those shown before
  std::vector<std::uint64_t> words_;
};

/// An electron: hits that touch, also by their corners, and come within a time.
struct tpx3_electron {
  std::uint64_t time = 0;   ///< of its first hit
  std::uint32_t index = 0;  ///< pixel of the centroid, weighted by charge
};

/// Joins hits that come in the order of time to electrons, in the order of their first hits. An electron's hits lie within
/// `window` from its first on, so that memory is bounded by how many hits that takes.
class tpx3_clusters {
 public:
  tpx3_clusters(frame_shape shape, std::uint64_t window);
  /// Appends the electrons that no later hit can belong to.
  void add(std::span<const tpx3_hit> hits, std::vector<tpx3_electron>& electrons);
  /// Appends the others.
  void finish(std::vector<tpx3_electron>& electrons);

 private:
  struct cluster {
    std::uint64_t parent = 0;  ///< itself, or an older one that it is part of
    std::uint64_t first_time = 0;
    std::uint64_t charge = 0;
    std::uint64_t rows = 0;     ///< weighted
    std::uint64_t columns = 0;  ///< weighted
  };

  void add(const tpx3_hit& hit);
  void close_before(std::uint64_t time, std::vector<tpx3_electron>& electrons);
  /// Below closed_ where the electron that it became part of is complete.
  [[nodiscard]] std::uint64_t root_of(std::uint64_t number);
  [[nodiscard]] cluster& at(std::uint64_t number) { return open_[static_cast<std::size_t>(number - closed_) + begin_]; }

  frame_shape shape_;
  std::uint64_t window_;
  std::vector<std::uint64_t> last_;  ///< by pixel with a border of one: number of the cluster of its last hit, and 1
  std::vector<cluster> open_;        ///< from begin_ on
  std::size_t begin_ = 0;
  std::uint64_t closed_ = 0;  ///< number of the first open one
};

}  // namespace countem::io
