#include <countem/notices.hpp>

#include <mutex>
#include <set>
#include <utility>

namespace countem {

namespace {

struct notice_board {
  std::mutex mutex;
  std::set<std::string> known;
  std::vector<std::string> untaken;
};

notice_board& board() {
  static notice_board all;
  return all;
}

}  // namespace

void notify_once(const std::string& sentence) {
  notice_board& all = board();
  const std::lock_guard lock(all.mutex);
  if (all.known.insert(sentence).second) all.untaken.push_back(sentence);
}

std::vector<std::string> take_notices() {
  notice_board& all = board();
  const std::lock_guard lock(all.mutex);
  return std::exchange(all.untaken, {});
}

}  // namespace countem
