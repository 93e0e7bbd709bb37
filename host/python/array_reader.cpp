#include "host/python/array_reader.hpp"

#include <nanobind/ndarray.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include <countem/error.hpp>

namespace countem::python {

namespace {

namespace nb = nanobind;

nb::dlpack::dtype dtype_of(const std::string& type) {
  const auto bits = static_cast<std::uint8_t>(std::stoi(type.substr(1)));
  const auto code = type[0] == 'f'   ? nb::dlpack::dtype_code::Float
                    : type[0] == 'i' ? nb::dlpack::dtype_code::Int
                                     : nb::dlpack::dtype_code::UInt;
  return {static_cast<std::uint8_t>(code), bits, 1};
}

}  // namespace

void array_reader::fill(std::uint64_t first, std::size_t count, std::byte* to) {
  while (count != 0) {
    const std::uint64_t number = first / what_.piece_frames;
    const std::uint64_t begin = number * what_.piece_frames;
    const auto here = static_cast<std::size_t>(std::min<std::uint64_t>(count, begin + what_.piece_frames - first));
    std::memcpy(to, get(number)->data.get() + (first - begin) * what_.frame_bytes, here * what_.frame_bytes);
    if (what_.ahead) took(number, here);
    to += here * what_.frame_bytes;
    first += here;
    count -= here;
  }
}

array_reader::memory array_reader::get(std::uint64_t number) {
  std::unique_lock lock(mutex_);
  const auto [place, fresh] = pieces_.try_emplace(number);
  if (fresh) {
    lock.unlock();
    desk_.ask([this, number] {
      load(number);
      if (what_.ahead) look_ahead(number + 1);
    });
    lock.lock();
  }
  // Where reading fails, all that read are stopped, also those that wait for a piece that is not read any more.
  memory frames;
  const auto is_there = [&] {
    const auto found = pieces_.find(number);
    if (found != pieces_.end()) frames = found->second.frames;
    return frames != nullptr || found == pieces_.end() || desk_.stop();
  };
  while (!loaded_.wait_for(lock, std::chrono::milliseconds(50), is_there)) continue;
  if (frames != nullptr) return frames;
  if (desk_.stop()) throw interrupted("stopped while frames were read");
  lock.unlock();
  return get(number);  // it was read and forgotten meanwhile
}

/// New memory takes longer: the system clears its pages when they are written to first.
array_reader::memory array_reader::unused(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (unused_ && unused_->size == bytes) return std::exchange(unused_, nullptr);
  return std::make_shared<buffer<std::byte>>(bytes);
}

/// In the Python thread. @throws what Python code throws
void array_reader::load(std::uint64_t number) {
  const std::uint64_t first = number * what_.piece_frames;
  const auto count = static_cast<std::size_t>(std::min(what_.piece_frames, what_.frames - first));
  memory frames = unused(count * what_.frame_bytes);
  std::vector<std::size_t> shape{count};
  shape.insert(shape.end(), what_.shape.begin(), what_.shape.end());
  // The array may outlive all of this in the traceback of an error.
  const nb::capsule keeper(new memory(frames), [](void* kept) noexcept { delete static_cast<memory*>(kept); });
  const nb::ndarray<nb::numpy> array(frames->data.get(), shape.size(), shape.data(), keeper, nullptr, dtype_of(what_.type));
  try {
    what_.read(first, array);
  } catch (nb::python_error& failure) {
    const std::string where =
        "while frames " + std::to_string(first) + " to " + std::to_string(first + count - 1) + " were read";
    nb::object value = nb::borrow(failure.value());
    if (nb::hasattr(value, "add_note")) value.attr("add_note")(where.c_str());
    throw;
  }
  const std::lock_guard lock(mutex_);
  pieces_[number] = {std::move(frames), count};
  order_.push_back(number);
  while (order_.size() > what_.kept) forget(order_.front());
  loaded_.notify_all();
}

/// In order each frame is wanted once: what nobody wants any more makes room at once, and nothing else does.
void array_reader::took(std::uint64_t number, std::size_t frames) {
  const std::lock_guard lock(mutex_);
  const auto found = pieces_.find(number);
  if (found == pieces_.end() || found->second.frames == nullptr) return;
  found->second.wanted -= std::min(found->second.wanted, frames);
  if (found->second.wanted == 0) forget(number);
}

void array_reader::forget(std::uint64_t number) {
  const auto found = pieces_.find(number);
  if (found->second.frames.use_count() == 1) unused_ = std::move(found->second.frames);
  pieces_.erase(found);
  std::erase(order_, number);
}

void array_reader::look_ahead(std::uint64_t number) {
  if (number * what_.piece_frames >= what_.frames) return;
  {
    const std::lock_guard lock(mutex_);
    if (!pieces_.try_emplace(number).second) return;
  }
  desk_.post([this, number] { load(number); });
}

}  // namespace countem::python
