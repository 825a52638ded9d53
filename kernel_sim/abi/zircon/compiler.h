// Compiler attributes that the other <zircon/...> headers use. Usable from assembly.
#ifndef ZIRCONIA_ABI_ZIRCON_COMPILER_H_
#define ZIRCONIA_ABI_ZIRCON_COMPILER_H_

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#ifndef __has_cpp_attribute
#define __has_cpp_attribute(x) 0
#endif

#ifndef __ASSEMBLER__

#define __UNUSED __attribute__((__unused__))
#define __ALWAYS_EMIT __attribute__((__used__))
#define __PACKED __attribute__((__packed__))
#define __ALIGNED(x) __attribute__((__aligned__(x)))
#define __PRINTFLIKE(format, arguments) __attribute__((__format__(__printf__, format, arguments)))
#define __SCANFLIKE(format, arguments) __attribute__((__format__(__scanf__, format, arguments)))
#define __SECTION(x) __attribute__((__section__(x)))
#define __PURE __attribute__((__pure__))
#define __CONST __attribute__((__const__))
#define __NO_RETURN __attribute__((__noreturn__))
#define __MALLOC __attribute__((__malloc__))
#define __WEAK __attribute__((__weak__))
#define __GET_CALLER(x) __builtin_return_address(0)
#define __GET_FRAME(x) __builtin_frame_address(0)
#define __ISCONSTANT(x) __builtin_constant_p(x)
#define __NO_INLINE __attribute__((__noinline__))
#define __ALWAYS_INLINE __attribute__((__always_inline__))
#define __RESTRICT __restrict
#define __NONNULL(x) __attribute__((__nonnull__ x))
#define __WARN_UNUSED_RESULT __attribute__((__warn_unused_result__))
#define __UNREACHABLE __builtin_unreachable()
#define __WEAK_ALIAS(x) __attribute__((__weak__, __alias__(x)))
#define __ALIAS(x) __attribute__((__alias__(x)))
#define __EXPORT __attribute__((__visibility__("default")))
#define __LOCAL __attribute__((__visibility__("hidden")))
#define __THREAD __thread
#ifndef __offsetof
#define __offsetof(type, field) __builtin_offsetof(type, field)
#endif
#ifndef __DEPRECATE
#define __DEPRECATE __attribute__((__deprecated__))
#endif

#ifdef __clang__
#define __LEAF_FN
#define __NO_SAFESTACK __attribute__((__no_sanitize__("safe-stack", "shadow-call-stack")))
#else
#define __LEAF_FN __attribute__((__leaf__))
#define __NO_SAFESTACK
#endif

#if defined(__cplusplus) && __cplusplus >= 201703L
#define __FALLTHROUGH [[fallthrough]]
#else
#define __FALLTHROUGH __attribute__((__fallthrough__))
#endif

#ifdef __cplusplus
#if __has_cpp_attribute(no_unique_address)
#define __NO_UNIQUE_ADDRESS [[no_unique_address]]
#else
#define __NO_UNIQUE_ADDRESS
#endif
#define __BEGIN_CDECLS extern "C" {
#define __END_CDECLS }
#define __CONSTEXPR constexpr
#else
#ifndef __BEGIN_CDECLS
#define __BEGIN_CDECLS
#define __END_CDECLS
#endif
#define __CONSTEXPR
#endif

// Names without a prefix that Zircon's header defines too. Only guests get them: host code has its own libraries.
#ifdef __ZIRCONIA_GUEST__
#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif
#ifndef countof
#define countof(a) (sizeof(a) / sizeof((a)[0]))
#endif
#ifndef add_overflow
#define add_overflow(a, b, c) __builtin_add_overflow(a, b, c)
#define sub_overflow(a, b, c) __builtin_sub_overflow(a, b, c)
#define mul_overflow(a, b, c) __builtin_mul_overflow(a, b, c)
#endif
#endif

#endif  // __ASSEMBLER__

#endif  // ZIRCONIA_ABI_ZIRCON_COMPILER_H_
