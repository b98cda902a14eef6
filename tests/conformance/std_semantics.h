// SPDX-License-Identifier: Apache-2.0
// std_semantics.h - what the standard says of its threads and locks, as tests that know no library:
// compiled once with `ns` = std, once with `ns` = umcg::stdx. Deliberately without a guard and
// without includes of either.
//
// The includer defines `ns`, SUITE, kOnceMayFail, and run_everywhere(body), which runs a body
// wherever it must hold.

namespace {

using namespace std::chrono_literals;

template <class F>
void expect_error(std::errc code, F f) {
  try {
    f();
    ADD_FAILURE() << "no exception";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), std::make_error_code(code));
  }
}

// --- thread ---

static_assert(!std::is_copy_constructible_v<ns::thread>);
static_assert(std::is_nothrow_move_constructible_v<ns::thread>);
static_assert(std::is_nothrow_default_constructible_v<ns::thread>);
static_assert(std::is_nothrow_default_constructible_v<ns::thread::id>);

TEST(SUITE, ThreadArgumentsAreCopiedOrMoved) {
  run_everywhere([] {
    int n = 1;
    std::string text = "copied";
    ns::thread t(
        [](int& by_reference, std::string copy, std::unique_ptr<int> moved, std::string* original) {
          by_reference = *moved;
          EXPECT_EQ(copy, "copied");
          EXPECT_NE(&copy, original);
        },
        std::ref(n), text, std::make_unique<int>(7), &text);
    t.join();
    EXPECT_EQ(n, 7);
    struct Target {
      int seen = 0;
      void set(int to) { seen = to; }
    } target;
    ns::thread(&Target::set, &target, 5).join();
    EXPECT_EQ(target.seen, 5);
  });
}

TEST(SUITE, ThreadHandles) {
  run_everywhere([] {
    ns::thread none;
    EXPECT_FALSE(none.joinable());
    EXPECT_EQ(none.get_id(), ns::thread::id());
    ns::thread::id seen;
    ns::thread t([&] { seen = ns::this_thread::get_id(); });
    const ns::thread::id id = t.get_id();
    EXPECT_NE(id, ns::thread::id());
    EXPECT_NE(id, ns::this_thread::get_id());
    ns::thread moved(std::move(t));
    EXPECT_FALSE(t.joinable());  // NOLINT(bugprone-use-after-move)
    EXPECT_TRUE(moved.joinable());
    swap(none, moved);
    EXPECT_EQ(none.get_id(), id);
    none.join();
    EXPECT_FALSE(none.joinable());
    EXPECT_EQ(seen, id);
    std::ostringstream out;
    out << id;
    EXPECT_FALSE(out.str().empty());
    EXPECT_EQ((std::unordered_set<ns::thread::id>{id, id}.size()), 1u);
    expect_error(std::errc::invalid_argument, [&] { none.join(); });
    expect_error(std::errc::invalid_argument, [&] { none.detach(); });
  });
}

TEST(SUITE, DetachedThreadsRunOn) {
  run_everywhere([] {
    auto latch = std::make_shared<ns::latch>(1);
    ns::thread([latch] { latch->count_down(); }).detach();
    latch->wait();
  });
}

TEST(SUITE, JthreadStopsAndJoins) {
  run_everywhere([] {
    bool stopped = false;
    {
      ns::jthread t(
          [&](ns::stop_token stop, int n) {
            EXPECT_EQ(n, 3);
            while (!stop.stop_requested()) ns::this_thread::yield();
            stopped = true;
          },
          3);
      EXPECT_TRUE(t.get_stop_source().stop_possible());
      EXPECT_FALSE(t.get_stop_token().stop_requested());
    }
    EXPECT_TRUE(stopped);
    ns::jthread plain([&] { stopped = false; });
    plain.join();
    EXPECT_FALSE(stopped);
    EXPECT_TRUE(plain.request_stop());
    EXPECT_FALSE(plain.request_stop());
    EXPECT_FALSE(ns::jthread().get_stop_token().stop_possible());
    ns::jthread other([] {});
    plain = std::move(other);
    EXPECT_TRUE(plain.joinable());
  });
}

