// SPDX-License-Identifier: BSD-2-Clause
// clang's thread-safety attributes; GCC ignores them (they expand to nothing).
#pragma once

#if defined(__clang__)
#define DRUPE_TSA(x) __attribute__((x))
#else
#define DRUPE_TSA(x)
#endif

#define CAPABILITY(name) DRUPE_TSA(capability(name))
#define SCOPED_CAPABILITY DRUPE_TSA(scoped_lockable)
#define GUARDED_BY(lock) DRUPE_TSA(guarded_by(lock))
#define REQUIRES(...) DRUPE_TSA(requires_capability(__VA_ARGS__))
#define ACQUIRE(...) DRUPE_TSA(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...) DRUPE_TSA(acquire_shared_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) DRUPE_TSA(try_acquire_capability(__VA_ARGS__))
#define RELEASE(...) DRUPE_TSA(release_capability(__VA_ARGS__))
#define RELEASE_SHARED(...) DRUPE_TSA(release_shared_capability(__VA_ARGS__))
#define ASSERT_HELD(...) DRUPE_TSA(assert_capability(__VA_ARGS__))
#define EXCLUDES(...) DRUPE_TSA(locks_excluded(__VA_ARGS__))
#define RETURN_CAPABILITY(lock) DRUPE_TSA(lock_returned(lock))
#define NO_THREAD_SAFETY_ANALYSIS DRUPE_TSA(no_thread_safety_analysis)
