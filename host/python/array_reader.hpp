#pragma once

#include <nanobind/nanobind.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "host/python/arrays.hpp"
#include "host/python/desk.hpp"

namespace countem::python {

/// Reads an array piece by piece in the Python thread, one piece ahead, and lets any thread copy frames out of the few pieces
/// that it keeps: each is read once where frames are wanted in order, by as many threads as there are.
class array_reader {
 public:
  /// What is read, and how.
  struct wanted {
    nanobind::handle read;           ///< read(first, array); not owned
    std::string type;                ///< of the array, for numpy
    std::vector<std::size_t> shape;  ///< of a frame
    std::size_t frame_bytes = 0;     ///< of a frame
    std::uint64_t frames = 0;        ///< of the array
    std::uint64_t piece_frames = 1;  ///< read together
    std::size_t kept = 2;            ///< pieces, the most
    bool ahead = false;              ///< the piece behind the last one is read before it is asked for
  };

  array_reader(desk& serving, wanted what) : desk_(serving), what_(std::move(what)) {}

  /// Frames [first, first + count). Without the GIL. @throws interrupted where Python code failed
  void fill(std::uint64_t first, std::size_t count, std::byte* to);

 private:
  using memory = std::shared_ptr<buffer<std::byte>>;
  struct piece {
    memory frames;           ///< null while they are read
    std::size_t wanted = 0;  ///< frames that nobody took yet
  };

  [[nodiscard]] memory get(std::uint64_t number);
  [[nodiscard]] memory unused(std::size_t bytes);
  void load(std::uint64_t number);
  void took(std::uint64_t number, std::size_t frames);
  void forget(std::uint64_t number);
  void look_ahead(std::uint64_t number);

  desk& desk_;
  wanted what_;
  std::mutex mutex_;
  std::condition_variable loaded_;
  std::map<std::uint64_t, piece> pieces_;
  memory unused_;                     ///< of the piece that was forgotten last; null: none, or it is still in use
  std::vector<std::uint64_t> order_;  ///< of those that were loaded, the oldest first
};

}  // namespace countem::python
