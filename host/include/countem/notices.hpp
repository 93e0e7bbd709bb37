#pragma once

#include <string>
#include <vector>

// What the library noticed about the machine that concerns no single result: a file system without locks, a lack of threads.
// The library never prints; a program shows these sentences where it shows its warnings.
namespace countem {

/// Keeps a sentence, unless the same one was kept before. Safe from several threads.
void notify_once(const std::string& sentence);

/// The sentences since the last call, in their order. Safe from several threads.
[[nodiscard]] std::vector<std::string> take_notices();

}  // namespace countem
