#pragma once

#include <hdf5.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <countem/event_store.hpp>

// Stores whose frames lie in other stores: their dataset is a virtual one, of single frames of the same numbers.
namespace countem::io {

/// Frames [first, end) of a store that lie in another one.
struct frames_elsewhere {
  std::string file;  ///< its name, beside the store
  std::uint64_t first = 0;
  std::uint64_t end = 0;

  friend bool operator==(const frames_elsewhere&, const frames_elsewhere&) = default;
};

/// Lets a dataset of the description's shape lead to the same frames of other stores. `creation`: its properties, of which
/// nothing about its storage is set. Frames that are nowhere read as zeros. @throws io_error
void lead_elsewhere(hid_t creation, const store_description& description, std::span<const frames_elsewhere> frames);

/// What lead_elsewhere() put there, by frame; nothing where the dataset is stored here, or made of others in another way.
/// @throws io_error
[[nodiscard]] std::optional<std::vector<frames_elsewhere>> frames_led_elsewhere(hid_t dataset,
                                                                                const store_description& description);

}  // namespace countem::io
