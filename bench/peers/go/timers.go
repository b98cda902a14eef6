// SPDX-License-Identifier: Apache-2.0
package main

import (
	"math/rand"
	"time"
)

// The armed timers, of one hour or more, and which of them is the oldest.
var (
	armed  []*time.Timer
	oldest int
)

func newTimer() *time.Timer {
	return time.AfterFunc(time.Hour+time.Duration(rand.Int31())*time.Microsecond, func() {})
}

func armTimers(count int) func() {
	return func() {
		if smoke && count > 1000 {
			count = 1000
		}
		for len(armed) < count {
			armed = append(armed, newTimer())
		}
	}
}

// replaceTimers cancels the oldest timer and arms another in its place, again and again.
func replaceTimers() (int, bool) {
	count, right := fullOrSmoke(20000, 1000), true
	for i := 0; i < count; i++ {
		right = armed[oldest].Stop() && right
		armed[oldest] = newTimer()
		oldest = (oldest + 1) % len(armed)
	}
	return count, right
}

// acquireWithin is how Go waits for a semaphore with a deadline.
func (s semaphore) acquireWithin(d time.Duration) bool {
	limit := time.NewTimer(d)
	defer limit.Stop()
	select {
	case <-s:
		return true
	case <-limit.C:
		return false
	}
}

func timedPingPong() (int, bool) {
	rounds, visits := fullOrSmoke(10000, 100), 0
	ping, pong := newSemaphore(), newSemaphore()
	rights := [2]bool{true, true}
	together(2, func(side int) {
		for i := 1; i <= rounds; i++ {
			if side == 0 {
				rights[side] = ping.acquireWithin(time.Hour) && rights[side]
				visits++
				pong.release()
			} else {
				ping.release()
				rights[side] = pong.acquireWithin(time.Hour) && rights[side] && visits == i
			}
		}
	})
	return rounds, rights[0] && rights[1]
}
