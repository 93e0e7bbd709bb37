#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace countem {

/// What a caller can give or change so that a failed call succeeds. Each caller has names of its own for these (options of a
/// command line, arguments of a function), so the library passes them as data and its sentences name none.
enum class advice_kind : std::uint8_t {
  input_format,       ///< name the format of the input; value: the format that fits, or empty
  scan_size,          ///< give the scan size
  check_input,        ///< check the scan size and the format that were given
  dataset,            ///< name the dataset of an HDF5 file; value: empty, or "behind its file" where that is the only way
  raw_layout,         ///< describe a flat binary file: frame shape and pixel type
  thresholds,         ///< give the background threshold and the X-ray threshold
  background_sigmas,  ///< give the background threshold in sigmas of the noise; value: how many, or empty
  scale,              ///< multiply the raw values; value: the factor, or empty
  mask,               ///< mask the pixels that are named
  dark_reference,     ///< give a dark reference
  dark_frames,        ///< give a dark reference of at least two frames
  frame_shift,        ///< subtract the shift of each frame
  choose_backend,     ///< use another backend; value: its word
  resume_counting,    ///< count again with the frames that are kept
  recover_frames,     ///< save the frames of an unfinished or broken store into a new one
  other_output,       ///< name another output
  replace,            ///< allow to replace what is there
  accept,             ///< use the input all the same
};

/// One way out of an error.
struct advice {
  advice_kind kind;     ///< what to give or change
  std::string value{};  ///< a format or a backend by its word, where the kind has one
  friend bool operator==(const advice&, const advice&) = default;
};

/// Root of everything the library throws on purpose. The text is one clear sentence: what happened and where (file, record,
/// frame). What to do about it follows as advice, each entry one way out; the caller puts it into its own words. The library
/// never prints, exits or aborts; the command line maps each class to an exit code.
class error : public std::runtime_error {
 public:
  /// `text`: the sentence; `advised`: ways out, the best first.
  explicit error(const std::string& text, std::vector<advice> advised = {})
      : std::runtime_error(text), advised_(std::make_shared<const std::vector<advice>>(std::move(advised))) {}

  /// Ways out, any of which may do; empty where there is none, or the text holds it.
  [[nodiscard]] const std::vector<advice>& advised() const noexcept { return *advised_; }

 private:
  std::shared_ptr<const std::vector<advice>> advised_;  // shared: copying an exception must not throw
};

/// The caller asked for something that makes no sense (exit code 2).
class invalid_argument : public error {
 public:
  using error::error;  ///< as the root is made
};

/// A file is not what its header or the caller declares (exit code 3).
class format_error : public error {
 public:
  using error::error;  ///< as the root is made
};

/// A file of another kind than was expected: what it is and what to do with it (exit code 3).
class other_kind_error : public format_error {
 public:
  using format_error::format_error;  ///< as the root is made
};

/// The operating system refused: no such file, no permission, disk full, read failure (exit code 4).
class io_error : public error {
 public:
  using error::error;  ///< as the root is made
};

/// The backend exists but this build does not hold it (exit code 5).
class not_compiled : public error {
 public:
  using error::error;  ///< as the root is made
};

/// The CUDA runtime reported an error, or no device answers (exit code 5).
class cuda_error : public error {
 public:
  using error::error;  ///< as the root is made
};

/// The caller's stop flag was raised; what was finished is kept (exit code 130).
class interrupted : public error {
 public:
  using error::error;  ///< as the root is made
};

}  // namespace countem
