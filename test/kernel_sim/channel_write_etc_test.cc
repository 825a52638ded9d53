// zx_channel_write_etc.
#include "test/kernel_sim/channel_fixture.h"

namespace zirconia {
namespace {

constexpr zx_handle_op_t kMove = ZX_HANDLE_OP_MOVE;
constexpr zx_handle_op_t kDuplicate = ZX_HANDLE_OP_DUPLICATE;

struct WriteEtcTest : ChannelTest {
  using Dispositions = std::vector<zx_handle_disposition_t>;

  static zx_handle_disposition_t Element(zx_handle_op_t operation, zx_handle_t handle,
                                         zx_rights_t rights = ZX_RIGHT_SAME_RIGHTS,
                                         zx_obj_type_t type = ZX_OBJ_TYPE_NONE) {
    return {operation, handle, type, rights, ZX_OK};
  }
  zx_status_t Write(Dispositions& handles) const {
    return zx_channel_write_etc(client, 0, "text", 4, handles.data(), static_cast<uint32_t>(handles.size()));
  }
  std::vector<zx_handle_info_t> Got() const {
    std::vector<zx_handle_info_t> handles;
    CHECK(Receive(server, &handles) == "text");
    return handles;
  }
  // Writes one handle; nothing may arrive.
  zx_status_t Refused(zx_handle_disposition_t element) const {
    Dispositions handles{element};
    const zx_status_t status = Write(handles);
    CHECK(handles[0].result == status);
    CHECK_FALSE(HasMessage(server));
    return status;
  }
};

TEST_CASE_METHOD(WriteEtcTest, "handles are moved or duplicated, with the rights that are named", "[channel]") {
  const zx_handle_t moved = MakeVmo(kPage);
  const zx_handle_t kept = MakeVmo(kPage);
  const std::vector<zx_koid_t> koids{KoidOf(moved), KoidOf(kept), KoidOf(kept), KoidOf(kept)};
  const zx_rights_t all = RightsOf(kept);
  Dispositions handles{Element(kMove, moved), Element(kDuplicate, kept, ZX_RIGHT_READ, ZX_OBJ_TYPE_VMO),
                       Element(kDuplicate, kept), Element(kMove, kept, ZX_RIGHT_NONE, ZX_OBJ_TYPE_VMO)};
  REQUIRE(Write(handles) == ZX_OK);
  for (const auto& element : handles) CHECK(element.result == ZX_OK);
  CHECK_FALSE(IsOpen(moved));
  CHECK_FALSE(IsOpen(kept));
  const auto got = Got();
  REQUIRE(got.size() == 4);
  CHECK(got[0].rights == all);
  CHECK(got[1].rights == ZX_RIGHT_READ);
  CHECK(got[2].rights == all);
  CHECK(got[3].rights == ZX_RIGHT_NONE);
  // Who gets a handle without TRANSFER can't send it on.
  CHECK(Refused(Element(kMove, got[1].handle)) == ZX_ERR_ACCESS_DENIED);
  CHECK(KoidOf(got[2].handle) == koids[2]);
}

TEST_CASE_METHOD(WriteEtcTest, "a message of write_etc may have no handles, and be in pieces", "[channel]") {
  CHECK(zx_channel_write_etc(client, 0, nullptr, 0, nullptr, 0) == ZX_OK);
  CHECK(Receive(server).empty());
  const std::array<zx_channel_iovec_t, 2> pieces{{{"te", 2, 0}, {"xt", 2, 0}}};
  Dispositions handles{Element(kMove, MakeVmo(kPage))};
  CHECK(zx_channel_write_etc(client, ZX_CHANNEL_WRITE_USE_IOVEC, pieces.data(), 2, handles.data(), 1) == ZX_OK);
  CHECK(Got().size() == 1);
}

TEST_CASE_METHOD(WriteEtcTest, "each way in which a handle of write_etc can be wrong", "[channel]") {
  const uint32_t before = VmoHandles();
  const zx_handle_t vmo = MakeVmo(kPage);
  const auto made = [&](zx_rights_t without = 0) { return Without(vmo, without); };
  CHECK(Refused(Element(kMove, 3)) == ZX_ERR_BAD_HANDLE);
  CHECK(Refused(Element(kMove, ZX_HANDLE_INVALID)) == ZX_ERR_BAD_HANDLE);
  CHECK(Refused(Element(kDuplicate, 3)) == ZX_ERR_BAD_HANDLE);
  CHECK(Refused(Element(kMove, made(), ZX_RIGHT_SAME_RIGHTS, ZX_OBJ_TYPE_EVENT)) == ZX_ERR_WRONG_TYPE);
  CHECK(Refused(Element(kDuplicate, vmo, ZX_RIGHT_SAME_RIGHTS, ZX_OBJ_TYPE_EVENT)) == ZX_ERR_WRONG_TYPE);
  CHECK(Refused(Element(kMove, made(ZX_RIGHT_TRANSFER))) == ZX_ERR_ACCESS_DENIED);
  CHECK(Refused(Element(kMove, made(ZX_RIGHT_WRITE), ZX_RIGHT_WRITE)) == ZX_ERR_INVALID_ARGS);
  CHECK(VmoHandles() == before + 1);  // those that were to be moved are gone
  const zx_handle_t no_transfer = made(ZX_RIGHT_TRANSFER);
  const zx_handle_t no_duplicate = made(ZX_RIGHT_DUPLICATE);
  const zx_handle_t no_write = made(ZX_RIGHT_WRITE);
  CHECK(Refused(Element(kDuplicate, no_transfer)) == ZX_ERR_ACCESS_DENIED);
  CHECK(Refused(Element(kDuplicate, no_duplicate)) == ZX_ERR_ACCESS_DENIED);
  CHECK(Refused(Element(kDuplicate, no_write, ZX_RIGHT_WRITE)) == ZX_ERR_INVALID_ARGS);
  CHECK(Refused(Element(2, vmo)) == ZX_ERR_INVALID_ARGS);
  zx_handle_disposition_t with_result = Element(kDuplicate, vmo);
  with_result.result = ZX_ERR_INTERNAL;
  CHECK(Refused(with_result) == ZX_ERR_INVALID_ARGS);
  CHECK(VmoHandles() == before + 4);  // those that were to be duplicated are still there
  with_result = Element(kMove, made());
  with_result.result = ZX_ERR_INTERNAL;
  CHECK(Refused(with_result) == ZX_ERR_INVALID_ARGS);
  CHECK(VmoHandles() == before + 4);
}

TEST_CASE_METHOD(WriteEtcTest, "all operations are attempted, and the first failure is the call's", "[channel]") {
  const uint32_t before = VmoHandles();
  const zx_handle_t vmo = MakeVmo(kPage);
  Dispositions handles{Element(kMove, Without(vmo, 0)), Element(kMove, MakeVmo(kPage), ZX_RIGHT_EXECUTE),
                       Element(kDuplicate, vmo), Element(kMove, 3), Element(kMove, Without(vmo, ZX_RIGHT_TRANSFER))};
  CHECK(Write(handles) == ZX_ERR_INVALID_ARGS);
  std::vector<zx_status_t> results;
  for (const auto& element : handles) results.push_back(element.result);
  CHECK(results ==
        std::vector<zx_status_t>{ZX_OK, ZX_ERR_INVALID_ARGS, ZX_OK, ZX_ERR_BAD_HANDLE, ZX_ERR_ACCESS_DENIED});
  CHECK(VmoHandles() == before + 1);
  CHECK_FALSE(HasMessage(server));
}

TEST_CASE_METHOD(WriteEtcTest, "a handle may be duplicated often, and moved once, last", "[channel]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  Dispositions handles{Element(kDuplicate, vmo), Element(kDuplicate, vmo), Element(kMove, vmo)};
  CHECK(Write(handles) == ZX_OK);
  CHECK(Got().size() == 3);
  const zx_handle_t again = MakeVmo(kPage);
  for (const zx_handle_op_t second : {kMove, kDuplicate}) {
    Dispositions twice{Element(kMove, Without(again, 0)), {}};
    twice[1] = Element(second, twice[0].handle);
    CHECK(Write(twice) == ZX_ERR_BAD_HANDLE);
    CHECK(twice[0].result == ZX_OK);
    CHECK(twice[1].result == ZX_ERR_BAD_HANDLE);
  }
}

TEST_CASE_METHOD(WriteEtcTest, "a channel isn't written into itself", "[channel]") {
  CHECK(Refused(Element(kDuplicate, client)) == ZX_ERR_NOT_SUPPORTED);
  CHECK(IsOpen(client));
  Dispositions handles{Element(kMove, client)};
  CHECK(Write(handles) == ZX_ERR_NOT_SUPPORTED);
  CHECK_FALSE(IsOpen(client));
  CHECK(zx_object_wait_one(server, ZX_CHANNEL_PEER_CLOSED, 0, nullptr) == ZX_OK);
}

TEST_CASE_METHOD(WriteEtcTest,
                 "whatever refuses a write, what was to be moved is gone, and what was to be duplicated isn't",
                 "[channel]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  const uint32_t before = VmoHandles();
  std::vector<zx_handle_disposition_t> handles;
  const auto refused = [&](zx_handle_t channel, uint32_t options, const void* bytes, uint32_t num_bytes) {
    handles = {Element(kMove, Without(vmo, 0)), Element(kDuplicate, vmo)};
    const zx_status_t status = zx_channel_write_etc(channel, options, bytes, num_bytes, handles.data(), 2);
    CHECK(VmoHandles() == before);
    CHECK_FALSE(HasMessage(server));
    return status;
  };
  CHECK(refused(3, 0, "", 0) == ZX_ERR_BAD_HANDLE);
  CHECK(refused(vmo, 0, "", 0) == ZX_ERR_WRONG_TYPE);
  CHECK(refused(client, 1, "", 0) == ZX_ERR_INVALID_ARGS);
  CHECK(refused(client, 0, BadPointer<char>(), 1) == ZX_ERR_INVALID_ARGS);
  CHECK(refused(client, 0, "", ZX_CHANNEL_MAX_MSG_BYTES + 1) == ZX_ERR_OUT_OF_RANGE);
  std::vector<zx_channel_iovec_t> pieces(ZX_CHANNEL_MAX_MSG_IOVECS + 1, {"text", 4, 1});
  CHECK(refused(client, ZX_CHANNEL_WRITE_USE_IOVEC, pieces.data(), ZX_CHANNEL_MAX_MSG_IOVECS + 1) ==
        ZX_ERR_OUT_OF_RANGE);
  CHECK(refused(client, ZX_CHANNEL_WRITE_USE_IOVEC, pieces.data(), 1) == ZX_ERR_INVALID_ARGS);
  pieces[0] = {BadPointer<char>(), 4, 0};
  CHECK(refused(client, ZX_CHANNEL_WRITE_USE_IOVEC, pieces.data(), 1) == ZX_ERR_INVALID_ARGS);
  pieces[0] = {"", ZX_CHANNEL_MAX_MSG_BYTES + 1, 0};
  CHECK(refused(client, ZX_CHANNEL_WRITE_USE_IOVEC, pieces.data(), 1) == ZX_ERR_OUT_OF_RANGE);
  zx_handle_t a = ZX_HANDLE_INVALID;
  zx_handle_t b = ZX_HANDLE_INVALID;
  REQUIRE(zx_channel_create(0, &a, &b) == ZX_OK);
  CHECK(refused(Reduce(a, ZX_RIGHT_WRITE), 0, "", 0) == ZX_ERR_ACCESS_DENIED);

  handles.assign(ZX_CHANNEL_MAX_MSG_HANDLES + 1, Element(kDuplicate, vmo));
  handles.back() = Element(kMove, Without(vmo, 0));
  CHECK(Write(handles) == ZX_ERR_OUT_OF_RANGE);
  CHECK(VmoHandles() == before);
  CHECK(zx_channel_write_etc(client, 0, "", 0, BadPointer<zx_handle_disposition_t>(), 1) == ZX_ERR_INVALID_ARGS);

  Close(server);
  handles = {Element(kMove, Without(vmo, 0)), Element(kDuplicate, vmo)};
  CHECK(Write(handles) == ZX_ERR_PEER_CLOSED);
  CHECK(VmoHandles() == before);
  CHECK(handles[0].result == ZX_OK);
}

TEST_CASE_METHOD(WriteEtcTest, "where results can't be written, the call's own still says what failed", "[channel]") {
  const zx_handle_t memory = MakeVmo(kPage);
  const Dispositions handles{Element(kMove, MakeVmo(kPage), ZX_RIGHT_EXECUTE)};
  REQUIRE(zx_vmo_write(memory, handles.data(), 0, sizeof(handles[0])) == ZX_OK);
  auto* const read_only = reinterpret_cast<zx_handle_disposition_t*>(MapAt(0, memory, 1, kRead));
  CHECK(zx_channel_write_etc(client, 0, "text", 4, read_only, 1) == ZX_ERR_INVALID_ARGS);
  CHECK_FALSE(IsOpen(handles[0].handle));
}

}  // namespace
}  // namespace zirconia
