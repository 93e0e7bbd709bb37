#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <countem/event_store.hpp>
#include <countem/found_beam.hpp>
#include <countem/output.hpp>
#include <countem/saved_image.hpp>
#include <countem/scan_reducer.hpp>

namespace countem {

/// What a picture shows besides the pixels of its image.
enum class picture_style : std::uint8_t {
  figure,  ///< with title, axes and colour bar
  plain,   ///< the pixels alone, as square blocks where the image is small
};

/// Draws an image of two axes, large enough to be seen, sums and maxima logarithmically, values of both signs with a map that
/// is centred at 0; does nothing for others. @throws io_error, invalid_argument as check_output()
void draw_image(const std::filesystem::path& path, const saved_image& image, picture_style style = picture_style::figure,
                const output_rules& rules = {});
extern const output_kind png_output;  ///< what draw_image() writes

/// What a picture's file is called after: the image's name, of a virtual detector or weights also what they are.
[[nodiscard]] std::string picture_name(const saved_image& image);

/// The pictures that a count leaves: the summed pattern, added up while frames are counted, and a bright-field and a dark-field
/// image, read back from the finished store once the beam has been found on the sum.
class scan_pictures {
 public:
  /// For a scan on an event grid. `threads` 0: all cores.
  scan_pictures(frame_shape grid, scan_shape scan, unsigned threads);

  /// Adds frames to the summed pattern, each once.
  void add(const event_batch& events);
  /// Adds the summed patterns of all ranks; that of rank 0 gets the sum.
  void add_over_ranks(communicator& ranks) { sum_.add_over_ranks(ranks); }
  /// Writes STEM_sum.png, STEM_bright_field.png and STEM_dark_field.png, STEM the store's name without its suffix, into
  /// `directory` (empty: the folder of the store). Frames before `first_added` were not added and are read back too. Returns
  /// the files. @throws io_error, invalid_argument as check_output()
  std::vector<std::filesystem::path> write(const std::filesystem::path& store, const std::filesystem::path& directory,
                                           std::uint64_t first_added = 0, picture_style style = picture_style::figure,
                                           const output_rules& rules = {});
  /// The beam that bright and dark field are drawn around; after write().
  [[nodiscard]] const found_beam& beam() const { return beam_; }
  /// The files that write() makes.
  [[nodiscard]] static std::vector<std::filesystem::path> names(const std::filesystem::path& store,
                                                                std::filesystem::path directory);

 private:
  frame_shape grid_;
  scan_shape scan_;
  unsigned threads_;
  scan_reducer sum_;
  found_beam beam_;
};

}  // namespace countem
