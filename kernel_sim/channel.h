// Channels: messages of bytes and handles between two ends.
#ifndef ZIRCONIA_KERNEL_SIM_CHANNEL_H_
#define ZIRCONIA_KERNEL_SIM_CHANNEL_H_

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "kernel_sim/dispatcher.h"
#include "kernel_sim/handle_table.h"

namespace zirconia::kernel {

struct ChannelMessage {
  std::vector<std::byte> bytes;
  std::vector<Handle> handles;
};

// One end of a channel. Both ends share one lock, so that a message is either delivered or refused because the other
// end is gone.
class ChannelDispatcher : public Dispatcher {
 public:
  static constexpr zx_obj_type_t kType = ZX_OBJ_TYPE_CHANNEL;
  // How many messages may wait in one end before writers are refused with SHOULD_WAIT (Zircon raises an exception in
  // the writer).
  static constexpr size_t kMaxPending = 3500;

  static std::pair<std::shared_ptr<ChannelDispatcher>, std::shared_ptr<ChannelDispatcher>> Create(KoidAllocator& koids);

  zx_obj_type_t type() const override { return kType; }
  zx_rights_t default_rights() const override { return ZX_DEFAULT_CHANNEL_RIGHTS; }
  zx_koid_t related_koid() const override { return peer_koid_; }
  zx_status_t SignalPeer(zx_signals_t clear, zx_signals_t set) override;

  // Puts a message into the other end. PEER_CLOSED; SHOULD_WAIT: kMaxPending. The message is gone in any case.
  zx_status_t Write(ChannelMessage message);

  // Takes the first message out if it fits. SHOULD_WAIT: there is none; PEER_CLOSED: and there never will be.
  // BUFFER_TOO_SMALL: it is larger; it stays, or is dropped if `may_discard`. The sizes are set wherever a message was
  // there.
  zx_status_t Read(uint32_t max_bytes, uint32_t max_handles, bool may_discard, ChannelMessage* message,
                   uint32_t* actual_bytes, uint32_t* actual_handles);

 protected:
  void OnZeroHandles() override;

 private:
  struct Shared {
    absl::Mutex mutex;
  };
  ChannelDispatcher(KoidAllocator& koids, std::shared_ptr<Shared> shared)
      : Dispatcher(koids, ZX_CHANNEL_WRITABLE), shared_(std::move(shared)) {}

  const std::shared_ptr<Shared> shared_;
  zx_koid_t peer_koid_ = 0;
  std::weak_ptr<ChannelDispatcher> peer_;  // guarded by shared_->mutex, as is all that follows
  bool peer_closed_ = false;
  std::deque<ChannelMessage> messages_;
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_CHANNEL_H_
