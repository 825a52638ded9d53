// Compile-time checks: the table of system calls against the C prototypes, and the structures whose layout is Zircon's
// ABI.
#include <zircon/processargs.h>
#include <zircon/syscalls.h>
#include <zircon/syscalls/debug.h>
#include <zircon/syscalls/exception.h>
#include <zircon/syscalls/port.h>

#include <cstdint>
#include <type_traits>

namespace {

// The argument kinds of the table, as types.
enum class Kind {
  k_handle,
  k_size,
  k_address,
  k_hex,
  k_number,
  k_signed,
  k_status,
  k_signals,
  k_rights,
  k_deadline,
  k_topic,
  k_property,
  k_clock,
  k_in_bytes,
  k_in_string,
  k_in_handles,
  k_in_pointer,
  k_out_handle,
  k_out_u32,
  k_out_u64,
  k_out_size,
  k_out_address,
  k_out_pointer,
};

template <typename T, typename Pointee>
constexpr bool kPointsTo = std::is_pointer_v<T>&& std::is_same_v<std::remove_pointer_t<T>, Pointee>;
template <typename T>
constexpr bool kPointsToConst = std::is_pointer_v<T>&& std::is_const_v<std::remove_pointer_t<T>>;
template <typename T>
constexpr bool kUnsigned = std::is_integral_v<T>&& std::is_unsigned_v<T>;

// Whether an argument of C type T may be described as `kind`.
template <typename T>
constexpr bool Fits(Kind kind) {
  switch (kind) {
    case Kind::k_handle:
      return std::is_same_v<T, zx_handle_t>;
    case Kind::k_size:
      return kUnsigned<T> && sizeof(T) == 8;
    case Kind::k_address:
      return (kUnsigned<T> && sizeof(T) == 8) || std::is_pointer_v<T>;
    case Kind::k_hex:
    case Kind::k_number:
      return std::is_integral_v<T>;
    case Kind::k_signed:
      return std::is_integral_v<T> && std::is_signed_v<T>;
    case Kind::k_status:
      return std::is_same_v<T, zx_status_t>;
    case Kind::k_signals:
      return std::is_same_v<T, zx_signals_t>;
    case Kind::k_rights:
      return std::is_same_v<T, zx_rights_t>;
    case Kind::k_deadline:
      return std::is_same_v<T, zx_time_t>;
    case Kind::k_topic:
    case Kind::k_property:
    case Kind::k_clock:
      return std::is_same_v<T, uint32_t>;
    case Kind::k_in_bytes:
    case Kind::k_in_string:
    case Kind::k_in_handles:
      return kPointsToConst<T>;
    case Kind::k_in_pointer:
      return std::is_pointer_v<T>;
    case Kind::k_out_handle:
      return kPointsTo<T, zx_handle_t>;
    case Kind::k_out_u32:
      return kPointsTo<T, uint32_t>;
    case Kind::k_out_u64:
    case Kind::k_out_size:
    case Kind::k_out_address:
      return kPointsTo<T, uint64_t>;
    case Kind::k_out_pointer:
      return std::is_pointer_v<T> && !kPointsToConst<T>;
  }
  return false;
}

template <Kind... kinds>
struct Row {};

template <typename Return, typename... Arguments, Kind... kinds>
constexpr bool Agrees(int count, Row<kinds...>, Return (*)(Arguments...)) {
  if constexpr (sizeof...(Arguments) != sizeof...(kinds)) {
    return false;
  } else {
    return count == sizeof...(kinds) && (Fits<Arguments>(kinds) && ...);
  }
}

constexpr Kind kNoMore = static_cast<Kind>(-1);

// Drops the end mark that the macro below needs.
template <typename Kept, Kind... rest>
struct WithoutMark;
template <Kind... kept, Kind first, Kind... rest>
struct WithoutMark<Row<kept...>, first, rest...> : WithoutMark<Row<kept..., first>, rest...> {};
template <Kind... kept>
struct WithoutMark<Row<kept...>, kNoMore> {
  using type = Row<kept...>;
};

#define A(kind, name) Kind::k_##kind,
#define ZX_SYSCALL(number, return_type, name, count, arguments)                                        \
  static_assert(Agrees<return_type>(count, WithoutMark<Row<>, arguments kNoMore>::type{}, &zx_##name), \
                "syscalls.def and <zircon/syscalls.h> disagree on zx_" #name);
#include "../syscalls.def"
#undef ZX_SYSCALL
#undef A

static_assert(sizeof(zx_proc_args_t) == 36);
static_assert(sizeof(zx_wait_item_t) == 12);
static_assert(sizeof(zx_handle_info_t) == 16);
static_assert(sizeof(zx_handle_disposition_t) == 20);
static_assert(sizeof(zx_channel_call_args_t) == 48);
static_assert(sizeof(zx_channel_call_etc_args_t) == 48);
static_assert(sizeof(zx_info_handle_basic_t) == 32);
static_assert(sizeof(zx_info_handle_extended_t) == 40);
static_assert(sizeof(zx_info_process_t) == 16);
static_assert(sizeof(zx_info_process_v2_t) == 24);
static_assert(sizeof(zx_info_thread_t) == 72);
static_assert(sizeof(zx_info_vmar_t) == 16);
static_assert(sizeof(zx_info_vmo_t) == 120);
static_assert(sizeof(zx_info_maps_t) == 96);
static_assert(sizeof(zx_exception_report_t) == 40);
static_assert(sizeof(zx_exception_info_t) == 24);
static_assert(sizeof(zx_port_packet_t) == 48);
static_assert(sizeof(zx_thread_state_general_regs_t) == 160);

}  // namespace
