#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <countem/scan_share.hpp>

#include "io/store/chunk_footer.hpp"
#include "io/store/file.hpp"

// The stores that a merge takes: what is known of each, and who holds which frame.
namespace countem::io {

/// One of the stores, open.
class part {
 public:
  explicit part(const std::filesystem::path& path);

  [[nodiscard]] const event_store_file& file() const { return file_; }
  [[nodiscard]] bool holds(std::uint64_t frame) const { return file_.counts()[frame] != not_written; }
  [[nodiscard]] frame_facts facts(std::uint64_t frame) const { return {frame, file_.xrays()[frame], file_.status()[frame]}; }

  /// Reads the chunk of a frame that it holds: fast where frames are asked for in order. @throws format_error
  [[nodiscard]] chunk_footer read(std::uint64_t frame, std::vector<std::uint8_t>& chunk);

 private:
  void read_ahead(std::uint64_t frame);

  event_store_file file_;
  std::uint64_t first_ahead_ = 0;  ///< frame of ahead_.chunks[0]
  std::vector<chunk_place> places_;
  proven_chunks ahead_;
};

/// An input of a count, as its provenance names it.
struct counted_input {
  std::string name;
  std::uint64_t bytes = 0;
};

/// What stays known of a part that is closed again: a scan may have a thousand.
struct known_part {
  input_file file;
  std::optional<scan_share> share;
  std::uint64_t first_held = 0;       ///< its first frame; the number of frames where it holds none
  std::string program;                ///< that counted it; empty: not known
  std::vector<counted_input> inputs;  ///< that it was counted from; empty: not known
};

/// @throws io_error: a part is no longer what it was
[[noreturn]] void throw_changed(const known_part& known);

/// All parts of a merge, each opened once to make this list.
class part_list {
 public:
  static constexpr std::uint32_t nobody = 0xffff'ffff;

  /// @throws invalid_argument when parts do not belong together, naming what differs; io_error, format_error
  explicit part_list(const std::vector<std::filesystem::path>& paths);

  /// What the merged store is: the first part's description, no longer of a share, with the issues and names of all parts.
  [[nodiscard]] store_description description() const;
  [[nodiscard]] const dense_layout& frame_layout() const { return frame_; }
  [[nodiscard]] const std::vector<known_part>& parts() const { return parts_; }
  /// Which part's chunk of each frame is copied: an index of parts(), or nobody.
  [[nodiscard]] const std::vector<std::uint32_t>& holders() const { return holders_; }
  /// Frames that some part holds.
  [[nodiscard]] std::uint64_t held() const { return held_; }
  /// Of frames without a chunk, what a part knows of them all the same.
  [[nodiscard]] const std::map<std::uint64_t, frame_facts>& marks() const { return marks_; }

  /// What should be known of the parts: other versions, inputs elsewhere, and frames that lack.
  [[nodiscard]] std::vector<source_issue> issues() const;
  /// Parts that are no longer what they were.
  [[nodiscard]] std::vector<source_issue> changes() const;

 private:
  void add(const part& opened);
  void require_fit(const part& opened, const known_part& added) const;
  void note_differences(const known_part& added);
  void take_frames(const part& opened, known_part& added);
  void take_issues(std::vector<source_issue> found);
  void add_lacking(std::vector<source_issue>& found) const;
  [[nodiscard]] std::string lacking_of(const scan_share& share, const known_part* given) const;
  [[nodiscard]] bool is_known(std::uint64_t frame) const { return holders_[frame] != nobody || marks_.contains(frame); }

  store_description description_;
  dense_layout frame_;
  std::vector<known_part> parts_;
  std::vector<std::uint32_t> holders_;
  std::map<std::uint64_t, frame_facts> marks_;
  std::vector<source_issue> of_counts_;  ///< what the counts of the parts found
  std::vector<source_issue> found_;      ///< by comparing the parts
  std::uint64_t held_ = 0;
};

}  // namespace countem::io
