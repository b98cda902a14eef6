// SPDX-License-Identifier: Apache-2.0
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// rawSleep is nanosleep(2) through syscall.Syscall, Go's hook for calls that may block.
func rawSleep(d time.Duration) {
	left := syscall.NsecToTimespec(d.Nanoseconds())
	for {
		_, _, errno := syscall.Syscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&left)),
			uintptr(unsafe.Pointer(&left)), 0)
		if errno == 0 {
			return
		}
	}
}

//go:noinline
func work(steps int) uint64 {
	x := uint64(88172645463325252)
	for i := 0; i < steps; i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// stepsFor says how many steps take so long here, by the fastest of many short trials.
func stepsFor(d time.Duration) int {
	const steps = 100000
	fastest := 0.0
	for trial := 0; trial < 200; trial++ {
		start := time.Now()
		work(steps)
		if rate := steps / float64(time.Since(start).Nanoseconds()); rate > fastest {
			fastest = rate
		}
	}
	return int(fastest * float64(d.Nanoseconds()))
}

var workSteps int

func calibrate() { workSteps = stepsFor(50 * time.Microsecond) }

// rawBlock: block(task) is called in each round.
func rawBlock(tasks, rounds int, yield bool, block func(task int)) func() (int, bool) {
	return func() (int, bool) {
		if smoke {
			tasks, rounds = min(tasks, 40), min(rounds, 3)
		}
		sums := make([]uint64, tasks)
		together(tasks, func(i int) {
			for round := 0; round < rounds; round++ {
				block(i)
				sums[i] += work(workSteps)
				if yield {
					runtime.Gosched()
				}
			}
		})
		sum := uint64(0)
		for _, s := range sums {
			sum += s
		}
		return 1, sum == work(workSteps)*uint64(tasks)*uint64(rounds)
	}
}

func sleepBlock(int) { rawSleep(time.Millisecond) }

// timers are descriptors to read(2) from, one for each task.
var timers []int

func prepareTimers(tasks int) func() {
	return func() {
		calibrate()
		if smoke {
			tasks = min(tasks, 40)
		}
		for len(timers) < tasks {
			fd, _, errno := syscall.RawSyscall(syscall.SYS_TIMERFD_CREATE, 1, 0, 0)
			if errno != 0 {
				fmt.Fprintln(os.Stderr, "timerfd_create:", errno)
				os.Exit(1)
			}
			timers = append(timers, int(fd))
		}
	}
}

// readBlock waits in read(2) for 1 ms; syscall.Read is Go's hook for calls that may block.
func readBlock(task int) {
	once := [4]int64{3: int64(time.Millisecond)}
	syscall.RawSyscall6(syscall.SYS_TIMERFD_SETTIME, uintptr(timers[task]), 0,
		uintptr(unsafe.Pointer(&once)), 0, 0, 0)
	var expirations [8]byte
	if n, err := syscall.Read(timers[task], expirations[:]); n != 8 {
		fmt.Fprintln(os.Stderr, "timerfd:", err)
		os.Exit(1)
	}
}

func hogSteps() int {
	if smoke {
		return stepsFor(200 * time.Microsecond)
	}
	return stepsFor(20 * time.Millisecond)
}

// delaysBesideHogs says what act notes in so many delays, in ns, beside so many goroutines that
// compute 20 ms between yields.
func delaysBesideHogs(hogs, rounds int, act func(delays []float64)) (map[string]float64, bool) {
	steps := hogSteps()
	var stop atomic.Bool
	var running sync.WaitGroup
	running.Add(hogs)
	for i := 0; i < hogs; i++ {
		go func() {
			for !stop.Load() {
				work(steps)
				runtime.Gosched()
			}
			running.Done()
		}()
	}
	delays := make([]float64, rounds)
	act(delays)
	stop.Store(true)
	running.Wait()
	sort.Float64s(delays)
	at := func(q float64) float64 { return delays[int(q*float64(rounds-1))] }
	return map[string]float64{"ns_per_op": at(0.5), "p99_ns": at(0.99)}, true
}

// sleeper says how late a sleep of 1 ms ends beside so many goroutines that compute.
func sleeper(hogs, rounds int) func() (map[string]float64, bool) {
	return func() (map[string]float64, bool) {
		return delaysBesideHogs(hogs, fullOrSmoke(rounds, 5), func(delays []float64) {
			for i := range delays {
				due := time.Now().Add(time.Millisecond)
				time.Sleep(time.Millisecond)
				delays[i] = float64(time.Since(due).Nanoseconds())
			}
		})
	}
}

// wokenBesideHogs says how late a goroutine runs that another one sends to after each 5 ms in a
// blocking call, beside one for each CPU that computes.
func wokenBesideHogs() (map[string]float64, bool) {
	rounds := fullOrSmoke(100, 5)
	return delaysBesideHogs(runtime.GOMAXPROCS(0), rounds, func(delays []float64) {
		due := make(chan time.Time, rounds)
		go func() {
			for i := 0; i < rounds; i++ {
				at := time.Now().Add(5 * time.Millisecond)
				rawSleep(5 * time.Millisecond)
				due <- at
			}
		}()
		for i := range delays {
			delays[i] = float64(time.Since(<-due).Nanoseconds())
		}
	})
}

// hogTasks also says how many threads the process has afterwards: Go keeps them.
func hogTasks() (map[string]float64, bool) {
	tasks, steps := fullOrSmoke(200, 20), hogSteps()
	once := work(steps)
	var right atomic.Int64
	start := time.Now()
	together(tasks, func(int) {
		if work(steps) == once {
			right.Add(1)
		}
	})
	each := float64(time.Since(start).Nanoseconds()) / float64(tasks)
	threads, err := os.ReadDir("/proc/self/task")
	return map[string]float64{"ns_per_op": each, "os_threads": float64(len(threads))},
		err == nil && right.Load() == int64(tasks)
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func residentBytes() float64 {
	var size, resident int
	file, err := os.Open("/proc/self/statm")
	if err != nil {
		return 0
	}
	defer file.Close()
	fmt.Fscan(file, &size, &resident)
	return float64(resident * os.Getpagesize())
}

// warmMemory fetches as much memory as is needed soon, and gives nearly all of it back: see
// million_bench.cc.
func warmMemory(count int) {
	const piece = 1 << 20
	pieces := 5*1024*count/piece + 1
	memory, err := syscall.Mmap(-1, 0, pieces*piece, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_NORESERVE|syscall.MAP_POPULATE)
	if err != nil {
		return
	}
	for at := 0; at < len(memory); at += piece {
		syscall.Madvise(memory[at+os.Getpagesize():at+piece], syscall.MADV_DONTNEED)
	}
}

// parked is called in a process that has done nothing else.
func parked(full int) func() (map[string]float64, bool) {
	return func() (map[string]float64, bool) {
		count := fullOrSmoke(full, 2000)
		warmMemory(count)
		gate := make(chan struct{})
		var parked, woken atomic.Int64
		var all sync.WaitGroup
		all.Add(count)
		before := residentBytes()

		start := time.Now()
		for i := 0; i < count; i++ {
			go func() {
				parked.Add(1)
				<-gate
				woken.Add(1)
				all.Done()
			}()
		}
		for parked.Load() < int64(count) {
			runtime.Gosched()
		}
		runtime.Gosched() // the last one is counted and not yet parked
		created := time.Since(start)
		resident := residentBytes()

		wake := time.Now()
		close(gate)
		all.Wait()
		ended := time.Since(wake)
		each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(count) }
		return map[string]float64{
			"create_ns":       each(created),
			"wake_join_ns":    each(ended),
			"bytes_per_fiber": (resident - before) / float64(count),
		}, woken.Load() == int64(count)
	}
}