// --- locks ---

template <class M>
void excludes() {
  M mutex;
  long plain = 0;
  std::vector<ns::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 200; ++k) {
        const ns::lock_guard<M> lock(mutex);
        ++plain;
        if (k % 16 == 0) ns::this_thread::yield();
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(plain, 800);
  mutex.lock();
  ns::thread([&] { EXPECT_FALSE(mutex.try_lock()); }).join();
  mutex.unlock();
}

TEST(SUITE, MutexesExclude) {
  run_everywhere([] {
    excludes<ns::mutex>();
    excludes<ns::timed_mutex>();
    excludes<ns::recursive_mutex>();
    excludes<ns::recursive_timed_mutex>();
    excludes<ns::shared_mutex>();
    excludes<ns::shared_timed_mutex>();
  });
}

TEST(SUITE, TimedLocks) {
  run_everywhere([] {
    ns::timed_mutex mutex;
    const ns::unique_lock lock(mutex);
    ns::thread([&] {
      const auto start = std::chrono::steady_clock::now();
      EXPECT_FALSE(mutex.try_lock_for(2ms));
      EXPECT_GE(std::chrono::steady_clock::now() - start, 2ms);
      EXPECT_FALSE(mutex.try_lock_until(std::chrono::system_clock::now() + 1ms));
    }).join();
  });
}

TEST(SUITE, RecursiveMutexesRecur) {
  run_everywhere([] {
    ns::recursive_mutex mutex;
    const ns::scoped_lock one(mutex);
    const ns::unique_lock two(mutex);
    EXPECT_TRUE(mutex.try_lock());
    mutex.unlock();
  });
}

TEST(SUITE, ReadersShare) {
  run_everywhere([] {
    ns::shared_mutex mutex;
    const ns::shared_lock lock(mutex);
    ns::thread([&] {
      const ns::shared_lock too(mutex);
      EXPECT_FALSE(mutex.try_lock());
    }).join();
  });
}

TEST(SUITE, LocksOfSeveral) {
  run_everywhere([] {
    ns::mutex a;
    ns::recursive_mutex b;
    ns::unique_lock first(a, ns::defer_lock);
    ns::unique_lock second(b, ns::defer_lock);
    ns::lock(first, second);
    EXPECT_TRUE(first.owns_lock() && second.owns_lock());
    ns::thread([&] {
      ns::mutex c;
      EXPECT_EQ(ns::try_lock(c, a), 1) << "the second one fails";
      EXPECT_TRUE(c.try_lock()) << "and the first one was given back";
      c.unlock();
    }).join();
  });
}

// --- condition variables ---

TEST(SUITE, ConditionVariables) {
  run_everywhere([] {
    ns::mutex mutex;
    ns::condition_variable cv;
    int turn = 0;
    ns::thread other([&] {
      for (int k = 1; k < 100; k += 2) {
        ns::unique_lock lock(mutex);
        cv.wait(lock, [&] { return turn == k; });
        ++turn;
        cv.notify_one();
      }
    });
    for (int k = 0; k < 100; k += 2) {
      ns::unique_lock lock(mutex);
      cv.wait(lock, [&] { return turn == k; });
      ++turn;
      cv.notify_one();
    }
    other.join();
    ns::unique_lock lock(mutex);
    EXPECT_EQ(cv.wait_for(lock, 1ms), ns::cv_status::timeout);
    EXPECT_EQ(cv.wait_until(lock, std::chrono::steady_clock::now()), ns::cv_status::timeout);
    EXPECT_FALSE(cv.wait_for(lock, 1ms, [] { return false; }));
    EXPECT_TRUE(cv.wait_for(lock, 0ms, [] { return true; }));
    EXPECT_TRUE(lock.owns_lock());
  });
}

