// SPDX-License-Identifier: Apache-2.0
package main

import (
	"runtime"
	"sync"
)

// A semaphore of one permit at most, as Go's users make it.
type semaphore chan struct{}

func newSemaphore() semaphore { return make(chan struct{}, 1) }
func (s semaphore) acquire()  { <-s }
func (s semaphore) release()  { s <- struct{}{} }

// together runs f(0) ... f(n-1) as goroutines and waits for all.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	all.Add(n)
	for i := 0; i < n; i++ {
		go func(i int) {
			f(i)
			all.Done()
		}(i)
	}
	all.Wait()
}

func yieldAmong(goroutines int) func() (int, bool) {
	return func() (int, bool) {
		each := fullOrSmoke(200000, 1000) / goroutines
		counts := make([]int, goroutines)
		together(goroutines, func(i int) {
			for counts[i] < each {
				runtime.Gosched()
				counts[i]++
			}
		})
		total := 0
		for _, count := range counts {
			total += count
		}
		return total, total == each*goroutines
	}
}

func spawnSerial() (int, bool) {
	count, ran := fullOrSmoke(10000, 100), 0
	for i := 0; i < count; i++ {
		done := make(chan struct{})
		go func() {
			ran++
			close(done)
		}()
		<-done
	}
	return count, ran == count
}

var batchSlots = make([]int, fullOrSmoke(10000, 1000))

func spawnBatch() (int, bool) {
	count := len(batchSlots)
	together(count, func(i int) { batchSlots[i] += i })
	sum := 0
	for i := range batchSlots {
		sum += batchSlots[i]
		batchSlots[i] = 0
	}
	return count, sum == count*(count-1)/2
}

// A channel that carries the result is Go's join.
func fib(n int) int {
	if n < 2 {
		return n
	}
	result := make(chan int, 1)
	go func() { result <- fib(n - 1) }()
	b := fib(n - 2)
	return <-result + b
}

func fibValue(n int) int {
	a, b := 0, 1
	for i := 0; i < n; i++ {
		a, b = b, a+b
	}
	return a
}

func fibOf(n int) func() (int, bool) {
	return func() (int, bool) { return fibValue(n+1) - 1, fib(n) == fibValue(n) }
}

func skynet(first, leaves int) int {
	if leaves == 1 {
		return first
	}
	results := make(chan int, 10)
	part := leaves / 10
	for i := 0; i < 10; i++ {
		go func(i int) { results <- skynet(first+i*part, part) }(i)
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-results
	}
	return sum
}

func skynetOf(leaves int) func() (int, bool) {
	return func() (int, bool) { return 1, skynet(0, leaves) == leaves*(leaves-1)/2 }
}

func play(rounds int) bool {
	ping, pong := newSemaphore(), newSemaphore()
	visits, right := 0, true
	done := make(chan struct{})
	go func() {
		for i := 0; i < rounds; i++ {
			ping.acquire()
			visits++
			pong.release()
		}
		close(done)
	}()
	for i := 1; i <= rounds; i++ {
		ping.release()
		pong.acquire()
		right = right && visits == i
	}
	<-done
	return right
}

func pingPong(pairs int) func() (int, bool) {
	return func() (int, bool) {
		rounds := fullOrSmoke(40000, 800) / pairs
		rights := make([]bool, pairs)
		together(pairs, func(i int) { rights[i] = play(rounds) })
		for _, right := range rights {
			if !right {
				return rounds * pairs, false
			}
		}
		return rounds * pairs, true
	}
}

func lockAlone() (int, bool) {
	var mutex sync.Mutex
	count, counter := fullOrSmoke(1000000, 1000), 0
	for i := 0; i < count; i++ {
		mutex.Lock()
		counter++
		mutex.Unlock()
	}
	return count, counter == count
}

func lockTogether(each int, yieldInside bool) func() (int, bool) {
	return func() (int, bool) {
		const goroutines = 100
		each := fullOrSmoke(each, 20)
		var mutex sync.Mutex
		counter := 0
		together(goroutines, func(int) {
			for i := 0; i < each; i++ {
				mutex.Lock()
				seen := counter
				if yieldInside {
					runtime.Gosched()
				}
				counter = seen + 1
				mutex.Unlock()
			}
		})
		return goroutines * each, counter == goroutines*each
	}
}

