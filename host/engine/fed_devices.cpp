#include "host/engine/fed_devices.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include <countem/notices.hpp>

namespace countem::engine {

bool is_worth_starting(double elapsed_s, std::uint64_t counted, std::uint64_t frames, double least_rest_s) {
  if (least_rest_s <= 0) return true;
  if (counted >= frames) return false;
  if (counted == 0) return elapsed_s >= least_rest_s;  // the first batch alone takes so long
  return elapsed_s * static_cast<double>(frames - counted) / static_cast<double>(counted) >= least_rest_s;
}

fed_devices::fed_devices(const counting_setup& setup, wishes wanted) : wanted_(std::move(wanted)) {
  devices_.resize(wanted_.devices.size());
  for (std::size_t device = 0; device < devices_.size(); ++device) devices_[device].number = wanted_.devices[device];
  try {
    for (std::size_t device = 0; device < devices_.size(); ++device)
      starting_.emplace_back([this, device, &setup] { start(device, setup); });
  } catch (...) {  // no more threads: the destructor will not run
    end_starting();
    throw;
  }
}

fed_devices::~fed_devices() {
  end_starting();
}

void fed_devices::end_starting() {
  {
    const std::lock_guard held(lock_);
    ended_ = true;
  }
  changed_.notify_all();
  for (std::thread& one : starting_) one.join();
}

void fed_devices::start(std::size_t device, const counting_setup& setup) {
  if (!wanted_.alone && !waits_until_worth_it()) return;
  try {
    start_now(device, setup);
  } catch (const std::exception& failed) {  // also of the host: a thread has nobody to throw it to
    if (!wanted_.alone) return lose(device, failed);
    const std::lock_guard held(lock_);
    failure_ = std::current_exception();
    changed_.notify_all();
  }
}

/// False where the count ends before.
bool fed_devices::waits_until_worth_it() {
  constexpr std::chrono::milliseconds between_looks{20};
  std::unique_lock held(lock_);
  while (!ended_) {
    held.unlock();
    const bool worth = wanted_.worth_starting();
    held.lock();
    if (worth) return !ended_;
    changed_.wait_for(held, between_looks, [&] { return ended_; });
  }
  return false;
}

void fed_devices::start_now(std::size_t device, const counting_setup& setup) {
  std::shared_ptr<const counting_plan> plan;
  {
    const std::lock_guard held(lock_);  // the others need it, too
    if (plan_ == nullptr) plan_ = cuda::make_plan(setup);
    plan = plan_;
  }
  cuda::device_options options = wanted_.each;
  options.device = devices_[device].number;
  std::unique_ptr<cuda::device_feed> feed = cuda::make_device_feed(plan, options);
  const std::lock_guard held(lock_);
  devices_[device].free = feed->slots();
  devices_[device].feed = std::move(feed);
  changed_.notify_all();
}

void fed_devices::lose(std::size_t device, const std::exception& failure) {
  {
    const std::lock_guard held(lock_);
    if (std::exchange(devices_[device].lost, true)) return;
  }
  notify_once("device " + std::to_string(devices_[device].number) +
              " counts no frames from here on, others do: " + failure.what());
}

/// The device with the most free slots has the least to do.
std::optional<fed_devices::use> fed_devices::free_slot() {
  std::size_t best = devices_.size();
  for (std::size_t d = 0; d < devices_.size(); ++d) {
    if (devices_[d].lost || devices_[d].free.empty()) continue;
    if (best == devices_.size() || devices_[d].free.size() > devices_[best].free.size()) best = d;
  }
  if (best == devices_.size()) return std::nullopt;
  cuda::feed_slot* const slot = devices_[best].free.back();
  devices_[best].free.pop_back();
  return std::optional<use>(std::in_place, *this, best, slot);
}

std::optional<fed_devices::use> fed_devices::try_take() {
  const std::lock_guard held(lock_);
  return free_slot();
}

fed_devices::use fed_devices::take() {
  std::unique_lock held(lock_);
  for (;;) {
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    if (std::optional<use> taken = free_slot()) return std::move(*taken);
    changed_.wait(held);
  }
}

fed_devices::use::~use() {
  if (slot_ == nullptr) return;
  {
    const std::lock_guard held(from_->lock_);
    from_->devices_[device_].free.push_back(slot_);
  }
  from_->changed_.notify_one();
}

void fed_devices::use::added_to_patterns() const {
  const std::lock_guard held(from_->lock_);
  from_->devices_[device_].keeps_patterns = true;
}

void fed_devices::use::lose(const cuda_error& failure) const {
  from_->lose(device_, failure);
}

void fed_devices::read_patterns(std::span<std::uint64_t> sum, std::span<std::uint32_t> maximum) {
  std::vector<one_device*> keeping;
  {
    const std::lock_guard held(lock_);
    for (one_device& device : devices_) {
      if (device.keeps_patterns) keeping.push_back(&device);
    }
  }
  for (one_device* const device : keeping) {
    try {
      device->feed->read_patterns(sum, maximum);
    } catch (const cuda_error& failed) {
      throw cuda_error("the sums of the frames that device " + std::to_string(device->number) +
                           " counted are lost with it: " + failed.what(),
                       failed.advised());
    }
  }
}

}  // namespace countem::engine
