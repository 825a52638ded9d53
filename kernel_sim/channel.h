// Channels: messages of bytes and handles between two ends.
#ifndef ZIRCONIA_KERNEL_SIM_CHANNEL_H_
#define ZIRCONIA_KERNEL_SIM_CHANNEL_H_

#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "kernel_sim/dispatcher.h"
#include "kernel_sim/handle_table.h"

namespace zirconia::kernel {

class ThreadDispatcher;

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
  // The lowest id that the kernel gives to a request.
  static constexpr zx_txid_t kFirstCallId = 0x8000'0000;

  static std::pair<std::shared_ptr<ChannelDispatcher>, std::shared_ptr<ChannelDispatcher>> Create(KoidAllocator& koids);

  zx_obj_type_t type() const override { return kType; }
  zx_rights_t default_rights() const override { return ZX_DEFAULT_CHANNEL_RIGHTS; }
  zx_koid_t related_koid() const override { return peer_koid_; }
  zx_status_t SignalPeer(zx_signals_t clear, zx_signals_t set) override;

  // Puts a message into the other end, or hands it to the call there that waits for it. PEER_CLOSED; SHOULD_WAIT:
  // kMaxPending. The message is gone in any case.
  zx_status_t Write(ChannelMessage message);

  // Writes a request, the first four bytes of which become an id that no other call in this channel has, and waits on
  // `thread` for the message from the other end that begins with it: the reply, which this end's queue never sees.
  // Where nobody waits any more it is a message like others. PEER_CLOSED: before or meanwhile; CANCELED: this end's
  // last handle went, or the thread was killed; SHOULD_WAIT: as Write; TIMED_OUT. The request is gone in any case.
  // Requires that it has four bytes.
  zx_status_t Call(ThreadDispatcher& thread, zx_time_t deadline, ChannelMessage request, ChannelMessage* reply);
  // The ids of calls go on after this one: for tests, which can't make 2^31 calls first.
  void SetLastCallId(zx_txid_t id);

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
    zx_txid_t last_call_id = 0;
  };
  // A call whose thread waits at this end.
  struct PendingCall {
    ThreadDispatcher& thread;
    ChannelMessage* reply;
    std::optional<zx_status_t> result;  // what ended it; set with both locks held, the shared one and the thread's
  };
  ChannelDispatcher(KoidAllocator& koids, std::shared_ptr<Shared> shared)
      : Dispatcher(koids, ZX_CHANNEL_WRITABLE), shared_(std::move(shared)) {}

  // These with the lock held. Send: as Write; a message that is refused stays with the caller.
  zx_status_t Send(ChannelMessage& message);
  zx_txid_t NextCallId(const ChannelDispatcher* peer);
  static void EndCall(PendingCall& call, zx_status_t result);
  void EndCalls(zx_status_t result);

  const std::shared_ptr<Shared> shared_;
  zx_koid_t peer_koid_ = 0;
  std::weak_ptr<ChannelDispatcher> peer_;  // guarded by shared_->mutex, as is all that follows
  bool closed_ = false;                    // its last handle is gone
  bool peer_closed_ = false;
  std::deque<ChannelMessage> messages_;
  absl::flat_hash_map<zx_txid_t, PendingCall*> calls_;  // by the id of their request; those that haven't ended
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_CHANNEL_H_
