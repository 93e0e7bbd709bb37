#pragma once

#include <stdexcept>
#include <string>

namespace countem {

/// Root of everything the library throws on purpose. The text is one clear sentence: what happened, where (file, record,
/// frame) and what to do about it. The library never prints, exits or aborts; the command line maps each class to an exit code.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The caller asked for something that makes no sense (exit code 2).
class invalid_argument : public error {
 public:
  using error::error;
};

/// A file is not what it claims or what the caller says it is (exit code 3).
class format_error : public error {
 public:
  using error::error;
};

/// The operating system refused: no such file, no permission, disk full, read failure (exit code 4).
class io_error : public error {
 public:
  using error::error;
};

/// The backend exists but this build does not hold it (exit code 5).
class not_compiled : public error {
 public:
  using error::error;
};

/// The CUDA runtime reported an error, or no device answers (exit code 5).
class cuda_error : public error {
 public:
  using error::error;
};

/// The caller's stop flag was raised; what was finished is kept (exit code 130).
class interrupted : public error {
 public:
  using error::error;
};

}  // namespace countem
