// SPDX-License-Identifier: Apache-2.0
// peers.h - runs one registration function for every implementation that was found.
#ifndef UMCG_BENCH_COMMON_PEERS_H_
#define UMCG_BENCH_COMMON_PEERS_H_

#include <benchmark/benchmark.h>

#if defined(UMCG_HAVE_BOOST_FIBER) || defined(UMCG_HAVE_ASIO)
#include <boost/version.hpp>
#endif

#include "common/umcg_impl.h"
#include "peers/boost_fiber.h"
#include "peers/pools.h"
#include "peers/state_threads.h"
#include "peers/std_threads.h"
#include "peers/tbb.h"

namespace bench {

// First in main(): what peers need before anything else, and their versions for the report.
inline void prepare_peers() {
#ifdef UMCG_HAVE_TBB
  Tbb::prepare();
  benchmark::AddCustomContext("umcg_version_oneTBB", TBB_VERSION_STRING);
#endif
#if defined(UMCG_HAVE_BOOST_FIBER) || defined(UMCG_HAVE_ASIO)
  benchmark::AddCustomContext("umcg_version_Boost", BOOST_LIB_VERSION);
#endif
#ifdef UMCG_HAVE_STATE_THREADS
  benchmark::AddCustomContext("umcg_version_State_Threads", ST_VERSION);
#endif
}

// register_one.template operator()<Impl>(servers), for each that has fibers, on 1 and on 2 servers.
template <class Register>
void for_each_with_fibers(Register register_one) {
  for (int servers : {1, 2}) register_one.template operator()<Umcg>(servers);
#ifdef UMCG_HAVE_BOOST_FIBER
  register_one.template operator()<BoostFiber>(1);
  register_one.template operator()<BoostStealing>(2);
  register_one.template operator()<BoostSharedWork>(2);
#endif
#ifdef UMCG_HAVE_STATE_THREADS
  register_one.template operator()<StateThreads>(1);
#endif
}

// The same for kernel threads.
template <class Register>
void for_threads(Register register_one) {
  for (int servers : {1, 2}) register_one.template operator()<StdThreads>(servers);
}

// For TBB, which can fork and join only.
template <class Register>
void for_task_groups([[maybe_unused]] Register register_one) {
#ifdef UMCG_HAVE_TBB
  for (int servers : {1, 2}) register_one.template operator()<Tbb>(servers);
#endif
}

// For pools, whose tasks cannot wait for each other.
template <class Register>
void for_each_pool(Register register_one) {
  for (int servers : {1, 2}) {
    register_one.template operator()<ThreadPoolPeer>(servers);
#ifdef UMCG_HAVE_ASIO
    register_one.template operator()<AsioPeer>(servers);
#endif
  }
}

}  // namespace bench

#endif  // UMCG_BENCH_COMMON_PEERS_H_
