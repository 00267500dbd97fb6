// A lock that a forked child finds open, whoever held it: a mutant is to have one fault, and only
// M19's is a lock that is held across fork.
#pragma once

#include <pthread.h>

namespace mutant {

inline pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;

class Locked {
 public:
  Locked() { ::pthread_mutex_lock(&g_lock); }
  ~Locked() { ::pthread_mutex_unlock(&g_lock); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
};

[[gnu::constructor]] static void guard_forks() {
  ::pthread_atfork([] { ::pthread_mutex_lock(&g_lock); }, [] { ::pthread_mutex_unlock(&g_lock); },
                   [] { ::pthread_mutex_unlock(&g_lock); });
}

}  // namespace mutant
