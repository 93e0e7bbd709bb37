#include "fiber.hpp"

#include <sys/mman.h>

#include <new>
#include <utility>

// The model itself is never instrumented for threads (COUNTEM_MODEL_TSAN: the program under test is).
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(COUNTEM_MODEL_TSAN)
extern "C" {
void* __tsan_get_current_fiber(void);
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}
#endif

namespace device_model {

namespace {

constexpr std::size_t stack_bytes = 256 << 10;

#if defined(COUNTEM_MODEL_TSAN)
constexpr unsigned no_sync = 1;  // the switch itself orders nothing
void* current_context() {
  return __tsan_get_current_fiber();
}
void enter_context(void* handle) {
  __tsan_switch_to_fiber(handle, no_sync);
}
#else
void* current_context() {
  return nullptr;
}
void enter_context(void*) {}
#endif

struct borrowed_stack {
  boost::context::stack_context allocate() { return {}; }
  void deallocate(boost::context::stack_context&) {}
};

}  // namespace

#if defined(COUNTEM_MODEL_TSAN)
context::context() : handle_(__tsan_create_fiber(0)) {}
context::~context() {
  __tsan_destroy_fiber(handle_);
}
void order_point::publish() {
  __tsan_release(&address);
}
void order_point::observe() {
  __tsan_acquire(&address);
}
#else
context::context() = default;
context::~context() = default;
void order_point::publish() {}
void order_point::observe() {}
#endif

context::scope::scope(const context& entered) : before_(current_context()) {
  enter_context(entered.handle());
}
context::scope::~scope() {
  enter_context(before_);
}

fiber::fiber(void (*body)(fiber&), std::size_t colour) : body_(body) {
  void* memory = mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  stack_ = static_cast<char*>(memory);
  // Stack tops at the same offset of a page would all fall into the same few cache sets.
  const std::size_t size = stack_bytes - (colour % 61) * 128;
  boost::context::stack_context where;
  where.sp = stack_ + size;
  where.size = size;
  self_ = boost::context::fiber(std::allocator_arg, boost::context::preallocated(where.sp, where.size, where), borrowed_stack{},
                                [this](boost::context::fiber&& resumer) -> boost::context::fiber {
                                  resumer_ = std::move(resumer);
#if defined(__SANITIZE_ADDRESS__)
                                  __sanitizer_finish_switch_fiber(nullptr, &resumer_bottom_, &resumer_size_);
#endif
                                  body_(*this);
                                  return std::move(resumer_);  // not reached: bodies loop
                                });
}

void fiber::resume() {
  resumer_context_ = current_context();
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&resumer_fake_stack_, stack_, stack_bytes);
#endif
  enter_context(context_.handle());
  self_ = std::move(self_).resume();
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(resumer_fake_stack_, nullptr, nullptr);
#endif
}

void fiber::yield() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&fake_stack_, resumer_bottom_, resumer_size_);
#endif
  enter_context(resumer_context_);
  resumer_ = std::move(resumer_).resume();
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake_stack_, &resumer_bottom_, &resumer_size_);
#endif
}

}  // namespace device_model
