// SPDX-License-Identifier: Apache-2.0
package main

import (
	"sync"
	"sync/atomic"
)

// How many meet in the contended lines.
const crowd = 16

// Each writeEach-th lock is exclusive; 0: none.
func readAndWrite(goroutines, each, writeEach int) func() (int, bool) {
	return func() (int, bool) {
		each := fullOrSmoke(each, 20)
		var mutex sync.RWMutex
		var wrong atomic.Int64
		a, b := 0, 0 // equal whenever the lock is free
		visit := func(int) {
			for i := 0; i < each; i++ {
				if writeEach != 0 && i%writeEach == 0 {
					mutex.Lock()
					a++
					b++
					mutex.Unlock()
				} else {
					mutex.RLock()
					equal := a == b
					mutex.RUnlock()
					if !equal {
						wrong.Add(1)
					}
				}
			}
		}
		if goroutines == 1 {
			visit(0)
		} else {
			together(goroutines, visit)
		}
		writes := 0
		if writeEach != 0 {
			writes = (each + writeEach - 1) / writeEach * goroutines
		}
		return goroutines * each, wrong.Load() == 0 && a == writes && b == writes
	}
}

func notifyNobody() (int, bool) {
	count, done := fullOrSmoke(100000, 1000), 0
	changed := sync.NewCond(&sync.Mutex{})
	for ; done < count; done++ {
		changed.Signal()
	}
	return count, done == count
}

func conditionPingPong() (int, bool) {
	rounds, value := fullOrSmoke(10000, 200), 0
	var mutex sync.Mutex
	changed := sync.NewCond(&mutex)
	together(2, func(side int) {
		for i := 0; i < rounds; i++ {
			mutex.Lock()
			for value != 2*i+side {
				changed.Wait()
			}
			value++
			changed.Signal()
			mutex.Unlock()
		}
	})
	return rounds, value == 2*rounds
}

func notifyAll() (int, bool) {
	rounds := fullOrSmoke(1000, 20)
	var mutex sync.Mutex
	proceed, gathered := sync.NewCond(&mutex), sync.NewCond(&mutex)
	round, waiting, woken := 0, 0, 0
	together(crowd+1, func(member int) {
		mutex.Lock()
		defer mutex.Unlock()
		if member == crowd {
			for round < rounds {
				for waiting < crowd {
					gathered.Wait()
				}
				waiting = 0
				round++
				proceed.Broadcast()
			}
			return
		}
		for mine := 0; mine < rounds; mine++ {
			if waiting++; waiting == crowd {
				gathered.Signal()
			}
			for round <= mine {
				proceed.Wait()
			}
			woken++
		}
	})
	return crowd * rounds, woken == crowd*rounds
}

func semaphoreAlone() (int, bool) {
	count, done := fullOrSmoke(100000, 1000), 0
	s := newSemaphore()
	s.release()
	for ; done < count; done++ {
		s.acquire()
		s.release()
	}
	return count, done == count
}

func sharePermits() (int, bool) {
	const permits = 4
	each := fullOrSmoke(10000, 20)
	slots := make(chan struct{}, permits)
	taken := make([]int, crowd)
	together(crowd, func(member int) {
		for i := 0; i < each; i++ {
			slots <- struct{}{}
			taken[member]++
			<-slots
		}
	})
	for i := 0; i < permits; i++ {
		slots <- struct{}{} // none was lost, or this waits for ever
	}
	total := 0
	for _, n := range taken {
		total += n
	}
	return crowd * each, total == crowd*each
}

// A channel that is closed is Go's event; it cannot be reset.
func eventCrowd() (int, bool) {
	rounds := fullOrSmoke(1000, 20)
	events, said := make([]chan struct{}, rounds), make([]int, rounds)
	for i := range events {
		events[i] = make(chan struct{})
	}
	var heard atomic.Int64
	together(crowd, func(member int) {
		sum := 0
		for round := range events {
			if round%crowd == member {
				said[round] = round
				close(events[round])
			} else {
				<-events[round]
			}
			sum += said[round]
		}
		heard.Add(int64(sum))
	})
	return rounds, heard.Load() == int64(crowd*rounds*(rounds-1)/2)
}

func waitGroupAlone() (int, bool) {
	count, done := fullOrSmoke(100000, 1000), 0
	var group sync.WaitGroup
	for ; done < count; done++ {
		group.Add(1)
		group.Done()
		group.Wait()
	}
	return count, done == count
}

// makeGroups: Go's wait group is its latch too.
func makeGroups(n int) []sync.WaitGroup {
	groups := make([]sync.WaitGroup, n)
	for i := range groups {
		groups[i].Add(crowd)
	}
	return groups
}

func groupsInTurn() (int, bool) {
	type ownLine struct {
		rounds atomic.Int64
		_      [56]byte
	}
	rounds, right := fullOrSmoke(1000, 20), true
	groups := makeGroups(rounds)
	var progress [crowd]ownLine
	together(crowd+1, func(member int) {
		for round := range groups {
			if member < crowd {
				progress[member].rounds.Store(int64(round + 1))
				groups[round].Done()
				continue
			}
			groups[round].Wait()
			for i := range progress {
				right = right && progress[i].rounds.Load() > int64(round)
			}
		}
	})
	return crowd * rounds, right
}

func latchAlone() (int, bool) {
	count, done := fullOrSmoke(100000, 1000), 0
	for ; done < count; done++ {
		var latch sync.WaitGroup
		latch.Add(1)
		latch.Done()
		latch.Wait()
	}
	return count, done == count
}

func atLatches() (int, bool) {
	rounds := fullOrSmoke(1000, 20)
	latches := makeGroups(rounds)
	var arrived, wrong atomic.Int64
	together(crowd, func(int) {
		for round := range latches {
			arrived.Add(1)
			latches[round].Done()
			latches[round].Wait()
			if arrived.Load() < int64(crowd*(round+1)) {
				wrong.Add(1)
			}
		}
	})
	return rounds, wrong.Load() == 0 && arrived.Load() == int64(crowd*rounds)
}

func callOnce(goroutines int) func() (int, bool) {
	return func() (int, bool) {
		each := fullOrSmoke(1000000, 1000) / goroutines
		var flag sync.Once
		runs, calls := 0, make([]int, goroutines)
		together(goroutines, func(i int) {
			own := 0
			for ; own < each; own++ {
				flag.Do(func() { runs++ })
			}
			calls[i] = own
		})
		total := 0
		for _, n := range calls {
			total += n
		}
		return total, runs == 1 && total == each*goroutines
	}
}
