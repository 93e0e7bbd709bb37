#pragma once

namespace countem::cli {

/// Lets the process have as many files open as the system permits without asking. A scan is thousands of files and all of them
/// are open at once; the usual soft limit of 1,024 exists for programs that call select(), which this one does not. Where the
/// limit cannot be raised, it stays: opening one file too many reports it.
void raise_limit_of_open_files() noexcept;

}  // namespace countem::cli
