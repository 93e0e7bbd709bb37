#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <countem/event_store.hpp>
#include <countem/frame.hpp>

#include "io/store/file.hpp"

namespace countem::io {

/// A store in a file: what is known of it beyond the public interface.
class file_event_store : public event_store {
 public:
  /// As countem::dense_type().
  [[nodiscard]] virtual pixel_type dense_type() const = 0;
  /// As countem::read_events().
  virtual void read_events(std::uint64_t first, std::size_t count, std::span<std::uint32_t> indices,
                           std::span<std::uint32_t> values, unsigned threads) const = 0;
};

/// A store that holds its frames.
[[nodiscard]] std::unique_ptr<file_event_store> open_stored(event_store_file file);

/// A store whose frames lie in others, all of which must be there. @throws io_error naming the part
[[nodiscard]] std::unique_ptr<file_event_store> open_linked(event_store_file file);

/// One sentence per fault of its parts, and of what it keeps of their frames. @throws io_error
[[nodiscard]] std::vector<std::string> verify_linked(const event_store_file& file, unsigned threads);

}  // namespace countem::io