TEST(SUITE, ConditionVariablesAndStops) {
  run_everywhere([] {
    ns::shared_mutex mutex;
    ns::condition_variable_any cv;
    ns::stop_source source;
    ns::thread t([&] {
      ns::shared_lock lock(mutex);
      EXPECT_FALSE(cv.wait(lock, source.get_token(), [] { return false; }));
      EXPECT_TRUE(cv.wait(lock, source.get_token(), [] { return true; }));
      EXPECT_FALSE(cv.wait_for(lock, source.get_token(), 1h, [] { return false; }));
      EXPECT_FALSE(cv.wait_until(lock, source.get_token(), std::chrono::steady_clock::now() + 1h,
                                 [] { return false; }));
    });
    source.request_stop();
    t.join();
  });
}

// --- semaphores, latches, barriers, once ---

TEST(SUITE, Semaphores) {
  run_everywhere([] {
    ns::counting_semaphore<8> items(0);
    ns::binary_semaphore space(1);
    static_assert(ns::counting_semaphore<8>::max() >= 8);
    static_assert(ns::binary_semaphore::max() >= 1);
    int plain = 0;
    ns::thread producer([&] {
      for (int k = 1; k <= 100; ++k) {
        space.acquire();
        plain = k;
        items.release();
      }
    });
    for (int k = 1; k <= 100; ++k) {
      items.acquire();
      EXPECT_EQ(plain, k);
      space.release();
    }
    producer.join();
    EXPECT_FALSE(items.try_acquire());
    EXPECT_FALSE(items.try_acquire_for(1ms));
    EXPECT_FALSE(items.try_acquire_until(std::chrono::steady_clock::now()));
    items.release(2);
    items.acquire();
    items.acquire();
  });
}

TEST(SUITE, LatchesAndBarriers) {
  run_everywhere([] {
    ns::latch latch(3);
    int phases = 0;
    const auto completion = [&]() noexcept { ++phases; };
    ns::barrier<decltype(completion)> barrier(3, completion);
    std::vector<ns::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&, i] {
        latch.arrive_and_wait();
        for (int k = 1; k <= 20; ++k) {
          barrier.arrive_and_wait();
          EXPECT_EQ(phases, 2 * k - 1);
          barrier.wait(barrier.arrive());
          EXPECT_EQ(phases, 2 * k);
        }
        if (i == 0) {
          barrier.arrive_and_drop();
        } else {
          barrier.arrive_and_wait();
          barrier.arrive_and_wait();
          EXPECT_EQ(phases, 42);
        }
      });
    }
    for (auto& t : threads) t.join();
    EXPECT_TRUE(latch.try_wait());
  });
}

TEST(SUITE, CallOnce) {
  run_everywhere([] {
    ns::once_flag flag;
    int runs = 0;
    if (kOnceMayFail) {
      EXPECT_THROW(ns::call_once(flag, [] { throw std::runtime_error("first"); }),
                   std::runtime_error);
    }
    std::vector<ns::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        ns::call_once(
            flag, [&](std::unique_ptr<int> n) { runs += *n; }, std::make_unique<int>(1));
        EXPECT_EQ(runs, 1);
      });
    }
    for (auto& t : threads) t.join();
  });
}

// --- promises and futures ---

static_assert(!std::is_copy_constructible_v<ns::promise<int>>);
static_assert(!std::is_copy_constructible_v<ns::future<int>>);
static_assert(std::is_copy_constructible_v<ns::shared_future<int>>);
static_assert(std::is_nothrow_move_constructible_v<ns::future<int>>);
static_assert(std::is_same_v<decltype(ns::future<int&>().get()), int&>);
static_assert(std::is_same_v<decltype(ns::shared_future<int>().get()), const int&>);
static_assert(std::is_same_v<decltype(ns::shared_future<void>().get()), void>);

template <class F>
void expect_future_error(ns::future_errc code, F f) {
  try {
    f();
    ADD_FAILURE() << "no exception";
  } catch (const ns::future_error& e) {
    EXPECT_EQ(e.code(), std::make_error_code(code));
  }
}

