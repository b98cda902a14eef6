// SPDX-License-Identifier: Apache-2.0
package main

import (
	"sync"
	"sync/atomic"
)

// A channel that carries one value is Go's promise, and its future.
func newPromise() chan int { return make(chan int, 1) }

func keepAlone() (int, bool) {
	count, sum := fullOrSmoke(50000, 1000), 0
	for i := 0; i < count; i++ {
		promise := newPromise()
		promise <- i
		sum += <-promise
	}
	return count, sum == count*(count-1)/2
}

func keepInTurn() (int, bool) {
	rounds, sum := fullOrSmoke(10000, 100), 0
	asked, answered := make([]chan int, rounds), make([]chan int, rounds)
	for i := range asked {
		asked[i], answered[i] = newPromise(), newPromise()
	}
	together(2, func(side int) {
		for i := range asked {
			if side == 0 {
				answered[i] <- <-asked[i] + 1
			} else {
				asked[i] <- i
				sum += <-answered[i]
			}
		}
	})
	return rounds, sum == rounds*(rounds-1)/2+rounds
}

func allOf100() (int, bool) {
	rounds, right := fullOrSmoke(100, 2), true
	made := make(chan [100]chan int, 1)
	together(2, func(side int) {
		for round := 0; round < rounds; round++ {
			if side == 0 {
				for i, promise := range <-made {
					promise <- i
				}
				continue
			}
			var promises [100]chan int
			for i := range promises {
				promises[i] = newPromise()
			}
			made <- promises
			sum := 0
			for _, promise := range promises {
				sum += <-promise
			}
			right = right && sum == 100*99/2
		}
	})
	return rounds, right
}

func scopes() (int, bool) {
	rounds, right := fullOrSmoke(50, 2), true
	var slots [100]int
	for round := 0; round < rounds; round++ {
		together(len(slots), func(i int) { slots[i]++ })
	}
	for _, slot := range slots {
		right = right && slot == rounds
	}
	return rounds * len(slots), right
}

func postAll() (int, bool) {
	count, sum := fullOrSmoke(2000, 200), 0
	slots := make([]int, count)
	var group sync.WaitGroup
	group.Add(count)
	for i := 0; i < count; i++ {
		go func(i int) {
			slots[i] += i + 1
			group.Done()
		}(i)
	}
	group.Wait()
	for _, slot := range slots {
		sum += slot
	}
	return count, sum == count*(count+1)/2
}

// element is what is done with one element of a loop.
func element(i uint64) uint64 {
	i ^= i >> 31
	i *= 0x9e3779b97f4a7c15
	i ^= i >> 29
	return i * 0xbf58476d1ce4e5b9
}

func sumOf(from, to int) uint64 {
	sum := uint64(0)
	for i := from; i < to; i++ {
		sum += element(uint64(i))
	}
	return sum
}

var (
	loopElements = fullOrSmoke(10000000, 100000)
	loopSum      uint64
)

func prepareLoop() { loopSum = sumOf(0, loopElements) }

func parallelFor(parts int) func() (int, bool) {
	return func() (int, bool) {
		parts := fullOrSmoke(parts, 64)
		var sum atomic.Uint64
		together(parts, func(part int) {
			sum.Add(sumOf(loopElements*part/parts, loopElements*(part+1)/parts))
		})
		return 1, sum.Load() == loopSum
	}
}
