#include <countem/communicator.hpp>

#include <cstdlib>
#include <utility>

namespace countem {

std::vector<std::string> solo_communicator::all_gather(const std::string& mine, const meanwhile& /*waiting*/) {
  return {mine};
}

std::uint64_t solo_communicator::add(unsigned number, std::uint64_t more) {
  return std::exchange(numbers_[number], numbers_[number] + more);
}

void solo_communicator::abort(int exit_code) noexcept {
  std::_Exit(exit_code);
}

}  // namespace countem
