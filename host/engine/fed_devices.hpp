#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <countem/counting.hpp>
#include <countem/device_counter.hpp>
#include <countem/error.hpp>

namespace countem::engine {

/// Whether a device may still help when it has started: the rest of a count, as fast as it went so far, takes `least_rest_s`.
/// `least_rest_s` 0: always.
[[nodiscard]] bool is_worth_starting(double elapsed_s, std::uint64_t counted, std::uint64_t frames, double least_rest_s);

/// The devices that take part in a count. Each is started by a thread of its own while others count, and has slots for workers
/// to fill. Safe from several threads.
class fed_devices {
 public:
  struct wishes {
    std::vector<unsigned> devices;  ///< their numbers
    cuda::device_options each;      ///< but for the number
    /// Nothing else counts: devices start at once, and the failure of one ends the count. Otherwise it is lost, and
    /// the others count.
    bool alone = false;
    /// Asked now and then before a device starts.
    std::function<bool()> worth_starting;
  };

  fed_devices(const counting_setup& setup, wishes wanted);
  fed_devices(const fed_devices&) = delete;
  fed_devices& operator=(const fed_devices&) = delete;
  /// Waits for a device that is starting; one that has not begun does not start. No slot is in use.
  ~fed_devices();

  /// A slot in use, free again when this goes.
  class use {
   public:
    use(fed_devices& from, std::size_t device, cuda::feed_slot* slot) : from_(&from), device_(device), slot_(slot) {}
    use(use&& other) noexcept : from_(other.from_), device_(other.device_), slot_(std::exchange(other.slot_, nullptr)) {}
    use& operator=(use&&) = delete;
    ~use();

    [[nodiscard]] cuda::feed_slot* operator->() const { return slot_; }
    /// The batch was added to the patterns that its device keeps.
    void added_to_patterns() const;
    /// The device failed with that: it gets no more.
    void lose(const cuda_error& failure) const;

   private:
    fed_devices* from_;
    std::size_t device_;
    cuda::feed_slot* slot_;
  };

  /// A free slot of a device that has started, where there is one.
  [[nodiscard]] std::optional<use> try_take();
  /// The same; waits for one. Only where devices count alone. @throws what a device failed to start with.
  [[nodiscard]] use take();

  /// Adds what the devices keep, as device_feed::read_patterns(), those included that were lost since.
  /// @throws cuda_error saying that the sums are lost with a device.
  void read_patterns(std::span<std::uint64_t> sum, std::span<std::uint32_t> maximum);

 private:
  struct one_device {
    unsigned number = 0;
    std::unique_ptr<cuda::device_feed> feed;
    std::vector<cuda::feed_slot*> free;
    bool keeps_patterns = false;
    bool lost = false;
  };

  void start(std::size_t device, const counting_setup& setup);
  bool waits_until_worth_it();
  void start_now(std::size_t device, const counting_setup& setup);
  void end_starting();
  void lose(std::size_t device, const std::exception& failure);
  [[nodiscard]] std::optional<use> free_slot();

  wishes wanted_;
  std::mutex lock_;
  std::condition_variable changed_;
  std::shared_ptr<const counting_plan> plan_;  ///< made by the first to start
  std::vector<one_device> devices_;
  std::exception_ptr failure_;  ///< of a device that did not start
  bool ended_ = false;
  std::vector<std::thread> starting_;
};

}  // namespace countem::engine