TEST(SUITE, PromisesAndFutures) {
  run_everywhere([] {
    ns::promise<std::unique_ptr<int>> value;
    ns::promise<int&> reference;
    ns::promise<void> nothing;
    ns::promise<int> error;
    ns::future<std::unique_ptr<int>> a = value.get_future();
    ns::future<int&> b = reference.get_future();
    ns::future<void> c = nothing.get_future();
    ns::future<int> d = error.get_future();
    EXPECT_EQ(a.wait_for(1ms), ns::future_status::timeout);
    EXPECT_EQ(a.wait_until(std::chrono::system_clock::now()), ns::future_status::timeout);
    int n = 1;
    ns::thread t([&] {
      value.set_value(std::make_unique<int>(5));
      reference.set_value(n);
      error.set_exception(std::make_exception_ptr(std::runtime_error("no")));
      nothing.set_value();
    });
    c.wait();
    EXPECT_EQ(c.wait_for(0ms), ns::future_status::ready);
    EXPECT_EQ(*a.get(), 5);
    EXPECT_FALSE(a.valid());
    EXPECT_EQ(&b.get(), &n);
    c.get();
    EXPECT_THROW(d.get(), std::runtime_error);
    t.join();
  });
}

TEST(SUITE, FutureErrors) {
  run_everywhere([] {
    ns::promise<int> p;
    ns::future<int> f = p.get_future();
    expect_future_error(ns::future_errc::future_already_retrieved, [&] { (void)p.get_future(); });
    p.set_value(1);
    expect_future_error(ns::future_errc::promise_already_satisfied, [&] { p.set_value(2); });
    expect_future_error(ns::future_errc::promise_already_satisfied,
                        [&] { p.set_exception(std::make_exception_ptr(1)); });
    EXPECT_EQ(f.get(), 1);
    ns::promise<int> moved = std::move(p);
    expect_future_error(ns::future_errc::no_state, [&] {
      p.set_value(3);  // NOLINT(bugprone-use-after-move)
    });
    ns::future<int> broken;
    {
      ns::promise<int> dropped;
      broken = dropped.get_future();
      EXPECT_EQ(broken.wait_for(0ms), ns::future_status::timeout);
    }
    EXPECT_TRUE(broken.valid());
    expect_future_error(ns::future_errc::broken_promise, [&] { (void)broken.get(); });
    ns::promise<int> one, two;
    ns::future<int> of_one = one.get_future();
    swap(one, two);
    two.set_value(7);
    EXPECT_EQ(of_one.get(), 7);
  });
}

TEST(SUITE, SharedFutures) {
  run_everywhere([] {
    ns::promise<std::string> p;
    ns::shared_future<std::string> shared = p.get_future().share();
    std::vector<ns::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([copy = shared] { EXPECT_EQ(copy.get(), "told"); });
    }
    p.set_value("told");
    for (auto& t : threads) t.join();
    EXPECT_EQ(&shared.get(), &shared.get());
    EXPECT_EQ(shared.wait_for(0ms), ns::future_status::ready);
    EXPECT_TRUE(shared.valid());
  });
}

TEST(SUITE, Sleep) {
  run_everywhere([] {
    const auto start = std::chrono::steady_clock::now();
    ns::this_thread::sleep_for(2ms);
    ns::this_thread::sleep_until(start + 4ms);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 4ms);
  });
}

using SUITE_DEATHS = umcg_test::DeathTest;

TEST_F(SUITE_DEATHS, ThreadDestroyedJoinable) {
  EXPECT_DEATH(run_everywhere([] { ns::thread t([] {}); }), "");
  EXPECT_DEATH(run_everywhere([] {
                 ns::thread t([] {});
                 t = ns::thread();
               }),
               "");
}

TEST_F(SUITE_DEATHS, ExceptionLeavesAThread) {
  EXPECT_DEATH(run_everywhere([] {
                 ns::thread t([] { throw std::runtime_error("out"); });
                 t.join();
               }),
               "");
}

}  // namespace