var benchmarks = []benchmark{
	{name: "yield/one_fiber", servers: 1, run: yieldAmong(1)},
	{name: "yield/two_fibers", servers: 1, run: yieldAmong(2)},
	{name: "yield/100_fibers", run: yieldAmong(100)},
	{name: "spawn/serial", run: spawnSerial},
	{name: "spawn/batch_10k", run: spawnBatch},
	{name: "fork_join/fib_20", run: fibOf(20)},
	{name: "fork_join/fib_27", run: fibOf(27)},
	{name: "fork_join/skynet_100k", run: skynetOf(100000)},
	{name: "fork_join/skynet_1m", run: skynetOf(1000000)},
	{name: "ping_pong/pair", run: pingPong(1)},
	{name: "ping_pong/eight_pairs", run: pingPong(8)},
	{name: "channel/unbuffered", run: channelPlay(0)},
	{name: "channel/buffered", run: channelPlay(1)},
	{name: "channel/stream", run: channelStream(1)},
	{name: "channel/many", run: channelStream(4)},
	{name: "channel/select", run: selectFromFour},
	{name: "mutex/uncontended", servers: 1, run: lockAlone},
	{name: "mutex/100_fibers", run: lockTogether(10000, false)},
	{name: "mutex/yield_inside", run: lockTogether(200, true)},
	{name: "shared_mutex/read_alone", servers: 1, quick: true, run: readAndWrite(1, 100000, 0)},
	{name: "shared_mutex/write_alone", servers: 1, quick: true, run: readAndWrite(1, 100000, 1)},
	{name: "shared_mutex/readers", servers: 2, quick: true, run: readAndWrite(crowd, 10000, 0)},
	{name: "shared_mutex/mixed", servers: 2, quick: true, run: readAndWrite(crowd, 10000, 10)},
	{name: "shared_mutex/writers", servers: 2, quick: true, run: readAndWrite(crowd, 10000, 1)},
	{name: "condition_variable/nobody", servers: 1, quick: true, run: notifyNobody},
	{name: "condition_variable/ping_pong", quick: true, run: conditionPingPong},
	{name: "condition_variable/notify_all_16", quick: true, run: notifyAll},
	{name: "semaphore/alone", servers: 1, quick: true, run: semaphoreAlone},
	{name: "semaphore/16_fibers", servers: 2, quick: true, run: sharePermits},
	{name: "event/16_fibers", servers: 2, quick: true, run: eventCrowd},
	{name: "wait_group/alone", servers: 1, quick: true, run: waitGroupAlone},
	{name: "wait_group/16_fibers", servers: 2, quick: true, run: groupsInTurn},
	{name: "latch/alone", servers: 1, quick: true, run: latchAlone},
	{name: "latch/16_fibers", servers: 2, quick: true, run: atLatches},
	{name: "once/alone", servers: 1, quick: true, run: callOnce(1)},
	{name: "once/16_fibers", servers: 2, quick: true, run: callOnce(crowd)},
	{name: "future/alone", servers: 1, quick: true, run: keepAlone},
	{name: "future/round_trip", quick: true, run: keepInTurn},
	{name: "future/when_all_100", quick: true, run: allOf100},
	{name: "scope/children_100", quick: true, run: scopes},
	{name: "timer/arm_cancel", servers: 1, once: true, prepare: armTimers(1), run: replaceTimers},
	{name: "timer/arm_cancel_1m", servers: 1, once: true, prepare: armTimers(1000000), run: replaceTimers},
	{name: "timer/timed_wait", quick: true, run: timedPingPong},
	{name: "timer/sleep_1ms", servers: 1, figures: sleeper(0, 40)},
	{name: "post/batch", quick: true, run: postAll},
	{name: "parallel_for/coarse", quick: true, prepare: prepareLoop, run: parallelFor(64)},
	{name: "parallel_for/fine", quick: true, prepare: prepareLoop, run: parallelFor(2000)},
	{name: "blocking/raw_block", once: true, prepare: calibrate, run: rawBlock(64, 100, false, sleepBlock)},
	{name: "blocking/raw_block_yield", once: true, prepare: calibrate, run: rawBlock(64, 100, true, sleepBlock)},
	{name: "blocking/raw_block_6400", once: true, prepare: calibrate, run: rawBlock(6400, 1, false, sleepBlock)},
	{name: "blocking/read_block", once: true, prepare: prepareTimers(64), run: rawBlock(64, 100, false, readBlock)},
	{name: "blocking/read_block_yield", once: true, prepare: prepareTimers(64), run: rawBlock(64, 100, true, readBlock)},
	{name: "blocking/read_block_6400", once: true, prepare: prepareTimers(6400), run: rawBlock(6400, 1, false, readBlock)},
	{name: "handoff/sleeper_beside_hogs", figures: sleeper(4, 300)},
	{name: "handoff/woken_beside_hogs", figures: wokenBesideHogs},
	{name: "handoff/hog_tasks", figures: hogTasks},
	{name: "million/parked_1m", servers: 1, figures: parked(1000000)},
	{name: "million/parked_100k", servers: 1, figures: parked(100000)},
}
